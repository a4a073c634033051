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

    /// The checkpoint of the last write; the default one before the first.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    fn checkpoint(&self) -> Result<Checkpoint, StateError>;

    /// Takes in the rows of a large batch in sorted form, without a checkpoint: quicker than [`write`](Self::write) where a
    /// store is built up from much. `false`: nothing was written, this batch is one for `write`.
    ///
    /// # Errors
    /// A part of the batch may be there; taking it in again is right.
    fn ingest(&self, _batch: &WriteBatch) -> Result<bool, StateError> {
        Ok(false)
    }

    /// Nothing more is ingested for now: background work that was put off is done.
    ///
    /// # Errors
    /// The storage failed; the data is as it was.
    fn settle(&self) -> Result<(), StateError> {
        Ok(())
    }

    /// Moves what lies in the log into tables. Nothing depends on it.
    ///
    /// # Errors
    /// The storage failed; what was written is still safe.
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
