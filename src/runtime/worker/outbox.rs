//! Records on their way to the producer, in order: outputs, repartition records, dead letters, changelog records.
//!
//! A full producer queue loses no place: the record stays at the head until it is taken. A record that can never be
//! written becomes a dead letter without its value, by the production policy; a changelog record never does.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::super::config::FaultPolicy;
use super::super::error::Error;
use super::super::observer::Event;
use super::super::plan::Plan;
use super::super::shared::Shared;
use super::truncate::truncated;
use super::writer::Writer;
use crate::broker::{BrokerError, Outgoing};
use crate::partitioner::partition_of;
use crate::processor::Emitted;
use crate::record::Headers;

/// A record on its way.
pub(crate) struct Outbound {
    pub(crate) record: Emitted,
    /// The changelog's slot; `None` for everything else.
    pub(crate) slot: Option<usize>,
    /// What is left of it was too large once; it is given up only piece by piece.
    pub(crate) shortened: Shortened,
}

/// How much a dead letter was shortened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Shortened {
    /// Not at all.
    #[default]
    No,
    /// Without its value.
    Value,
    /// Without value and key.
    Key,
}

/// The queue in front of the producer.
#[derive(Default)]
pub(crate) struct Outbox {
    queue: VecDeque<Outbound>,
    /// Sizes the broker refused, per topic: a record of this size or more is too large there.
    refused: BTreeMap<Arc<str>, usize>,
    /// Next partition of records without key, per topic.
    round: BTreeMap<Arc<str>, i32>,
    /// Records handed over since the last look, per topic.
    sent: BTreeMap<Arc<str>, u64>,
}

impl Outbox {
    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Appends a task's output.
    pub(crate) fn push(&mut self, record: Emitted) {
        self.queue.push_back(Outbound { record, slot: None, shortened: Shortened::No });
    }

    /// Appends a changelog record.
    pub(crate) fn push_changelog(&mut self, slot: usize, record: Emitted) {
        self.queue.push_back(Outbound { record, slot: Some(slot), shortened: Shortened::No });
    }

    /// Forgets what waits: the transaction it belonged to is aborted.
    pub(crate) fn clear(&mut self) {
        self.queue.clear();
        self.sent.clear();
    }

    /// The broker refused a record of this size after it was queued: later ones must not get that far.
    pub(crate) fn refuse(&mut self, topic: &str, bytes: usize) {
        let limit = self.refused.entry(topic.into()).or_insert(bytes);
        *limit = (*limit).min(bytes);
    }

    /// Hands records to the producer until it is full or nothing waits. Returns whether any was taken.
    pub(crate) fn flush(&mut self, writer: &mut Writer, shared: &Shared, plan: &Plan) -> Result<bool, Error> {
        let mut moved = false;
        while let Some(front) = self.queue.front_mut() {
            let partition = match front.record.partition {
                Some(partition) => partition,
                None => {
                    let chosen = choose(&front.record, plan, &mut self.round)?;
                    // Kept, so that a full queue does not move a record without key to another partition.
                    *front.record.partition.insert(chosen)
                }
            };
            let limit = self.refused.get(&front.record.topic).copied().unwrap_or(usize::MAX);
            match send(&front.record, partition, front.slot, limit.min(shared.config.max_record_bytes), writer) {
                Ok(()) => {
                    count(&mut self.sent, &front.record.topic);
                    self.queue.pop_front();
                    moved = true;
                }
                Err(BrokerError::QueueFull) => break,
                Err(BrokerError::RecordTooLarge { bytes, detail, .. }) => {
                    self.too_large(shared, bytes, detail)?;
                    moved = true;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(moved)
    }

    /// Tells the observer what was handed over.
    pub(crate) fn report(&mut self, shared: &Shared) {
        for (topic, count) in std::mem::take(&mut self.sent) {
            shared.tell(&Event::Produced { topic: &topic, count });
        }
    }

    /// The record at the head can never be written: what the production policy says becomes of it.
    fn too_large(&mut self, shared: &Shared, bytes: usize, detail: String) -> Result<(), Error> {
        let Some(front) = self.queue.pop_front() else { return Ok(()) };
        let topic = front.record.topic.clone();
        let what = match (front.slot, shared.config.policies.production) {
            (Some(_), _) => "a changelog record",
            (None, FaultPolicy::Stop) => "an output record",
            (None, FaultPolicy::Skip) => {
                shared.warn(&format!("an output record of {bytes} bytes for {topic} was skipped: {detail}"));
                return Ok(());
            }
            (None, FaultPolicy::DeadLetter) if front.shortened == Shortened::Key => "a dead letter",
            (None, FaultPolicy::DeadLetter) => {
                shared.tell(&Event::Truncated { topic: &topic, bytes });
                self.queue.push_front(truncated(front, &shared.dead_letter_topic(), bytes, &detail));
                return Ok(());
            }
        };
        Err(Error::Unwritable { what, topic: topic.to_string(), bytes, detail })
    }
}

fn count(sent: &mut BTreeMap<Arc<str>, u64>, topic: &Arc<str>) {
    match sent.get_mut(topic) {
        Some(count) => *count += 1,
        None => drop(sent.insert(topic.clone(), 1)),
    }
}

/// The key's hash decides, as in Java; records without key take turns.
fn choose(record: &Emitted, plan: &Plan, round: &mut BTreeMap<Arc<str>, i32>) -> Result<i32, Error> {
    let Some(count) = plan.partitions(&record.topic) else {
        return Err(BrokerError::UnknownTopic { topic: record.topic.to_string() }.into());
    };
    Ok(match &record.key {
        Some(key) => partition_of(key, count),
        None => {
            let next = round.entry(record.topic.clone()).or_insert(0);
            let chosen = *next % count.max(1);
            *next = chosen + 1;
            chosen
        }
    })
}

fn send(
    record: &Emitted,
    partition: i32,
    slot: Option<usize>,
    limit: usize,
    writer: &mut Writer,
) -> Result<(), BrokerError> {
    let bytes = size(record);
    // Changelog records have only the broker's limits: one that cannot be written ends the application.
    if slot.is_none() && bytes >= limit {
        let detail = format!("the limit is {limit} bytes");
        return Err(BrokerError::RecordTooLarge { topic: record.topic.to_string(), bytes, detail });
    }
    writer.send(Outgoing {
        topic: &record.topic,
        partition,
        key: record.key.as_deref(),
        value: record.value.as_deref(),
        timestamp: record.timestamp,
        headers: &record.headers,
        slot,
    })
}

/// Bytes of key and value and headers.
pub(super) fn size(record: &Emitted) -> usize {
    let payload = record.key.as_ref().map_or(0, Vec::len) + record.value.as_ref().map_or(0, Vec::len);
    payload + headers_size(&record.headers)
}

fn headers_size(headers: &Headers) -> usize {
    headers.iter().map(|header| header.name.len() + header.value.as_ref().map_or(0, |value| value.len())).sum()
}
