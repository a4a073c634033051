//! Records that nobody will read any more are deleted: of repartition topics what is consumed and committed, of the changelogs
//! of stores that forget what has expired. So those topics stay small.

use std::collections::BTreeMap;

use super::super::error::Error;
use super::super::plan::Plan;
use crate::broker::{Admin, BrokerError};
use crate::record::Partition;

/// What can be deleted.
#[derive(Debug, Default)]
pub(super) struct Purge {
    consumed: BTreeMap<Partition, i64>,
    expired: BTreeMap<Partition, i64>,
    last: Option<i64>,
}

impl Purge {
    /// These offsets are committed, of which only those of repartition topics matter; and these changelogs have expired so
    /// far, which is committed too: a restore that finds less than that knows it for our own doing.
    pub(super) fn note(
        &mut self,
        plan: &Plan,
        committed: Vec<(Partition, i64)>,
        expired: Vec<(Partition, i64)>,
    ) {
        self.consumed
            .extend(committed.into_iter().filter(|(partition, _)| plan.is_repartition(&partition.topic)));
        self.expired.extend(expired);
    }

    /// Deletes when it is time, at most once in `every_ms`. A broker that cannot do it now is asked again later: nothing
    /// depends on it.
    pub(super) fn step(&mut self, admin: &mut dyn Admin, now: i64, every_ms: i64) -> Result<(), Error> {
        let last = *self.last.get_or_insert(now);
        if now - last < every_ms || self.consumed.is_empty() && self.expired.is_empty() {
            return Ok(());
        }
        self.last = Some(now);
        let before: Vec<(Partition, i64)> = std::mem::take(&mut self.consumed).into_iter().collect();
        if !before.is_empty() {
            match admin.delete_records(&before) {
                Ok(()) => {}
                Err(error @ (BrokerError::Retriable(_) | BrokerError::Unauthorized(_))) => {
                    tracing::warn!(%error, "consumed repartition records could not be deleted");
                }
                Err(error) => return Err(error.into()),
            }
        }
        // One by one: an operator may have changed one of the topics since it was looked at.
        for expired in std::mem::take(&mut self.expired) {
            if let Err(error) = admin.delete_records(std::slice::from_ref(&expired)) {
                tracing::warn!(%error, "expired records of changelog {} stay for now", expired.0);
            }
        }
        Ok(())
    }
}
