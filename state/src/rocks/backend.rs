//! Reads and writes of an open database.

use std::ops::Bound;
use std::path::PathBuf;

use rocksdb::{ColumnFamily, DB, DEFAULT_COLUMN_FAMILY_NAME, FlushOptions};

use super::budget::MemoryBudget;
use super::ingest::Ingest;
use super::open::read_checkpoint;
use super::trail::Trail;
use super::{errors, options};
use crate::backend::{Backend, BackendStats, Direction, VisitRow, is_empty_range};
use crate::batch::{Write, WriteBatch};
use crate::checkpoint::Checkpoint;
use crate::error::StateError;
use crate::sorted::sorted;

/// Where the checkpoint lies in the default column family.
pub(super) const CHECKPOINT_KEY: &[u8] = b"checkpoint";

/// An open RocksDB with the column families of a task's stores.
pub(crate) struct RocksBackend {
    db: DB,
    dir: PathBuf,
    /// Column family by store index.
    families: Vec<String>,
    ingest: Ingest,
    trail: Trail,
}

impl RocksBackend {
    pub(super) fn new(db: DB, dir: PathBuf, families: Vec<String>, memory: &MemoryBudget) -> Self {
        let (ingest, trail) = (Ingest::new(&dir, memory), Trail::new(dir.join("db")));
        Self { db, dir, families, ingest, trail }
    }

    fn family(&self, store: usize) -> Result<&ColumnFamily, StateError> {
        let name = self.families.get(store);
        name.and_then(|name| self.db.cf_handle(name))
            .ok_or(StateError::UnknownStore { index: store, count: self.families.len() })
    }

    fn failed(&self, error: &rocksdb::Error) -> StateError {
        errors::running(&self.dir, error)
    }

    /// Writes in RocksDB's form, the checkpoint with them. `bytes` is the room they will take.
    fn convert<'w>(
        &self,
        writes: impl Iterator<Item = Write<'w>>,
        bytes: usize,
        checkpoint: &Checkpoint,
    ) -> Result<rocksdb::WriteBatch, StateError> {
        // Looked up once per batch, not once per write.
        let families: Vec<_> =
            (0..self.families.len()).map(|store| self.family(store)).collect::<Result<_, _>>()?;
        let family = |store: usize| match families.get(store) {
            Some(family) => Ok(*family),
            None => Err(StateError::UnknownStore { index: store, count: families.len() }),
        };
        let mut out = rocksdb::WriteBatch::with_capacity_bytes(bytes);
        for write in writes {
            match write {
                Write::Put { store, key, value } => out.put_cf(family(store)?, key, value),
                Write::Delete { store, key } => out.delete_cf(family(store)?, key),
                Write::DeleteRange { store, from, to } => out.delete_range_cf(family(store)?, from, to),
            }
        }
        out.put(CHECKPOINT_KEY, checkpoint.encode());
        Ok(out)
    }

    fn property(&self, family: &ColumnFamily, name: &str) -> u64 {
        self.db.property_int_value_cf(family, name).ok().flatten().unwrap_or(0)
    }
}

impl Backend for RocksBackend {
    fn get(&self, store: usize, key: &[u8], read: &mut dyn FnMut(&[u8])) -> Result<bool, StateError> {
        match self.db.get_pinned_cf(self.family(store)?, key) {
            Ok(Some(value)) => {
                read(&value);
                Ok(true)
            }
            Ok(None) => Ok(false),
            Err(error) => Err(self.failed(&error)),
        }
    }

    fn scan(
        &self,
        store: usize,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        direction: Direction,
        visit: &mut VisitRow<'_>,
    ) -> Result<(), StateError> {
        let family = self.family(store)?;
        if is_empty_range(from, to) {
            return Ok(());
        }
        let read = options::scan(lower(from), upper(to));
        let mut rows = self.db.raw_iterator_cf_opt(family, read);
        match direction {
            Direction::Forward => rows.seek_to_first(),
            Direction::Reverse => rows.seek_to_last(),
        }
        while let Some((key, value)) = rows.item() {
            if visit(key, value).is_break() {
                return Ok(());
            }
            match direction {
                Direction::Forward => rows.next(),
                Direction::Reverse => rows.prev(),
            }
        }
        // The end of the range, or an error that looks like it.
        rows.status().map_err(|error| self.failed(&error))
    }

    fn write(&self, batch: &WriteBatch, checkpoint: &Checkpoint) -> Result<(), StateError> {
        let batch = self.convert(batch.iter(), room(batch), checkpoint)?;
        self.trail.note()?;
        self.db.write_opt(batch, &options::commit()).map_err(|error| self.failed(&error))
    }

    fn ingest(&self, batch: &WriteBatch) -> Result<bool, StateError> {
        let Some(sorted) = sorted(batch) else { return Ok(false) };
        // What was announced must be in a table before there are rows in one that it speaks of: a cut of the power may take the
        // newest log, and leaves the tables.
        self.flush()?;
        for store in 0..self.families.len() {
            self.ingest.take(&self.db, self.family(store)?, sorted.of(store))?;
        }
        Ok(true)
    }

    fn settle(&self) -> Result<(), StateError> {
        let families = self.families.iter().filter_map(|name| self.db.cf_handle(name));
        self.ingest.settle(&self.db, families)
    }

    fn flush(&self) -> Result<(), StateError> {
        let mut families: Vec<_> = self.families.iter().filter_map(|name| self.db.cf_handle(name)).collect();
        families.extend(self.db.cf_handle(DEFAULT_COLUMN_FAMILY_NAME));
        self.db.flush_cfs_opt(&families, &FlushOptions::default()).map_err(|error| self.failed(&error))
    }

    fn checkpoint(&self) -> Result<Checkpoint, StateError> {
        read_checkpoint(&self.dir, &self.db)
    }

    fn approximate_len(&self, store: usize) -> Result<u64, StateError> {
        Ok(self.property(self.family(store)?, "rocksdb.estimate-num-keys"))
    }

    fn stats(&self) -> BackendStats {
        let mut stats = BackendStats::default();
        for family in self.families.iter().filter_map(|name| self.db.cf_handle(name)) {
            stats.rows += self.property(family, "rocksdb.estimate-num-keys");
            stats.live_bytes += self.property(family, "rocksdb.estimate-live-data-size");
        }
        stats
    }
}

/// Bytes of a batch in RocksDB's form: a tag, a column family and two lengths per write, and the checkpoint.
fn room(batch: &WriteBatch) -> usize {
    batch.bytes() + 16 * batch.len() + 1024
}

/// RocksDB includes its lower bound; the next key after `key` is `key` and a zero byte.
fn lower(from: Bound<&[u8]>) -> Option<Vec<u8>> {
    match from {
        Bound::Unbounded => None,
        Bound::Included(key) => Some(key.to_vec()),
        Bound::Excluded(key) => Some(behind(key)),
    }
}

/// RocksDB excludes its upper bound.
fn upper(to: Bound<&[u8]>) -> Option<Vec<u8>> {
    match to {
        Bound::Unbounded => None,
        Bound::Included(key) => Some(behind(key)),
        Bound::Excluded(key) => Some(key.to_vec()),
    }
}

fn behind(key: &[u8]) -> Vec<u8> {
    let mut next = Vec::with_capacity(key.len() + 1);
    next.extend_from_slice(key);
    next.push(0);
    next
}
