//! What was accepted: which offsets, by whom, and whether that was right.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::broker::{CommittedOffset, Holder};
use crate::record::Partition;

/// The accepted commits of a run.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// Input topic -> the lease topic whose partitions give the right to commit those of the input.
    leases: BTreeMap<Arc<str>, Arc<str>>,
    committed: BTreeMap<Partition, i64>,
    /// The first thing that was wrong.
    violation: Option<String>,
}

impl Ledger {
    pub(super) fn new(leases: BTreeMap<Arc<str>, Arc<str>>) -> Self {
        Self { leases, ..Self::default() }
    }

    /// The group took these offsets from the member that is known to it as `client_id`.
    pub(super) fn authorised(
        &mut self,
        offsets: &[(Partition, CommittedOffset)],
        client_id: &str,
        holders: &[Holder],
    ) {
        let held = |lease: &Partition| {
            holders.iter().any(|holder| holder.client_id == client_id && holder.held.contains(lease))
        };
        for (partition, _) in offsets {
            let Some(lease) = self.leases.get(&partition.topic) else { continue };
            let lease = Partition::new(lease.clone(), partition.number);
            if !held(&lease) {
                let what = format!("{partition} were taken from {client_id}, which does not hold {lease}");
                self.violate(format!("offsets of {what}"));
            }
        }
    }

    /// The group took these offsets, and the member has lost the right to commit them without knowing it yet: what it
    /// commits was begun before, and somebody else may have done it since.
    pub(super) fn unheard(
        &mut self,
        offsets: &[(Partition, CommittedOffset)],
        lost: &[Partition],
        client_id: &str,
    ) {
        for (partition, _) in offsets {
            let Some(lease) = self.leases.get(&partition.topic) else { continue };
            let lease = Partition::new(lease.clone(), partition.number);
            if lost.contains(&lease) {
                let what = format!("{partition} were taken from {client_id}, which has lost {lease} since");
                self.violate(format!("offsets of {what}"));
            }
        }
    }

    /// These offsets are committed for good.
    pub(super) fn committed(&mut self, offsets: &[(Partition, CommittedOffset)], who: &str) {
        for (partition, next) in offsets {
            let before = self.committed.insert(partition.clone(), next.offset);
            let Some(before) = before else { continue };
            if next.offset < before {
                self.violate(format!("{who} moved {partition} back from {before} to {}", next.offset));
            }
        }
    }

    /// Something is wrong; the first one counts.
    pub(super) fn violate(&mut self, what: String) {
        self.violation.get_or_insert(what);
    }

    pub(super) fn violation(&self) -> Option<&str> {
        self.violation.as_deref()
    }
}
