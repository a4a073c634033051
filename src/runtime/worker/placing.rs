//! Which partition a record goes to. Of topics that are chosen per record nobody knew at the start how many there are.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::error::Error;
use super::super::plan::Plan;
use super::super::shared::Shared;
use crate::broker::Admin;
use crate::fault::Reason;
use crate::partitioner::Partitioner;
use crate::processor::Emitted;

/// After this long a topic that was missing is asked for again, milliseconds.
const MISSING_MS: i64 = 10_000;

/// Places records.
#[derive(Default)]
pub(super) struct Placing {
    partitioner: Partitioner,
    admin: Option<Box<dyn Admin>>,
    /// Partition counts of topics that the plan does not name; those that are missing, and when to ask again.
    counts: BTreeMap<Arc<str>, Result<i32, i64>>,
}

/// Where a record goes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Placed {
    /// To the partition that is set in it now.
    Fixed,
    /// To each of these; none = it is dropped.
    Each(Vec<i32>),
    /// Nowhere: it cannot be written.
    Refused(Reason),
}

impl Placing {
    /// Fixes the partition once, so that a full queue does not move a record without key to another one.
    pub(super) fn place(
        &mut self,
        record: &mut Emitted,
        shared: &Shared,
        plan: &Plan,
        now: i64,
    ) -> Result<Placed, Error> {
        if record.partition.is_some() {
            return Ok(Placed::Fixed);
        }
        let Some(count) = self.count(&record.topic, shared, plan, now)? else {
            let message = format!("topic {}, which was chosen for this record, does not exist", record.topic);
            return Ok(Placed::Refused(Reason { error_type: "UNKNOWN_TOPIC".into(), message }));
        };
        match record.chooser.as_ref().map(|chooser| chooser.among(count)) {
            Some(Ok(Some(partitions))) => return Ok(Placed::Each(partitions)),
            Some(Err(reason)) => return Ok(Placed::Refused(reason)),
            Some(Ok(None)) | None => {}
        }
        let hashed = record.key.as_deref().map(|key| &key[..key.len().saturating_sub(record.unhashed)]);
        record.partition = Some(self.partitioner.place(hashed, count));
        Ok(Placed::Fixed)
    }

    fn count(
        &mut self,
        topic: &Arc<str>,
        shared: &Shared,
        plan: &Plan,
        now: i64,
    ) -> Result<Option<i32>, Error> {
        if let Some(count) = plan.partitions(topic) {
            return Ok(Some(count));
        }
        match self.counts.get(topic) {
            Some(Ok(count)) => return Ok(Some(*count)),
            Some(Err(again)) if now < *again => return Ok(None),
            _ => {}
        }
        let admin = match &mut self.admin {
            Some(admin) => admin,
            None => self.admin.insert(shared.broker.admin()?),
        };
        let count = admin.partitions(&[topic.to_string()])?.get(&**topic).copied();
        self.counts.insert(topic.clone(), count.ok_or(now.saturating_add(MISSING_MS)));
        Ok(count)
    }
}
