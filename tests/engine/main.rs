//! Tests of the room `engine`.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

#[path = "../support/golden.rs"]
mod golden;
#[path = "../support/mod.rs"]
mod support;

/// Both brokers keep the promises of the broker's traits.
mod broker_contract;

/// Global tables under the runtime.
mod global_tables;
/// At least once, a start at the end, idle hours, topics that do not fit.
mod guarantees;
/// Processes stepped by hand, on either broker.
mod world;

/// The runtime on a real Kafka: crashes, group protocols, a clean stop.
mod real_kafka;

/// Topologies for the simulator, with models of their own.
#[path = "../sim/mod.rs"]
mod scenarios;

/// Whatever fails, and in whatever order: every record has exactly one effect.
mod simulation;

/// A Kafka Streams application in Java hands its work to ours and takes it back.
mod interop;

/// The services of the tests themselves.
mod services;

/// Four layers, one value, and where it came from.
mod config;

/// What each command prints and how it exits.
mod cli;

/// Stores looked into while their process runs.
mod state_online;

/// An application that is to wait.
mod pausing;

/// More threads and fewer.
mod resizing;

/// Stores read by the program around them.
mod queries;

/// Changelogs without what has expired.
mod trimming;

/// The README says what is true.
mod readme;

/// The manual for Kafka Streams users names what is there.
mod manual;

/// Who may import whom.
mod rooms;

/// The runner of recorded Kafka Streams scenarios.
mod conformance;

/// What Kafka Streams answered, answered here.
mod recorded;

/// The numbered examples do what they say.
mod examples;

/// Mistakes that the compiler finds.
mod compile_fail;

/// Joins that have much to catch up with.
mod catching_up;
/// Rows that expire, with a changelog that agrees.
mod expiry;
/// Time goes on where no records come.
mod idle;
/// Operators keep what they know over crashes and aborts.
mod operators;
/// Sources by pattern: which topics they read.
mod patterns;
/// Processors: steps by name, schedules, commits, stores that are shared or only read, global stores.
mod processors;
/// Sinks that choose topics and partitions.
mod sinks;
/// Sources: where they begin, and where time comes from.
mod sources;

/// Random numbers of a test, and their seed.
mod seeded;

/// One update per row and commit.
mod per_commit;

/// Joins of tables beside a search through all rows.
mod table_joins;

/// Suppression beside a list of what waits.
mod suppression;

/// Stream-stream joins beside a search through all pairs.
mod stream_joins;
/// Windows give the same results whatever is lost on the way.
mod windows;
