//! Kafka Streams' recorded answers are ours, for every operator there is.

use std::path::Path;

use crate::conformance::run_directory;

#[test]
fn every_recorded_answer_of_kafka_streams_is_given_here_too() {
    let report = run_directory(Path::new("tests/engine/data/streams"));
    assert_eq!(report.failed, Vec::<String>::new(), "{} cases passed", report.passed);
    assert_eq!(report.skipped, Vec::<String>::new());
    assert!(report.passed > 300, "only {} cases ran", report.passed);
}
