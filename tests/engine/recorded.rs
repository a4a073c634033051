//! Kafka Streams' recorded answers are ours, whatever the stores live on and however often they are lost.

use std::path::Path;

use crate::conformance::{Mode, Report, run};

/// Cases of the corpus: 192 topologies.
const CASES: usize = 1_152;

/// Cases transcribed from Kafka's own tests.
const TRANSCRIBED: usize = 197;

/// Those of them that `docs/differences.md` lists.
const DIFFERENT: usize = 8;

fn corpus(part: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/engine/data").join(part)
}

/// Runs a part of the corpus; nothing may fail, nothing may be left out.
fn agreed(part: &str, mode: Mode) -> Report {
    let report = run(&corpus(part), &[mode]).unwrap();
    let shown: Vec<String> = report.failed.iter().take(20).map(ToString::to_string).collect();
    assert!(shown.is_empty(), "{} differ:\n{}", report.failed.len(), shown.join("\n"));
    let skipped: Vec<String> = report.skipped.iter().map(ToString::to_string).collect();
    assert_eq!(report.skipped_cases(), 0, "{}", skipped.join("\n"));
    report
}

fn agrees(mode: Mode) {
    let report = agreed("streams", mode);
    assert_eq!((report.passed, report.by_design.len()), (CASES, 0));
}

#[test]
fn every_recorded_answer_of_kafka_streams_is_given_here_too() {
    agrees(Mode::Memory);
}

#[test]
fn the_answers_are_the_same_with_stores_in_rocksdb() {
    agrees(Mode::Rocks);
}

#[test]
fn the_answers_are_the_same_when_stores_are_lost_and_restored() {
    agrees(Mode::Crash(3));
}

#[test]
fn the_answers_are_the_same_when_stores_are_closed_and_opened_again() {
    agrees(Mode::Reopen(40));
}

#[test]
fn the_answers_are_the_same_when_stores_in_memory_are_filled_from_their_changelogs_again() {
    agrees(Mode::Refill(7));
}

#[test]
fn what_kafkas_own_tests_expect_is_what_we_do_unless_the_differences_say_otherwise() {
    for mode in [Mode::Memory, Mode::Rocks, Mode::Crash(1)] {
        let report = agreed("transcribed", mode);
        assert_eq!((report.passed, report.by_design.len()), (TRANSCRIBED - DIFFERENT, DIFFERENT));
    }
}

#[test]
fn recorded_topologies_are_described_to_the_byte() {
    let report = agreed("describe", Mode::Memory);
    assert_eq!(report.described, 31);
}
