//! Where bytes live. Two implementations: RocksDB (`rocks/`) and memory.

use std::ops::{Bound, ControlFlow};

use crate::batch::WriteBatch;
use crate::checkpoint::Checkpoint;
use crate::error::StateError;

/// The order of a scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From low to high keys.
    Forward,
    /// From high to low keys.
    Reverse,
}

/// What a scan shows: key and value, until it breaks.
pub type VisitRow<'a> = dyn FnMut(&[u8], &[u8]) -> ControlFlow<()> + 'a;

/// Rough sizes, for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BackendStats {
    /// Estimated number of rows of all stores.
    pub rows: u64,
    /// Estimated bytes of live data of all stores.
    pub live_bytes: u64,
}

/// The committed bytes of one task: rows by store index and key, in byte order, plus one checkpoint.
///
/// Callbacks must not call back into the backend.
pub trait Backend: Send + Sync {
    /// Shows the value of a row to `read`; `false` when there is no such row.
    ///
    /// # Errors
    /// [`StateError::Damaged`] when the row's block is corrupt; [`StateError::Storage`] when it cannot be read.
    fn get(&self, store: usize, key: &[u8], read: &mut dyn FnMut(&[u8])) -> Result<bool, StateError>;

    /// Shows the rows between two bounds until `visit` breaks. A range that ends before it begins is empty.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    fn scan(
        &self,
        store: usize,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        direction: Direction,
        visit: &mut VisitRow<'_>,
    ) -> Result<(), StateError>;

    /// Writes the batch and the checkpoint, both or nothing. Survives a crash of the process.
    ///
    /// # Errors
    /// Nothing was written.
    fn write(&self, batch: &WriteBatch, checkpoint: &Checkpoint) -> Result<(), StateError>;

    /// As [`write`](Self::write), but a crash may take the newest of these batches back, together with their
    /// checkpoints, until the next `write` or [`flush`](Self::flush). For restores, which simply go on from the older checkpoint.
    ///
    /// # Errors
    /// Nothing was written.
    fn write_bulk(&self, batch: &WriteBatch, checkpoint: &Checkpoint) -> Result<(), StateError> {
        self.write(batch, checkpoint)
    }

    /// Makes everything written so far survive a crash of the process.
    ///
    /// # Errors
    /// The storage failed; what was written by `write` is still safe.
    fn flush(&self) -> Result<(), StateError> {
        Ok(())
    }

    /// Estimated number of rows of a store.
    ///
    /// # Errors
    /// [`StateError::UnknownStore`], or the storage failed.
    fn approximate_len(&self, store: usize) -> Result<u64, StateError>;

    /// Rough sizes over all stores.
    fn stats(&self) -> BackendStats;
}

/// Whether no key can lie between the bounds.
pub(crate) fn is_empty_range(from: Bound<&[u8]>, to: Bound<&[u8]>) -> bool {
    match (from, to) {
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
        (Bound::Included(from), Bound::Included(to)) => from > to,
        (Bound::Included(from) | Bound::Excluded(from), Bound::Included(to) | Bound::Excluded(to)) => {
            from >= to
        }
    }
}
