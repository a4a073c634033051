//! Tests of the room `engine`.

#[path = "../support/golden.rs"]
mod golden;

/// Four layers, one value, and where it came from.
mod config;

/// What each command prints and how it exits.
mod cli;
