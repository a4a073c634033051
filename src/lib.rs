//! Stateful stream processing on Kafka.

pub mod cli;
pub mod config;
pub mod observe;
