//! Crash recovery, shown with real processes on a real Kafka: nothing lost, nothing doubled, nothing guessed.
//!
//! One file per kind of fault. Each test does real damage to processes that work (`topo run`), and then reads the
//! topics with a consumer of its own and recomputes everything from the input log with a model that shares no code
//! with the engine (`flow`). What stands in the stores is compared, row by row, with a replay of the committed
//! changelogs (`states`).
//!
//! Rows that wait more than they compute run beside each other, more than there are cores; those that measure time run alone
//! (`flow::Turn`). The short form belongs to `make test`; `TOPO_TEST_CRASH=full` (`make crash`) repeats the faults more often and for longer.
//! `TOPO_TEST_SEED` repeats the choices of a run, `TOPO_TEST_SOAK_MINUTES` sets the length of the soak.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking, like the tests themselves")]
#![allow(clippy::print_stderr, reason = "what a run did is part of its result")]

/// Real services in scratch directories.
#[path = "../../support/mod.rs"]
mod support;

/// Kafka, database and processes together.
#[path = "../system/mod.rs"]
mod system;

/// A system under load, with its model.
mod flow;
/// Short or full.
mod form;
/// Stores against a replay of their changelogs.
mod states;

/// Weaker, and what it still promises.
mod at_least_once;
/// The broker is killed, and stays away.
mod broker;
/// A changelog is deleted, cut or made anew.
mod changelog;
/// A state directory is deleted, damaged, or someone else's.
mod damage;
/// The disk is full.
mod disk;
/// Two processes are given the same place or name.
mod doubles;
/// A process is stopped for so long that it is given up, and then goes on.
mod frozen;
/// Processes are killed at random moments.
mod kills;
/// The way to the broker is cut or stalls.
mod network;
/// PostgreSQL is killed, drops connections, has rows locked.
mod postgres;
/// The power goes.
mod power;
/// Processes come and go as planned.
mod rolling;
/// All of it for a long time, with figures.
mod soak;
/// How long it takes to be back. These rows run alone, and so last: those before them need not wait for each other.
mod timed;
