//! What a run has left behind, for the scenario's own model.

use std::collections::BTreeMap;

use topo_state::CodecRef;

use crate::data::Data;
use crate::record::{RawRecord, Record};
use crate::topic::Topic;

/// The committed records of every topic when everything was processed.
#[derive(Debug)]
pub struct Outcome {
    pub(super) application: String,
    pub(super) exactly_once: bool,
    pub(super) topics: BTreeMap<String, Vec<Vec<(i64, RawRecord)>>>,
}

impl Outcome {
    /// Whether each record must have had exactly one effect; otherwise at least one.
    pub fn exactly_once(&self) -> bool {
        self.exactly_once
    }

    /// The committed records of a topic, by partition, each with its offset: inputs, outputs, dead letters. What was
    /// deleted or compacted away during the run is there too.
    pub fn raw(&self, topic: &str) -> &[Vec<(i64, RawRecord)>] {
        self.topics.get(topic).map(Vec::as_slice).unwrap_or_default()
    }

    /// The same of an internal topic, by its name without the application's in front: `by-word-repartition`.
    pub fn internal(&self, topic: &str) -> &[Vec<(i64, RawRecord)>] {
        self.raw(&format!("{}-{topic}", self.application))
    }

    /// The committed records of a topic, by partition, decoded.
    ///
    /// # Errors
    /// A key or value is not what the topic says.
    pub fn read<K: Data, V: Data>(&self, topic: &Topic<K, V>) -> Result<Vec<Vec<Record<K, V>>>, String> {
        let partitions = self.raw(topic.name()).iter();
        let decoded = partitions.map(|records| records.iter().map(|(_, raw)| decode(topic, raw)).collect());
        decoded.collect()
    }
}

fn decode<K: Data, V: Data>(topic: &Topic<K, V>, raw: &RawRecord) -> Result<Record<K, V>, String> {
    Ok(Record {
        key: part(topic.name(), raw.key.as_deref(), &topic.key)?,
        value: part(topic.name(), raw.value.as_deref(), &topic.value)?,
        timestamp: raw.timestamp,
        headers: raw.headers.clone(),
    })
}

fn part<D: Data>(topic: &str, bytes: Option<&[u8]>, codec: &CodecRef<D::Present>) -> Result<D, String> {
    let present = bytes.map(|bytes| codec.decode(bytes)).transpose();
    let present = present.map_err(|error| format!("topic {topic}: {error}"))?;
    D::from_present(present).ok_or_else(|| format!("topic {topic}: a null where none may be"))
}
