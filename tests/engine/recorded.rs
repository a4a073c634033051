//! Kafka Streams' recorded answers are ours, whatever the stores live on and however often they are lost.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::conformance::{Mode, Report, run};

/// The whole corpus where it lies beside the repository, else the part of it that the repository keeps.
fn corpus(part: &str, kept: &str) -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let whole = here.join("../shared/conformance").join(part);
    if whole.is_dir() { whole } else { here.join("tests/engine/data").join(kept) }
}

/// Operators that are still missing; every one of them is met.
const MISSING: [&str; 1] = ["record caches of windows"];

/// Descriptions that still differ.
const UNLIKE: [&str; 0] = [];

fn agrees(modes: &[Mode], at_least: usize) {
    let report: Report = run(&corpus("streams", "streams"), modes).unwrap();
    let shown: Vec<String> = report.failed.iter().take(20).map(ToString::to_string).collect();
    assert!(shown.is_empty(), "{} differ:\n{}", report.failed.len(), shown.join("\n"));
    let missing: BTreeSet<&str> = report.skipped.iter().map(|it| it.missing.as_str()).collect();
    let unknown: Vec<_> = missing.into_iter().filter(|it| !MISSING.contains(it)).collect();
    assert_eq!(unknown, Vec::<&str>::new(), "skipped for the want of these");
    assert!(
        report.passed >= at_least * modes.len(),
        "only {} cases passed, {} were skipped",
        report.passed,
        report.skipped_cases()
    );
}

#[test]
fn every_recorded_answer_of_kafka_streams_is_given_here_too() {
    agrees(&[Mode::Memory], 340);
}

#[test]
fn the_answers_are_the_same_with_stores_in_rocksdb() {
    agrees(&[Mode::Rocks], 340);
}

#[test]
fn the_answers_are_the_same_when_stores_are_lost_and_restored() {
    agrees(&[Mode::Crash(3)], 340);
}

#[test]
fn the_answers_are_the_same_when_stores_are_closed_and_opened_again() {
    agrees(&[Mode::Reopen(40)], 340);
}

#[test]
fn recorded_topologies_are_described_to_the_byte() {
    let report = run(&corpus("describe", "describe"), &[Mode::Memory]).unwrap();
    let unlike: Vec<&str> = report.failed.iter().map(|it| it.id.as_str()).collect();
    assert_eq!(unlike, UNLIKE, "{}", report.failed.iter().map(ToString::to_string).collect::<String>());
    assert!(report.described >= 28);
}
