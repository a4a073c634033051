//! Mistakes that the compiler finds, in words one can act on.
//!
//! Each case is compiled against the library that this test is linked with, so that nothing is built a second time.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use crate::golden::same_as_golden;

const CASES: &str = "tests/engine/compile_fail";

#[test]
fn mistakes_in_wiring_are_compile_errors_that_read_well() {
    let (deps, library) = library();
    let mut cases: Vec<String> = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(CASES))
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_str()?.strip_suffix(".rs").map(str::to_owned))
        .collect();
    cases.sort();
    assert!(cases.len() >= 5, "{cases:?}");
    for case in cases {
        let source = format!("{CASES}/{case}.rs");
        let said = refusal(&source, &deps, &library);
        same_as_golden(&format!("{CASES}/{case}.stderr"), &shown(&said));
    }
}

/// The directory of compiled dependencies, and the library in it that was built last: the one this test runs with, or
/// another build of the same sources.
fn library() -> (PathBuf, PathBuf) {
    let deps = std::env::current_exe().unwrap().parent().unwrap().to_owned();
    let built =
        |path: &PathBuf| path.metadata().and_then(|it| it.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    let is_ours = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with("libtopo-") && name.ends_with(".rlib")
    };
    let files = std::fs::read_dir(&deps).unwrap().map(|entry| entry.unwrap().path());
    let library = files.filter(is_ours).max_by_key(built).expect("the library beside its test");
    (deps, library)
}

/// What the compiler says about a source that it must refuse.
fn refusal(source: &str, deps: &Path, library: &Path) -> String {
    let out = tempfile::tempdir().unwrap();
    let output = Command::new("rustc")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["--edition=2024", "--crate-type=bin", "--emit=metadata", "--color=never"])
        .args(["--diagnostic-width=140", source, "--out-dir"])
        .arg(out.path())
        .arg("--extern")
        .arg(format!("topo={}", library.display()))
        .arg("-L")
        .arg(format!("dependency={}", deps.display()))
        .output()
        .unwrap();
    assert!(!output.status.success(), "{source} compiles, and must not");
    String::from_utf8(output.stderr).unwrap()
}

/// The error itself: up to the notes about where in the library the rule stands, and without the list of all types that
/// would do, which every new one changes.
fn shown(said: &str) -> String {
    let own =
        said.lines().take_while(|line| !line.starts_with("note: ") && !line.starts_with("error: aborting"));
    let mut listing = false;
    let mut lines = Vec::new();
    for line in own {
        listing = line.contains("the following other types implement")
            || listing && line.starts_with("             ");
        if !listing && !line.trim_start().starts_with("and ") {
            lines.push(line.trim_end());
        }
    }
    lines.join("\n").trim_end().to_owned() + "\n"
}
