use crate::golden::same_as_golden;
use std::path::Path;
use topo::{
    config::{Table, engine_keys, render_reference},
    observe::Metrics,
};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn readme() -> String {
    std::fs::read_to_string(Path::new(ROOT).join("README.md")).unwrap()
}

#[test]
fn the_readme_lists_the_keys_there_are() {
    let (readme, reference) = (readme(), render_reference(&Table::new(&[], &[])));
    assert_eq!(reference.lines().count(), engine_keys().len() + 2);
    for line in reference.lines() {
        assert!(
            readme.contains(line),
            "the README lacks this line; `topo config --format markdown` prints them all\n{line}"
        );
    }
}

#[test]
fn every_file_the_readme_names_is_there() {
    let readme = readme();
    let quoted = readme.split('`').skip(1).step_by(2);
    let rooms = ["src/", "state/", "topologies/", "tests/", "docker/", "docs/", "examples/", "scripts/"];
    let named: Vec<&str> = quoted.filter(|it| rooms.iter().any(|room| it.starts_with(room))).collect();
    assert!(named.len() > 15, "only {} paths found: {named:?}", named.len());
    let missing: Vec<&&str> = named.iter().filter(|path| !Path::new(ROOT).join(path).exists()).collect();
    assert!(missing.is_empty(), "named in the README and not there: {missing:?}");
}

#[test]
fn the_manual_lists_every_metric() {
    let head = "# Metrics\n\nServed on `/metrics` in Prometheus' text format 0.0.4. A series appears with its first value.\n\n";
    same_as_golden("docs/metrics.md", &format!("{head}{}", Metrics::reference()));
}
