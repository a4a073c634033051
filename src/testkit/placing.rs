//! Where records go that a driver writes.

use std::collections::BTreeMap;

use super::error::DriverError;
use crate::partitioner::Partitioner;
use crate::processor::Emitted;

/// Places records on partitions.
#[derive(Debug, Default)]
pub(super) struct Placing(Partitioner);

impl Placing {
    /// The partitions of a record; several when it is written several times. `counts`: topics that have more than one.
    pub(super) fn place(
        &mut self,
        record: &Emitted,
        counts: &BTreeMap<String, i32>,
    ) -> Result<Vec<i32>, DriverError> {
        if let Some(partition) = record.partition {
            return Ok(vec![partition]);
        }
        let count = counts.get(&*record.topic).copied().unwrap_or(1);
        if let Some(chooser) = &record.chooser {
            let chosen = chooser.among(count);
            if let Some(partitions) = chosen.map_err(|reason| DriverError::Stopped(reason.to_string()))? {
                return Ok(partitions);
            }
        }
        let hashed = record.key.as_deref().map(|key| &key[..key.len().saturating_sub(record.unhashed)]);
        Ok(vec![self.0.place(hashed, count)])
    }
}
