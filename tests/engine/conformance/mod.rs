//! Runs recorded Kafka Streams scenarios against this engine, through its public API only.
//!
//! A topology is built from its list of steps (`topology`, `steps`), fed entry by entry (`case`), and compared with what
//! Kafka Streams answered: outputs in order with their headers, dropped counts (`outputs`), final stores (`rows`), changelogs
//! and repartition topics (`logs`), and the text of `describe` (`described`). Every case can be run in several ways
//! (`mode`). Cases that were transcribed from Kafka's own tests, the older format, become such topologies too
//! (`transcribed`). A topology with a step this engine does not have is skipped by name; a deviation on purpose is one that
//! `docs/differences.md` lists (`differences`). Shared by the test and by `examples/conformance.rs`.

mod case;
mod described;
mod differences;
mod functions;
mod logs;
mod mode;
mod outputs;
mod record;
mod report;
mod rows;
mod run;
mod steps;
mod topology;
mod transcribed;
mod value;

pub(crate) use mode::Mode;
pub(crate) use report::Report;
pub(crate) use run::run;
