//! Repartition records that are consumed and committed are deleted, so that those topics stay small.

use std::collections::BTreeMap;

use super::super::error::Error;
use super::super::plan::Plan;
use crate::broker::{Admin, BrokerError};
use crate::record::Partition;

/// Milliseconds between two purges.
const EVERY_MS: i64 = 30_000;

/// What can be deleted.
#[derive(Debug, Default)]
pub(super) struct Purge {
    consumed: BTreeMap<Partition, i64>,
    last: Option<i64>,
}

impl Purge {
    /// These offsets are committed; only those of repartition topics matter.
    pub(super) fn note(&mut self, plan: &Plan, committed: Vec<(Partition, i64)>) {
        self.consumed
            .extend(committed.into_iter().filter(|(partition, _)| plan.is_repartition(&partition.topic)));
    }

    /// Deletes when it is time. A broker that cannot do it now is asked again later: nothing depends on it.
    pub(super) fn step(&mut self, admin: &mut dyn Admin, now: i64) -> Result<(), Error> {
        let last = *self.last.get_or_insert(now);
        if now - last < EVERY_MS || self.consumed.is_empty() {
            return Ok(());
        }
        self.last = Some(now);
        let before: Vec<(Partition, i64)> = std::mem::take(&mut self.consumed).into_iter().collect();
        match admin.delete_records(&before) {
            Ok(()) => Ok(()),
            Err(error @ (BrokerError::Retriable(_) | BrokerError::Unauthorized(_))) => {
                tracing::warn!(%error, "consumed repartition records could not be deleted");
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }
}
