//! The PostgreSQL exit: keeps `cdc_orders_enriched` and its item rows equal to the topic `orders.enriched`.
//!
//! A runnable of its own with a consumer group of its own, so that a database that is down never stops the join.
//! Rows and offsets change in one PostgreSQL transaction, so every state of the topic is applied exactly once:
//!
//! - the place to read on is the one in PostgreSQL; the group's offset in Kafka follows, for tools that show lag;
//! - the offsets are changed only from the values this process read from ([`Database::apply`]): of two processes that
//!   believe they own a partition, one changes the rows and the other finds the offsets moved, drops its batch, and
//!   reads on from there. Group membership only keeps that from being the normal case;
//! - rows carry their place in the topic as version; an older state never replaces a newer one.
//!
//! `sqlx` is named only in `database.rs`. Async is only there too: everything else is a plain loop of bounded steps.

mod batch;
mod database;
mod dead_letters;
mod error;
mod exit;
mod partitions;

pub use batch::{Batch, OrderRow};
pub use database::{Applied, Database};
pub use error::OdsError;
pub use exit::{Done, Exit, OdsConfig, Status};
