//! Tests of the room `topologies`.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking, like the tests themselves")]

/// Real services in scratch directories.
#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "shared by several test binaries")]
mod support;

/// Kafka, database and processes together.
mod system;

/// Debezium's own wire forms, sample by sample.
mod debezium;
/// Made-up input is consistent.
mod generate;
/// The PostgreSQL exit on a real PostgreSQL.
mod ods;
/// Five processes, killed again and again.
mod kills;
/// The samples, byte for byte, through the processes.
mod samples_on_kafka;
/// Waiting, readiness and the end of processes.
mod stops;
