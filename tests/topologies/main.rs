//! Tests of the room `topologies`.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking, like the tests themselves")]

mod debezium;
mod generate;
