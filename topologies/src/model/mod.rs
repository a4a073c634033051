//! The independent model: what the outputs must be, computed from the same input with plain maps.
//!
//! Owns: a second, naive reading of the contract of `orders` and `velocity`, against which runs are checked.
//! It is written to be obviously right, not fast.
//!
//! Never: shares code with the engine or with the processors of the topologies. It uses only the decoder of
//! the input, decimals and time.

mod currency;
mod orders;
mod payments;
mod tables;
#[cfg(test)]
mod tests;

pub use orders::{ExpectedAlerts, OrdersModel, OrdersModelConfig};
pub use payments::{ExpectedVerdict, PaymentsModel, PaymentsModelConfig};

/// A record that must end in the dead letter topic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ExpectedDeadLetter {
    /// Input topic.
    pub topic: String,
    /// Input partition.
    pub partition: i32,
    /// Input offset.
    pub offset: i64,
    /// Name of the error, where the contract fixes one.
    pub error_type: Option<&'static str>,
}

/// How many records had which effect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Records that changed what is stored.
    pub applied: u64,
    /// Records that came before.
    pub duplicates: u64,
    /// Events older than what is stored for their row.
    pub stale: u64,
    /// Tombstones that said nothing new.
    pub tombstones: u64,
    /// Records that are no changes and no errors.
    pub skipped: u64,
    /// Records for the dead letter topic.
    pub dead: u64,
}
