//! One partition's work: records and time come in, an outbox goes out. Pure and synchronous.
//!
//! A [`Task`] runs one sub-topology over one partition of its topics. It owns the running nodes, their stores, the queues
//! of its inputs, stream time and punctuations. What is absent here: broker, threads, clocks, async. The caller fetches,
//! sends and commits; the order it has to keep is the state machine in `stage`.
//!
//! - `task`: the task and the way of one record; `assembly`: nodes and stores made from the graph;
//! - `inputs`: queues and which record comes next; `punctuation`: what is due; `quiet`: time without records;
//! - `faults`: what becomes of a record that failed; `outbox`: what waits to be sent;
//! - `commit`: prepare, committed, aborted; `changelog`: changes as bytes; `times`: stream times in the checkpoint;
//!   `expiring`: what a changelog need not keep;
//! - `global`: tables that every process has in full.

mod assembly;
mod changelog;
mod commit;
mod config;
mod error;
mod expiring;
mod faults;
mod global;
mod inputs;
mod outbox;
mod punctuation;
mod quiet;
mod stage;
#[expect(clippy::module_inception, reason = "the room is named after its main thing")]
mod task;
mod times;

#[cfg(test)]
mod global_tests;
#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod tests;

pub(crate) use changelog::Changelog;
pub(crate) use config::TaskConfig;
pub(crate) use error::{Place, TaskError};
pub(crate) use global::{GlobalStores, GlobalTask};
pub(crate) use outbox::{Origin, Output};
pub(crate) use task::Task;
