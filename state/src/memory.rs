//! The backend that keeps everything in memory: one ordered map per store.

use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard};

use crate::backend::{Backend, BackendStats, Direction, VisitRow, is_empty_range};
use crate::batch::{Write, WriteBatch};
use crate::checkpoint::Checkpoint;
use crate::error::StateError;

pub(crate) type Map = BTreeMap<Vec<u8>, Vec<u8>>;

/// Rows in memory.
pub(crate) struct MemoryBackend {
    stores: RwLock<Vec<Map>>,
    checkpoint: Mutex<Checkpoint>,
}

impl MemoryBackend {
    pub(crate) fn new(stores: usize) -> Self {
        Self::holding(vec![Map::new(); stores], Checkpoint::default())
    }

    /// A backend that begins with these rows and their checkpoint.
    pub(crate) fn holding(rows: Vec<Map>, checkpoint: Checkpoint) -> Self {
        Self { stores: RwLock::new(rows), checkpoint: Mutex::new(checkpoint) }
    }

    fn with_store<T>(&self, store: usize, read: impl FnOnce(&Map) -> T) -> Result<T, StateError> {
        let stores = self.read();
        let count = stores.len();
        stores.get(store).map(read).ok_or(StateError::UnknownStore { index: store, count })
    }

    /// A panic of another thread cannot have left a map half changed, so a poisoned lock is still good.
    fn read(&self) -> RwLockReadGuard<'_, Vec<Map>> {
        self.stores.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Backend for MemoryBackend {
    fn get(&self, store: usize, key: &[u8], read: &mut dyn FnMut(&[u8])) -> Result<bool, StateError> {
        self.with_store(store, |rows| rows.get(key).map(|value| read(value)).is_some())
    }

    fn scan(
        &self,
        store: usize,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        direction: Direction,
        visit: &mut VisitRow<'_>,
    ) -> Result<(), StateError> {
        self.with_store(store, |rows| {
            if is_empty_range(from, to) {
                return;
            }
            let mut rows = rows.range::<[u8], _>((from, to));
            let _: ControlFlow<()> = match direction {
                Direction::Forward => rows.try_for_each(|(key, value)| visit(key, value)),
                Direction::Reverse => rows.rev().try_for_each(|(key, value)| visit(key, value)),
            };
        })
    }

    fn write(&self, batch: &WriteBatch, checkpoint: &Checkpoint) -> Result<(), StateError> {
        let mut stores = self.stores.write().unwrap_or_else(PoisonError::into_inner);
        let count = stores.len();
        if let Some(index) = batch.iter().map(|write| write.store()).find(|store| *store >= count) {
            return Err(StateError::UnknownStore { index, count });
        }
        for write in batch.iter() {
            put(&mut stores[write.store()], write);
        }
        self.checkpoint.lock().unwrap_or_else(PoisonError::into_inner).clone_from(checkpoint);
        Ok(())
    }

    fn checkpoint(&self) -> Result<Checkpoint, StateError> {
        Ok(self.checkpoint.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    fn approximate_len(&self, store: usize) -> Result<u64, StateError> {
        self.with_store(store, |rows| rows.len() as u64)
    }

    fn stats(&self) -> BackendStats {
        let stores = self.read();
        let rows = stores.iter().map(|rows| rows.len() as u64).sum();
        let live_bytes = stores.iter().flatten().map(|(key, value)| (key.len() + value.len()) as u64).sum();
        BackendStats { rows, live_bytes }
    }
}

/// Makes one write.
pub(crate) fn put(rows: &mut Map, write: Write<'_>) {
    match write {
        Write::Put { key, value, .. } => {
            rows.insert(key.to_vec(), value.to_vec());
        }
        Write::Delete { key, .. } => {
            rows.remove(key);
        }
        Write::DeleteRange { from, to, .. } => remove_range(rows, from, to),
    }
}

fn remove_range(rows: &mut Map, from: &[u8], to: &[u8]) {
    if from < to {
        rows.extract_if(from.to_vec()..to.to_vec(), |_, _| true).for_each(drop);
    }
}
