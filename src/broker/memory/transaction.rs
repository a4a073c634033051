//! Transactions: who may write under a transactional id, and how they end.
//!
//! An id has one owner, the writer with its newest epoch. Opening a transaction is silent; it begins with the first
//! record or offset, and ends by its owner, by the next owner of the id, or by its timeout. The decision is one moment;
//! its markers may reach partitions and groups later (see `markers`), and until all have, the id cannot begin anew.

use std::collections::BTreeSet;

use super::cluster::Cluster;
use super::log::TransactionNumber;
use super::markers::{Marker, Target};
use crate::broker::BrokerError;
use crate::record::Partition;

/// What the coordinator knows about a transactional id.
#[derive(Default)]
pub(super) struct TransactionalId {
    epoch: u64,
    timeout_ms: i64,
    open: Option<OpenTransaction>,
    /// Markers of the last transaction that have not arrived.
    pub(super) markers: usize,
}

impl TransactionalId {
    /// The transaction that is not decided, if there is one.
    pub(super) fn open_number(&self) -> Option<TransactionNumber> {
        self.open.as_ref().map(|open| open.number)
    }
}

/// A transaction that is not decided.
struct OpenTransaction {
    number: TransactionNumber,
    since_ms: i64,
    partitions: BTreeSet<Partition>,
    groups: BTreeSet<String>,
}

impl Cluster {
    /// Makes the caller the owner of the id: aborts what is open, fences the owner before it. Returns the new epoch, once
    /// nothing of the owner before is on its way.
    pub(super) fn take_transactional_id(&mut self, id: &str, timeout_ms: i64) -> Result<u64, BrokerError> {
        self.abort_open(id);
        let owner = self.transactional.entry(id.to_owned()).or_default();
        owner.epoch += 1;
        owner.timeout_ms = timeout_ms;
        if owner.markers > 0 { Err(concurrent(id)) } else { Ok(owner.epoch) }
    }

    /// The caller's open transaction; begins one if there is none. Refuses an old owner.
    pub(super) fn transaction_of(&mut self, id: &str, epoch: u64) -> Result<TransactionNumber, BrokerError> {
        let fresh = self.next_number();
        let now_ms = self.now_ms;
        let owner = self.owner(id, epoch)?;
        if owner.markers > 0 {
            return Err(concurrent(id));
        }
        let open = owner.open.get_or_insert_with(|| OpenTransaction {
            number: fresh,
            since_ms: now_ms,
            partitions: BTreeSet::new(),
            groups: BTreeSet::new(),
        });
        Ok(open.number)
    }

    /// Notes that the open transaction of an id writes to a partition.
    pub(super) fn add_partition(&mut self, id: &str, partition: Partition) {
        if let Some(open) = self.transactional.get_mut(id).and_then(|owner| owner.open.as_mut()) {
            open.partitions.insert(partition);
        }
    }

    /// Notes that the open transaction of an id commits offsets of a group.
    pub(super) fn add_group(&mut self, id: &str, group: &str) {
        if let Some(open) = self.transactional.get_mut(id).and_then(|owner| owner.open.as_mut()) {
            open.groups.insert(group.to_owned());
        }
    }

    /// Ends the caller's transaction; without an open one there is nothing to end.
    pub(super) fn end_transaction(
        &mut self,
        id: &str,
        epoch: u64,
        committed: bool,
    ) -> Result<(), BrokerError> {
        if let Some(open) = self.owner(id, epoch)?.open.take() {
            self.write_markers(id, open, committed);
        }
        Ok(())
    }

    /// Aborts transactions that are open for too long; their owners are fenced.
    pub(super) fn expire_transactions(&mut self) {
        let now_ms = self.now_ms;
        let is_over = |owner: &TransactionalId| {
            owner.open.as_ref().is_some_and(|open| now_ms - open.since_ms > owner.timeout_ms)
        };
        let over: Vec<String> =
            self.transactional.iter().filter(|(_, owner)| is_over(owner)).map(|(id, _)| id.clone()).collect();
        for id in over {
            self.timed_out += 1;
            self.abort_open(&id);
            if let Some(owner) = self.transactional.get_mut(&id) {
                owner.epoch += 1;
            }
        }
    }

    fn owner(&mut self, id: &str, epoch: u64) -> Result<&mut TransactionalId, BrokerError> {
        match self.transactional.get_mut(id) {
            Some(owner) if owner.epoch == epoch => Ok(owner),
            _ => Err(BrokerError::Fenced(format!(
                "transactional id {id}: a newer writer took it over, or its transaction timed out"
            ))),
        }
    }

    fn abort_open(&mut self, id: &str) {
        if let Some(open) = self.transactional.get_mut(id).and_then(|owner| owner.open.take()) {
            self.write_markers(id, open, false);
        }
    }

    fn write_markers(&mut self, id: &str, open: OpenTransaction, committed: bool) {
        let partitions = open.partitions.into_iter().map(Target::Partition);
        for target in partitions.chain(open.groups.into_iter().map(Target::Group)) {
            self.mark(Marker { id: id.to_owned(), number: open.number, committed, target });
        }
    }
}

fn concurrent(id: &str) -> BrokerError {
    BrokerError::Retriable(format!(
        "transactional id {id}: the markers of its last transaction are on their way"
    ))
}
