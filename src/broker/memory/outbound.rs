//! Records of a writer that are queued but not written, as a client library keeps them.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::cluster::{Cluster, unknown};
use super::log::TransactionNumber;
use crate::broker::block::Blocks;
use crate::broker::limits::Limits;
use crate::broker::{BrokerError, Deliveries, Outgoing};
use crate::record::{Partition, RawRecord};

/// A queued record.
struct Queued {
    topic: Arc<str>,
    partition: i32,
    slot: Option<usize>,
    record: RawRecord,
}

/// What a writer knows about a topic without asking again.
struct KnownTopic {
    name: Arc<str>,
    limits: Limits,
}

/// The queue of one writer.
#[derive(Default)]
pub(super) struct Outbound {
    queue: Vec<Queued>,
    blocks: Blocks,
    topics: FxHashMap<Arc<str>, KnownTopic>,
}

impl Outbound {
    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn clear(&mut self) {
        self.queue.clear();
    }

    /// Copies a record into the queue; refuses one that no topic of that name would take.
    pub(super) fn push(
        &mut self,
        record: Outgoing<'_>,
        now_ms: impl FnOnce() -> i64,
        look_up: impl FnOnce(&str) -> Result<(Arc<str>, Limits), BrokerError>,
    ) -> Result<(), BrokerError> {
        if !self.topics.contains_key(record.topic) {
            let (name, limits) = look_up(record.topic)?;
            self.topics.insert(name.clone(), KnownTopic { name, limits });
        }
        let Some(known) = self.topics.get(record.topic) else { return Err(unknown(record.topic)) };
        known.limits.check(&record, now_ms)?;
        let topic = known.name.clone();
        let record_copy = RawRecord {
            key: record.key.map(|key| self.blocks.copy(key)),
            value: record.value.map(|value| self.blocks.copy(value)),
            timestamp: record.timestamp,
            headers: record.headers.clone(),
        };
        self.queue.push(Queued {
            topic,
            partition: record.partition,
            slot: record.slot,
            record: record_copy,
        });
        Ok(())
    }

    /// Writes all that is queued to the logs, in order. Stops at the first record that cannot be written: it and
    /// those behind it are dropped, and the failure says why.
    pub(super) fn write(
        &mut self,
        cluster: &mut Cluster,
        transaction: Option<(&str, TransactionNumber)>,
        deliveries: &mut Deliveries,
    ) {
        let mut rest = self.queue.drain(..).peekable();
        while let Some(queued) = rest.next() {
            match write_one(cluster, &queued.topic, queued.partition, queued.record, transaction) {
                Ok(offset) => {
                    // The highest offset of a run of records of one slot is that of its last record.
                    let same_run = rest
                        .peek()
                        .is_some_and(|next| next.slot == queued.slot && next.partition == queued.partition);
                    if let Some(slot) = queued.slot
                        && !same_run
                    {
                        let highest = deliveries.next_offsets.entry(slot).or_default();
                        *highest = (*highest).max(offset + 1);
                    }
                }
                Err(error) => {
                    deliveries.failure.get_or_insert(error);
                    break;
                }
            }
        }
    }
}

fn write_one(
    cluster: &mut Cluster,
    topic: &Arc<str>,
    partition: i32,
    record: RawRecord,
    transaction: Option<(&str, TransactionNumber)>,
) -> Result<i64, BrokerError> {
    let target = cluster.topics.get_mut(topic).ok_or_else(|| unknown(topic))?;
    if record.key.is_none() && target.is_compacted() {
        return Err(BrokerError::AbortRequired(format!(
            "topic {topic} is compacted: its records need a key"
        )));
    }
    let count = target.partitions.len();
    let log = target.partition_mut(partition).ok_or_else(|| {
        BrokerError::AbortRequired(format!("topic {topic} has {count} partitions, none is {partition}"))
    })?;
    let Some((id, number)) = transaction else { return Ok(log.append(record, None)) };
    let is_first = !log.has_open(number);
    let offset = log.append(record, Some(number));
    if is_first {
        cluster.add_partition(id, Partition::new(topic.clone(), partition));
    }
    Ok(offset)
}
