//! What a reader was told to let go of.

use crate::broker::{BrokerError, Consumer};
use crate::record::Partition;

/// Partitions that a reader is to let go of, and the numbers under which their records come. Until it has let go records may
/// come, so nobody else gets a number before, and no partition is read anew.
#[derive(Default)]
pub(super) struct Leaving {
    partitions: Vec<Partition>,
    numbers: Vec<usize>,
}

impl Leaving {
    /// This one goes.
    pub(super) fn add(&mut self, number: usize, partition: Partition) {
        self.partitions.push(partition);
        self.numbers.push(number);
    }

    /// Nothing was read under this number.
    pub(super) fn add_unread(&mut self, number: usize) {
        self.numbers.push(number);
    }

    /// Has the reader let go, again of those it would not let go of before. Returns the numbers that are free from now on.
    pub(super) fn settle(&mut self, reader: &mut dyn Consumer) -> Result<Vec<usize>, BrokerError> {
        if !self.partitions.is_empty() {
            reader.unassign(&self.partitions)?;
        }
        Ok(std::mem::take(self).numbers)
    }

    /// The numbers; the reader is not used any more.
    pub(super) fn forget(self) -> Vec<usize> {
        self.numbers
    }
}
