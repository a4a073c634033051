//! Topics of one partition. As on a broker, the records of an aborted transaction keep their offsets and are never read.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::record::RawRecord;

/// All topics of a driver, by the broker's names.
#[derive(Debug, Default)]
pub(super) struct Logs {
    topics: BTreeMap<Arc<str>, Vec<Entry>>,
    /// Records of the open transaction.
    open: Vec<(Arc<str>, usize)>,
}

#[derive(Debug)]
struct Entry {
    record: RawRecord,
    partition: i32,
    fate: Fate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Open,
    Committed,
    Aborted,
}

impl Logs {
    /// Writes a record outside of any transaction.
    pub(super) fn append(&mut self, topic: &Arc<str>, record: RawRecord) {
        self.topics.entry(topic.clone()).or_default().push(Entry {
            record,
            partition: 0,
            fate: Fate::Committed,
        });
    }

    /// Writes a record in the open transaction; its offset.
    pub(super) fn send(&mut self, topic: &Arc<str>, partition: i32, record: RawRecord) -> usize {
        let log = self.topics.entry(topic.clone()).or_default();
        log.push(Entry { record, partition, fate: Fate::Open });
        let offset = log.len() - 1;
        self.open.push((topic.clone(), offset));
        offset
    }

    pub(super) fn commit(&mut self) {
        self.end(Fate::Committed);
    }

    pub(super) fn abort(&mut self) {
        self.end(Fate::Aborted);
    }

    fn end(&mut self, fate: Fate) {
        for (topic, offset) in self.open.drain(..) {
            if let Some(entry) = self.topics.get_mut(&topic).and_then(|log| log.get_mut(offset)) {
                entry.fate = fate;
            }
        }
    }

    /// The first committed record at or behind `from`, with its offset; stops at an open one, as read-committed readers do.
    pub(super) fn next(&self, topic: &str, from: usize) -> Option<(usize, &RawRecord)> {
        let log = self.topics.get(topic)?;
        let (offset, entry) =
            log.iter().enumerate().skip(from).find(|(_, entry)| entry.fate != Fate::Aborted)?;
        (entry.fate == Fate::Committed).then_some((offset, &entry.record))
    }

    /// All committed records at or behind `from`, with their offsets.
    pub(super) fn from(&self, topic: &str, from: usize) -> impl Iterator<Item = (usize, &RawRecord)> {
        let log = self.topics.get(topic).map(Vec::as_slice).unwrap_or_default();
        let committed = log.iter().enumerate().skip(from).filter(|(_, entry)| entry.fate == Fate::Committed);
        committed.map(|(offset, entry)| (offset, &entry.record))
    }

    /// The partition of each committed record.
    pub(super) fn partitions(&self, topic: &str) -> impl Iterator<Item = i32> {
        let log = self.topics.get(topic).map(Vec::as_slice).unwrap_or_default();
        log.iter().filter(|entry| entry.fate == Fate::Committed).map(|entry| entry.partition)
    }

    /// One past the last offset.
    pub(super) fn end_of(&self, topic: &str) -> usize {
        self.topics.get(topic).map_or(0, Vec::len)
    }

    /// Names of the topics that hold anything.
    pub(super) fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.topics.keys()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_stop_at_open_records_and_skip_aborted_ones() {
        let (mut logs, topic): (Logs, Arc<str>) = (Logs::default(), "t".into());
        logs.send(&topic, 0, RawRecord::default());
        logs.append(&topic, RawRecord::default());
        assert_eq!(logs.next("t", 0), None);
        logs.abort();
        assert_eq!(logs.next("t", 0).map(|(offset, _)| offset), Some(1));
        logs.send(&topic, 0, RawRecord::default());
        logs.commit();
        assert_eq!(logs.from("t", 0).map(|(offset, _)| offset).collect::<Vec<_>>(), [1, 2]);
        assert_eq!((logs.end_of("t"), logs.end_of("other")), (3, 0));
    }
}
