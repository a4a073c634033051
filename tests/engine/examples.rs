//! Every numbered example runs, and its own tests run with it.

macro_rules! examples {
    ($($file:literal $name:ident),+ $(,)?) => {
        $(
            #[path = $file]
            mod $name;
        )+

        const LISTED: &[&str] = &[$($file),+];
    };
}

examples!(
    "../../examples/01_word_count.rs" word_count,
    "../../examples/02_stream_and_table.rs" stream_and_table,
    "../../examples/03_tables.rs" tables,
    "../../examples/04_windows.rs" windows,
    "../../examples/05_final_results.rs" final_results,
    "../../examples/06_processor.rs" processor,
    "../../examples/07_exactly_once.rs" exactly_once,
    "../../examples/08_stream_stream_join.rs" stream_stream_join,
    "../../examples/09_time_to_live.rs" time_to_live,
);

#[test]
fn every_numbered_example_is_listed_here_and_runs_as_one_of_its_tests() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");
    let mut numbered = 0;
    for entry in std::fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if name.starts_with(|first: char| first.is_ascii_digit()) {
            numbered += 1;
            let text = std::fs::read_to_string(entry.path()).unwrap();
            assert!(LISTED.contains(&&*format!("../../examples/{name}")), "{name} is not listed");
            assert!(text.contains("main().unwrap();"), "{name} has no test that runs it");
        }
    }
    assert_eq!(numbered, LISTED.len());
}
