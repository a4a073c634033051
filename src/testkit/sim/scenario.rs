//! What a simulation runs: a topology, its input, and what must come out.

use topo_state::CodecRef;

use super::outcome::Outcome;
use super::random::Random;
use crate::data::Data;
use crate::graph::Topology;
use crate::partitioner::partition_of;
use crate::record::{Headers, RawRecord};
use crate::topic::Topic;

/// A topology under test with its input and an independent model of its output.
pub trait Scenario {
    /// A short name for reports.
    fn name(&self) -> &str;

    /// The topology.
    fn topology(&self) -> Topology;

    /// The topics it reads, with their partition counts.
    fn topics(&self) -> Vec<(String, i32)>;

    /// Those of these topics that are made only when their first record is written, for sources by pattern.
    fn later(&self) -> Vec<String> {
        Vec::new()
    }

    /// The input of one run, in the order in which it is written. Small is good: some dozens of records.
    fn input(&self, random: &mut Random) -> Vec<Input>;

    /// Milliseconds that must pass after the last input is processed before the outcome is looked at, for punctuations.
    fn rest_ms(&self) -> i64 {
        0
    }

    /// Compares what came out with what had to.
    ///
    /// # Errors
    /// What is wrong, for a person.
    fn check(&self, outcome: &Outcome) -> Result<(), String>;
}

/// A record to be written into an input topic.
#[derive(Clone, Debug)]
pub struct Input {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The record.
    pub record: RawRecord,
}

impl Input {
    /// A record for a topic of `partitions` partitions, placed by its key as producers do.
    ///
    /// # Panics
    /// When a codec refuses the datum: a mistake in the test.
    pub fn new<K: Data, V: Data>(
        topic: &Topic<K, V>,
        partitions: i32,
        key: &K,
        value: &V,
        timestamp: i64,
    ) -> Self {
        let key = bytes(topic.name(), key.as_present(), &topic.key);
        let value = bytes(topic.name(), value.as_present(), &topic.value);
        let partition = key.as_deref().map_or(0, |key| partition_of(key, partitions));
        let (key, value) = (key.map(Into::into), value.map(Into::into));
        let record = RawRecord { key, value, timestamp, headers: Headers::new() };
        Self { topic: topic.name().to_owned(), partition, record }
    }
}

fn bytes<T: 'static>(topic: &str, datum: Option<&T>, codec: &CodecRef<T>) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    match datum.map(|datum| codec.encode(datum, &mut bytes)) {
        None => None,
        Some(Ok(())) => Some(bytes),
        Some(Err(error)) => panic!("topic {topic}: {error}"),
    }
}
