//! One partition: records at offsets, transactions that are open or decided, what a reader may see.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::broker::{Fetched, Isolation, Watermarks};
use crate::record::RawRecord;

/// The number of a transaction; never used twice in a cluster.
pub(super) type TransactionNumber = u64;

/// What lies at one offset.
struct Entry {
    offset: i64,
    transaction: Option<TransactionNumber>,
    /// `None` is a marker: the end of a transaction takes an offset but is never handed to a reader.
    record: Option<RawRecord>,
}

/// The log of one partition. Offsets rise and may have gaps after a compaction.
#[derive(Default)]
pub(super) struct PartitionLog {
    entries: VecDeque<Entry>,
    low: i64,
    next: i64,
    /// Open transactions and their first offsets here.
    open: BTreeMap<TransactionNumber, i64>,
    aborted: FxHashSet<TransactionNumber>,
}

impl PartitionLog {
    /// Appends a record and says at which offset. The first record of a transaction opens it here.
    pub(super) fn append(&mut self, record: RawRecord, transaction: Option<TransactionNumber>) -> i64 {
        let offset = self.next;
        if let Some(number) = transaction {
            self.open.entry(number).or_insert(offset);
        }
        self.entries.push_back(Entry { offset, transaction, record: Some(record) });
        self.next += 1;
        offset
    }

    /// Whether this transaction has written here and is undecided.
    pub(super) fn has_open(&self, number: TransactionNumber) -> bool {
        self.open.contains_key(&number)
    }

    /// Transactions without a marker that have written before an offset.
    pub(super) fn open_before(&self, offset: i64) -> impl Iterator<Item = TransactionNumber> {
        self.open.iter().filter(move |(_, first)| **first < offset).map(|(number, _)| *number)
    }

    /// Writes the marker that ends a transaction.
    pub(super) fn decide(&mut self, number: TransactionNumber, committed: bool) {
        self.open.remove(&number);
        if !committed {
            self.aborted.insert(number);
        }
        self.entries.push_back(Entry { offset: self.next, transaction: Some(number), record: None });
        self.next += 1;
    }

    /// First and end offset as this kind of reader sees them.
    pub(super) fn watermarks(&self, isolation: Isolation) -> Watermarks {
        Watermarks { low: self.low, high: self.end(isolation) }
    }

    /// One past the last offset of the log, whoever may see it.
    pub(super) fn high_watermark(&self) -> i64 {
        self.next
    }

    fn end(&self, isolation: Isolation) -> i64 {
        match isolation {
            Isolation::ReadUncommitted => self.next,
            Isolation::ReadCommitted => self.open.values().min().copied().unwrap_or(self.next),
        }
    }

    /// Appends up to `max` visible records from offset `from` on and returns the offset to go on at: past markers
    /// and aborted records too.
    pub(super) fn read(
        &self,
        from: i64,
        max: usize,
        isolation: Isolation,
        slot: usize,
        out: &mut Vec<Fetched>,
    ) -> i64 {
        let end = self.end(isolation);
        let mut taken = 0;
        for entry in self.entries.range(self.index_of(from)..) {
            if entry.offset >= end {
                break;
            }
            let Some(record) = &entry.record else { continue };
            let hidden = isolation == Isolation::ReadCommitted
                && entry.transaction.is_some_and(|number| self.aborted.contains(&number));
            if hidden {
                continue;
            }
            if taken == max {
                return entry.offset;
            }
            out.push(Fetched { slot, offset: entry.offset, record: record.clone() });
            taken += 1;
        }
        end.max(from)
    }

    /// Offset of the first record whose timestamp is at least this.
    pub(super) fn offset_at(&self, timestamp: i64) -> Option<i64> {
        let late = |entry: &&Entry| entry.record.as_ref().is_some_and(|record| record.timestamp >= timestamp);
        self.entries.iter().find(late).map(|entry| entry.offset)
    }

    /// Index of the first entry at or behind an offset; without gaps it is found without searching.
    fn index_of(&self, offset: i64) -> usize {
        let Some(first) = self.entries.front() else { return 0 };
        let guess = usize::try_from(offset - first.offset).unwrap_or(0);
        match self.entries.get(guess) {
            Some(entry) if entry.offset == offset => guess,
            _ => self.entries.partition_point(|entry| entry.offset < offset),
        }
    }

    /// Drops what lies before an offset, at most up to the high watermark.
    pub(super) fn delete_before(&mut self, offset: i64) {
        let keep_from = self.index_of(offset);
        self.entries.drain(..keep_from);
        self.low = self.low.max(offset);
    }

    /// Keeps the last record of every key (and those without a key); markers and aborted records go. What is behind an open
    /// transaction, or behind a record that is not older than `before`, stays.
    pub(super) fn compact(&mut self, before: i64) {
        let young = |entry: &&Entry| entry.record.as_ref().is_some_and(|record| record.timestamp >= before);
        let young = self.entries.iter().find(young).map_or(i64::MAX, |entry| entry.offset);
        let end = self.end(Isolation::ReadCommitted).min(young);
        let aborted = std::mem::take(&mut self.aborted);
        let gone = |entry: &Entry| entry.transaction.is_some_and(|number| aborted.contains(&number));
        let mut last: FxHashMap<Bytes, i64> = FxHashMap::default();
        for entry in self.entries.iter().filter(|entry| entry.offset < end && !gone(entry)) {
            if let Some(key) = entry.record.as_ref().and_then(|record| record.key.clone()) {
                last.insert(key, entry.offset);
            }
        }
        self.entries.retain(|entry| match &entry.record {
            _ if entry.offset >= end => true,
            None => false,
            Some(_) if gone(entry) => false,
            Some(record) => record.key.as_ref().is_none_or(|key| last.get(key) == Some(&entry.offset)),
        });
        // Records of aborted transactions may still lie behind an open one.
        let left: FxHashSet<_> = self.entries.iter().filter_map(|entry| entry.transaction).collect();
        self.aborted = aborted.into_iter().filter(|number| left.contains(number)).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(key: &str, value: &str) -> RawRecord {
        RawRecord {
            key: Some(Bytes::copy_from_slice(key.as_bytes())),
            value: Some(Bytes::copy_from_slice(value.as_bytes())),
            ..RawRecord::default()
        }
    }

    fn read(log: &PartitionLog, from: i64, max: usize, isolation: Isolation) -> (Vec<i64>, i64) {
        let mut out = Vec::new();
        let position = log.read(from, max, isolation, 0, &mut out);
        (out.into_iter().map(|fetched| fetched.offset).collect(), position)
    }

    #[test]
    fn an_open_transaction_holds_back_everything_behind_it() {
        let mut log = PartitionLog::default();
        log.append(record("a", "1"), None);
        log.append(record("a", "2"), Some(7));
        log.append(record("a", "3"), None);
        assert_eq!(read(&log, 0, 10, Isolation::ReadCommitted), (vec![0], 1));
        assert_eq!(read(&log, 0, 10, Isolation::ReadUncommitted), (vec![0, 1, 2], 3));
        assert_eq!(log.watermarks(Isolation::ReadCommitted).high, 1);
        assert_eq!(log.watermarks(Isolation::ReadUncommitted).high, 3);
        log.decide(7, true);
        assert_eq!(read(&log, 1, 10, Isolation::ReadCommitted), (vec![1, 2], 4));
    }

    #[test]
    fn the_position_passes_markers_and_aborted_records() {
        let mut log = PartitionLog::default();
        log.append(record("a", "1"), Some(1));
        log.append(record("a", "2"), Some(1));
        log.decide(1, false);
        assert_eq!(read(&log, 0, 10, Isolation::ReadCommitted), (vec![], 3));
        assert_eq!(read(&log, 0, 1, Isolation::ReadUncommitted), (vec![0], 1));
    }

    #[test]
    fn a_full_batch_stops_before_the_next_record() {
        let mut log = PartitionLog::default();
        for value in ["1", "2", "3"] {
            log.append(record("a", value), None);
        }
        assert_eq!(read(&log, 0, 2, Isolation::ReadCommitted), (vec![0, 1], 2));
        assert_eq!(read(&log, 2, 2, Isolation::ReadCommitted), (vec![2], 3));
    }

    #[test]
    fn compaction_keeps_the_last_record_of_a_key_and_its_offset() {
        let mut log = PartitionLog::default();
        log.append(record("a", "1"), None);
        log.append(record("b", "1"), Some(1));
        log.decide(1, true);
        log.append(record("a", "2"), None);
        log.append(record("b", "aborted"), Some(2));
        log.decide(2, false);
        log.append(record("c", "open"), Some(3));
        log.append(record("a", "3"), None);
        log.compact(i64::MAX);
        assert_eq!(read(&log, 0, 10, Isolation::ReadUncommitted), (vec![1, 3, 6, 7], 8));
        log.decide(3, false);
        assert_eq!(read(&log, 0, 10, Isolation::ReadCommitted), (vec![1, 3, 7], 9));
    }

    #[test]
    fn compaction_leaves_alone_what_is_young_and_all_behind_it() {
        let mut log = PartitionLog::default();
        for timestamp in [1, 2, 9, 3] {
            log.append(RawRecord { timestamp, ..record("a", "v") }, None);
        }
        log.compact(5);
        assert_eq!(read(&log, 0, 10, Isolation::ReadCommitted), (vec![1, 2, 3], 4));
    }

    #[test]
    fn deleted_records_raise_the_low_watermark() {
        let mut log = PartitionLog::default();
        for value in ["1", "2", "3"] {
            log.append(record("a", value), None);
        }
        log.delete_before(2);
        assert_eq!(log.watermarks(Isolation::ReadCommitted), Watermarks { low: 2, high: 3 });
        assert_eq!(read(&log, 2, 10, Isolation::ReadCommitted), (vec![2], 3));
        log.delete_before(3);
        assert_eq!(log.append(record("a", "4"), None), 3);
    }
}
