//! Tests of the room `topologies`.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking, like the tests themselves")]

/// Real services in scratch directories.
#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "shared by several test binaries")]
mod support;

/// Debezium's own wire forms, sample by sample.
mod debezium;
/// Made-up input is consistent.
mod generate;
/// The PostgreSQL exit on a real PostgreSQL.
mod ods;
