//! Tests of the room `topologies`.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking, like the tests themselves")]

/// Real services in scratch directories.
#[path = "../support/mod.rs"]
mod support;

#[path = "../support/golden.rs"]
mod golden;

/// The binary: what it draws, prints and refuses.
mod binary;
/// Debezium's own wire forms, sample by sample.
mod debezium;
/// Both topologies on two processes, one of which crashes, against the model.
mod demo;
/// Made-up input is consistent.
mod generate;
/// The PostgreSQL exit on a real PostgreSQL.
mod ods;
/// The topology `orders`, rule by rule and against the model.
mod orders;
/// The topology `velocity`, rule by rule and against the model.
mod velocity;
