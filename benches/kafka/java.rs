//! Kafka Streams itself as the measured process: Streams.java and Operators.java beside this file.

use std::path::Path;
use std::process::Command;

use crate::child::Orders;
use crate::support::kafka::{class_path, jars};
use crate::support::scratch::in_repository;

/// What it has not: no time to live, and no time that goes on by itself. `count` is `count-per-commit` there.
const LACKS: [&str; 3] = ["count-ttl", "count-idle-timeout", "count"];

/// Whether it has a family of operators.
pub(crate) fn has(family: &str) -> bool {
    !LACKS.contains(&family)
}

/// Compiles the program into a directory.
pub(crate) fn compile(classes: &Path) {
    let sources = ["Streams.java", "Operators.java"];
    let compiled = Command::new("javac")
        .args(["-nowarn", "-cp", &class_path(&jars(), classes), "-d"])
        .arg(classes)
        .args(sources.map(|it| in_repository(&format!("benches/kafka/{it}")).expect("the program")))
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
