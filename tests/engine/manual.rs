//! The manual for people who come from Kafka Streams names what is there.

use std::path::{Path, PathBuf};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => sources(&path, found),
            false if path.extension().is_some_and(|it| it == "rs") => found.push(path),
            false => {}
        }
    }
}

/// All code of the engine and of its stores, comments aside.
fn code() -> String {
    let mut files = Vec::new();
    ["src", "state/src"].iter().for_each(|room| sources(&Path::new(ROOT).join(room), &mut files));
    let texts = files.iter().map(|file| std::fs::read_to_string(file).unwrap());
    texts
        .flat_map(|text| text.lines().map(|it| it.trim().to_owned() + "\n").collect::<Vec<_>>())
        .filter(|line| !line.starts_with("//"))
        .collect()
}

#[test]
fn the_manual_for_kafka_streams_users_names_what_is_there() {
    let (manual, code) =
        (std::fs::read_to_string(Path::new(ROOT).join("docs/coming-from-kafka-streams.md")).unwrap(), code());
    let paths: Vec<&str> = manual.split('`').skip(1).step_by(2).filter(|it| it.contains("::")).collect();
    assert!(paths.len() > 80, "only {} names found", paths.len());
    for path in paths {
        let (of, name) = path.split('(').next().unwrap().split_once("::").unwrap();
        let kinds = ["struct", "enum", "trait"];
        assert!(kinds.iter().any(|kind| code.contains(&format!("pub {kind} {of}"))), "no type {of}");
        let forms = [format!("fn {name}<"), format!("fn {name}("), format!("{name} {{"), format!("{name},")];
        assert!(forms.iter().any(|form| code.contains(form)), "{of} has no {name}");
    }
}

#[test]
fn every_file_and_setting_the_manual_names_is_there() {
    let manual = std::fs::read_to_string(Path::new(ROOT).join("docs/coming-from-kafka-streams.md")).unwrap();
    let quoted: Vec<&str> = manual.split('`').skip(1).step_by(2).collect();
    let rooms = ["src/", "state/", "tests/", "docs/", "examples/"];
    for path in quoted.iter().filter(|it| rooms.iter().any(|room| it.starts_with(room))) {
        assert!(Path::new(ROOT).join(path).exists(), "{path}");
    }
    let keys: Vec<&str> = topo::config::engine_keys().iter().map(|key| key.name).collect();
    let configuration = manual.split("## Configuration").nth(1).unwrap().split("## ").next().unwrap();
    for row in configuration.lines().filter(|line| line.starts_with("| `")) {
        let ours = row.split('|').nth(2).unwrap();
        for named in ours.split('`').skip(1).step_by(2).filter(|it| it.contains('.') && !it.contains('*')) {
            assert!(keys.contains(&named), "{named} is no setting");
        }
    }
}
