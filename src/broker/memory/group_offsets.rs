//! The offsets of a group: committed ones, and those that wait for a transaction to be decided.

use std::collections::BTreeMap;

use super::log::TransactionNumber;
use crate::broker::CommittedOffset;
use crate::record::Partition;

/// Offsets of one group.
#[derive(Default)]
pub(super) struct GroupOffsets {
    committed: BTreeMap<Partition, CommittedOffset>,
    pending: BTreeMap<TransactionNumber, Vec<(Partition, CommittedOffset)>>,
}

impl GroupOffsets {
    /// What is committed for a partition.
    pub(super) fn get(&self, partition: &Partition) -> Option<CommittedOffset> {
        self.committed.get(partition).cloned()
    }

    /// Whether an open transaction is about to change this partition's offset.
    pub(super) fn is_pending(&self, partition: &Partition) -> bool {
        self.pending.values().flatten().any(|(pending, _)| pending == partition)
    }

    /// Commits at once.
    pub(super) fn commit(&mut self, offsets: &[(Partition, CommittedOffset)]) {
        self.committed.extend(offsets.iter().cloned());
    }

    /// Keeps offsets until their transaction is decided.
    pub(super) fn hold(&mut self, number: TransactionNumber, offsets: &[(Partition, CommittedOffset)]) {
        self.pending.entry(number).or_default().extend(offsets.iter().cloned());
    }

    /// Applies or forgets what a transaction held.
    pub(super) fn decide(&mut self, number: TransactionNumber, committed: bool) {
        if let Some(held) = self.pending.remove(&number)
            && committed
        {
            self.committed.extend(held);
        }
    }
}
