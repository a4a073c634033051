//! Kafka Streams itself as the measured process: Streams.java beside this file.

use std::path::Path;
use std::process::Command;

use crate::child::Orders;
use crate::support::kafka::{class_path, jars};
use crate::support::scratch::in_repository;

/// The topologies that it has. It has no foreign-key join: that one takes minutes.
pub(crate) const TOPOLOGIES: [&str; 6] =
    ["pass-through", "count", "windowed-count", "session-count", "stream-table-join", "stream-stream-join"];

/// Compiles the program into a directory.
pub(crate) fn compile(classes: &Path) {
    let compiled = Command::new("javac")
        .args(["-nowarn", "-cp", &class_path(&jars(), classes), "-d"])
        .arg(classes)
        .arg(in_repository("benches/kafka/Streams.java").expect("the program"))
        .status()
        .expect("javac must be installed (scripts/setup.sh)");
    assert!(compiled.success(), "javac ended with {compiled}");
}

/// The program with the orders of a child of ours, as the reference was measured: 2 GB of heap, the JVM's own choices.
pub(crate) fn command(classes: &Path, orders: &Orders) -> Command {
    let mut command = Command::new("java");
    command
        .args(["-Xmx2g", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-cp"])
        .arg(class_path(&jars(), classes))
        .args(["Streams", &orders.topology, &orders.bootstrap, &orders.application])
        .arg(&orders.state_dir)
        .arg(orders.workers.to_string());
    command
}
