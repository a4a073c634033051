//! Generators of input: what a Debezium Oracle connector and a payment system would write to Kafka.
//!
//! Owns: the wire form of the records, byte for byte as the real producers write it (schema wrapper, base64
//! decimals, versions, keys), and a simulated database that keeps the rows consistent. Seeded: the same
//! settings give the same records.
//!
//! Never: reads a clock, sleeps, or writes to a broker. Records come as fast as they are taken.

mod database;
mod orders;
mod payments;
mod pool;
mod rows;
mod template;
mod writer;

pub use orders::{OrdersConfig, OrdersGenerator, orders_topics};
pub use payments::{PaymentsConfig, PaymentsGenerator};

/// A record as it would be produced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireRecord {
    /// Topic to write to.
    pub topic: String,
    /// Key bytes.
    pub key: Option<Vec<u8>>,
    /// Value bytes; `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    /// Timestamp, milliseconds since 1970.
    pub timestamp_ms: i64,
    /// Headers in their order.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

impl WireRecord {
    /// The partition Kafka's default partitioner chooses; a null key always goes to partition 0 here, so that
    /// runs repeat.
    pub fn partition(&self, partitions: i32) -> i32 {
        self.key.as_deref().map_or(0, |key| topo::partition_of(key, partitions))
    }
}
