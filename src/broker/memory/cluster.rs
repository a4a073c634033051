//! Everything the broker knows, behind one lock.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::group::Group;
use super::log::PartitionLog;
use super::markers::Marker;
use super::topic::Topic;
use super::transaction::TransactionalId;
use crate::broker::BrokerError;
use crate::record::Partition;

/// What Kafka accepts when nobody said otherwise.
const MAX_RECORD_BYTES: usize = 1_048_576;

/// Topics, groups, transactions and the time.
pub(super) struct Cluster {
    pub(super) now_ms: i64,
    pub(super) max_record_bytes: usize,
    pub(super) topics: FxHashMap<Arc<str>, Topic>,
    pub(super) groups: BTreeMap<String, Group>,
    pub(super) transactional: BTreeMap<String, TransactionalId>,
    /// Readers that wait for records now; a writer wakes them only when there are some.
    pub(super) waiting: usize,
    /// Whether markers wait for [`deliver_marker`](Self::deliver_marker).
    pub(super) hold_markers: bool,
    /// Markers on their way.
    pub(super) markers: Vec<Marker>,
    /// Transactions that were open for too long.
    pub(super) timed_out: u64,
    numbers: u64,
}

impl Default for Cluster {
    fn default() -> Self {
        Self {
            now_ms: 0,
            max_record_bytes: MAX_RECORD_BYTES,
            topics: FxHashMap::default(),
            groups: BTreeMap::new(),
            transactional: BTreeMap::new(),
            waiting: 0,
            hold_markers: false,
            markers: Vec::new(),
            timed_out: 0,
            numbers: 0,
        }
    }
}

impl Cluster {
    /// A number that was never given before: of a transaction or of a member.
    pub(super) fn next_number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// Moves the clock and ends what is over.
    pub(super) fn advance(&mut self, now_ms: i64) {
        self.now_ms = self.now_ms.max(now_ms);
        self.expire_transactions();
        for group in self.groups.values_mut() {
            group.expel_silent(self.now_ms);
        }
    }

    /// A topic to change.
    pub(super) fn topic_mut(&mut self, name: &str) -> Result<&mut Topic, BrokerError> {
        self.topics.get_mut(name).ok_or_else(|| unknown(name))
    }

    /// A partition to read.
    pub(super) fn log(&self, partition: &Partition) -> Result<&PartitionLog, BrokerError> {
        self.topics
            .get(&partition.topic)
            .and_then(|topic| topic.partition(partition.number))
            .ok_or_else(|| unknown(&partition.topic))
    }

    /// A partition to change.
    pub(super) fn log_mut(&mut self, partition: &Partition) -> Result<&mut PartitionLog, BrokerError> {
        self.topics
            .get_mut(&partition.topic)
            .and_then(|topic| topic.partition_mut(partition.number))
            .ok_or_else(|| unknown(&partition.topic))
    }

    /// A group; it comes into being when it is first named.
    pub(super) fn group_mut(&mut self, name: &str) -> &mut Group {
        self.groups.entry(name.to_owned()).or_default()
    }

    /// All partitions of these topics, in order; topics that do not exist have none.
    pub(super) fn partitions_of(&self, topics: &[String]) -> Vec<Partition> {
        let mut all = Vec::new();
        for name in topics {
            let Some((name, topic)) = self.topics.get_key_value(name.as_str()) else { continue };
            all.extend((0..).take(topic.partitions.len()).map(|number| Partition::new(name.clone(), number)));
        }
        all.sort();
        all
    }
}

/// The answer to a topic that is not there.
pub(super) fn unknown(topic: &str) -> BrokerError {
    BrokerError::UnknownTopic { topic: topic.to_owned() }
}
