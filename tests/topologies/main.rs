//! Tests of the room `topologies`.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking, like the tests themselves")]
#![allow(clippy::print_stderr, reason = "a long test tells its seed and what it did")]

/// Real services in scratch directories.
#[path = "../support/mod.rs"]
mod support;

#[path = "../support/golden.rs"]
mod golden;

/// The binary: what it draws, prints and refuses.
mod binary;
/// Kafka, database and processes together.
mod system;

/// The applications as the simulator runs them.
#[path = "../sim/applications.rs"]
mod applications;
/// Debezium's own wire forms, sample by sample.
mod debezium;
/// Both topologies on two processes, one of which crashes, against the model.
mod demo;
/// Made-up input is consistent.
mod generate;
/// Five processes, killed again and again.
mod kills;
/// What `/metrics` of a running process says.
mod metrics;
/// The PostgreSQL exit on a real PostgreSQL.
mod ods;
/// Exits that share the partitions and are killed in the middle of a rebalance.
mod ods_kills;
/// The topology `orders`, rule by rule and against the model.
mod orders;
/// Missing rights, topics that do not fit, bad records: what a process does about them.
mod refusals;
/// The samples, byte for byte, through the processes.
mod samples_on_kafka;
/// Whatever fails, and in whatever order: the outputs are those of the models.
mod simulation;
/// Waiting, readiness and the end of processes.
mod stops;
/// How long a killed process is missed, and what the tools say.
mod takeover;
/// The topology `velocity`, rule by rule and against the model.
mod velocity;
