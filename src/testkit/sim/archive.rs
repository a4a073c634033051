//! Every committed record of a run, also of those that compaction or deletion have taken out of the logs since.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::broker::memory::MemoryBroker;
use crate::broker::{Assignment, Broker, BrokerError, Consumer, ConsumerConfig, Isolation, StartOffset};
use crate::record::{Partition, RawRecord};

/// Committed records by partition and offset.
#[derive(Default)]
pub(super) struct Archive {
    records: BTreeMap<Partition, BTreeMap<i64, RawRecord>>,
    /// The end of each log when it was compacted last.
    compacted: BTreeMap<Partition, i64>,
}

impl Archive {
    /// Takes in what these partitions hold now.
    pub(super) fn read<'p>(
        &mut self,
        broker: &MemoryBroker,
        partitions: impl IntoIterator<Item = &'p Partition>,
    ) {
        for partition in partitions {
            if let Ok(found) = read(broker, partition) {
                self.records.entry(partition.clone()).or_default().extend(found);
            }
        }
    }

    /// Takes in what every topic holds now.
    pub(super) fn read_all(&mut self, broker: &MemoryBroker) {
        let topics = broker.admin().and_then(|mut admin| {
            let names = admin.topics()?;
            admin.partitions(&names)
        });
        for (topic, count) in topics.unwrap_or_default() {
            for number in 0..count {
                let partition = Partition::new(topic.as_str(), number);
                self.read(broker, [&partition]);
            }
        }
    }

    /// The committed records of a partition.
    pub(super) fn of(&self, partition: &Partition) -> impl DoubleEndedIterator<Item = (i64, &RawRecord)> {
        self.records.get(partition).into_iter().flatten().map(|(offset, record)| (*offset, record))
    }

    /// The logs of this topic are compacted as far as they have been read.
    pub(super) fn compacted(&mut self, topic: &str) {
        for (partition, records) in self.records.iter().filter(|(partition, _)| &*partition.topic == topic) {
            let end = records.last_key_value().map_or(0, |(offset, _)| offset + 1);
            self.compacted.insert(partition.clone(), end);
        }
    }

    /// The records from here on that made compaction take out earlier ones.
    pub(super) fn rewrites(&self, partition: &Partition, from: i64) -> impl Iterator<Item = &RawRecord> {
        let end = self.compacted.get(partition).copied().unwrap_or(0).max(from);
        let records = self.records.get(partition).into_iter();
        records.flat_map(move |records| records.range(from..end)).map(|(_, record)| record)
    }

    /// All of them, by topic and partition.
    pub(super) fn into_topics(self) -> BTreeMap<String, Vec<Vec<(i64, RawRecord)>>> {
        let mut topics: BTreeMap<String, Vec<Vec<(i64, RawRecord)>>> = BTreeMap::new();
        for (partition, records) in self.records {
            topics.entry(partition.topic.to_string()).or_default().push(records.into_iter().collect());
        }
        topics
    }
}

/// A reader that belongs to the simulation itself.
pub(super) fn reader(broker: &MemoryBroker, group: Option<&str>) -> Result<Box<dyn Consumer>, BrokerError> {
    broker.consumer(&ConsumerConfig {
        client_id: "simulation".to_owned(),
        group: group.map(str::to_owned),
        isolation: Isolation::ReadCommitted,
        buffer_bytes: 0,
    })
}

fn read(broker: &MemoryBroker, partition: &Partition) -> Result<Vec<(i64, RawRecord)>, BrokerError> {
    let mut reader = reader(broker, None)?;
    let start = StartOffset::Earliest;
    reader.assign(&[Assignment { partition: partition.clone(), start, slot: 0 }])?;
    let mut fetched = Vec::new();
    reader.poll(usize::MAX, Duration::ZERO, &mut fetched)?;
    Ok(fetched.into_iter().map(|it| (it.offset, it.record)).collect())
}
