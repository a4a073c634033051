//! How far the committed offsets are behind the ends of their partitions, for whoever watches.

use std::collections::BTreeMap;

use super::super::error::Error;
use super::super::observer::{Event, TaskId};
use super::super::plan::Plan;
use super::super::shared::Shared;
use crate::broker::{BrokerError, Consumer, Isolation};
use crate::record::Partition;

/// Milliseconds between two looks at the same partition.
const EVERY_MS: i64 = 5_000;

/// Committed offsets, and a reader that asks for ends.
#[derive(Default)]
pub(super) struct Lag {
    reader: Option<Box<dyn Consumer>>,
    /// Next offset to read, and when the partition was looked at last.
    committed: BTreeMap<Partition, (i64, Option<i64>)>,
}

impl Lag {
    /// These offsets are committed.
    pub(super) fn note(&mut self, committed: &[(Partition, i64)]) {
        for (partition, next) in committed {
            let known = self.committed.entry(partition.clone()).or_insert((*next, None));
            known.0 = *next;
        }
    }

    /// The inputs of a task that has left.
    pub(super) fn forget(&mut self, shared: &Shared, plan: &Plan, task: TaskId) {
        let inputs = plan.subs.get(task.sub_topology).map_or(&[][..], |sub| &sub.inputs);
        for input in inputs {
            let partition = Partition::new(input.topic.clone(), task.partition);
            if self.committed.remove(&partition).is_some() {
                shared.tell(&Event::LagGone { partition: &partition });
            }
        }
    }

    /// Looks at one partition whose time has come, and says where it ends; more would hold up the group.
    pub(super) fn step(&mut self, shared: &Shared, now: i64) -> Result<Option<(Partition, i64)>, Error> {
        let due = |(_, last): &(i64, Option<i64>)| last.is_none_or(|last| now - last >= EVERY_MS);
        let Some((partition, (next, last))) = self.committed.iter_mut().find(|(_, entry)| due(entry)) else {
            return Ok(None);
        };
        *last = Some(now);
        let reader = match &mut self.reader {
            Some(reader) => reader,
            none => {
                none.insert(shared.broker.consumer(&shared.reader("lag", false, Isolation::ReadCommitted))?)
            }
        };
        match reader.watermarks(partition) {
            Ok(marks) => {
                let records = (marks.high - *next).max(0);
                shared.tell(&Event::Lag { partition, records });
                Ok(Some((partition.clone(), marks.high)))
            }
            // Nothing depends on it; whoever needs the broker says that it is away.
            Err(BrokerError::Retriable(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}
