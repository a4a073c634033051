//! One bound for the memory of all RocksDBs of the process.

use std::fmt;

use rocksdb::{Cache, WriteBufferManager};

/// A shared block cache, and a limit for all memtables that is charged to the same cache. Clones share it.
///
/// The limit is soft: measured, memtables pass theirs by a quarter while flushes catch up.
#[derive(Clone)]
pub struct MemoryBudget {
    bytes: usize,
    pub(super) cache: Cache,
    pub(super) buffers: WriteBufferManager,
}

impl MemoryBudget {
    /// A budget of `bytes` for everything: blocks, indexes, filters and memtables (a third at most).
    pub fn new(bytes: usize) -> Self {
        let cache = Cache::new_lru_cache(bytes);
        // Never stall writers: a flush is always on its way, and a stalled commit would hold a transaction open.
        let buffers =
            WriteBufferManager::new_write_buffer_manager_with_cache(bytes / 3, false, cache.clone());
        Self { bytes, cache, buffers }
    }

    /// The budget in bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Bytes in use by blocks and memtables.
    pub fn used_bytes(&self) -> usize {
        self.cache.get_usage()
    }
}

impl fmt::Debug for MemoryBudget {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("MemoryBudget").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}
