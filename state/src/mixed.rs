//! The backend of a task some of whose stores are kept in memory, and the others by another backend.

use std::ops::Bound;

use crate::backend::{Backend, BackendStats, Direction, VisitRow};
use crate::batch::{Write, WriteBatch};
use crate::checkpoint::Checkpoint;
use crate::error::StateError;
use crate::memory::MemoryBackend;
use crate::spec::StoreSpec;

/// Where a store lies, and its index there.
#[derive(Clone, Copy)]
enum Home {
    Kept(usize),
    Memory(usize),
}

/// Stores in two places.
///
/// The kept backend knows nothing of the stores in memory. Its checkpoint goes on to say of them what it said when it was
/// opened: as of when a store was kept there, if it ever was. So a store may move in and out of memory from one start to the
/// next, and what was left behind is caught up from where it was left.
pub(crate) struct MixedBackend<B> {
    kept: B,
    memory: MemoryBackend,
    homes: Vec<Home>,
    /// Names of the stores in memory, and what the kept checkpoint says of each.
    left_behind: Vec<(String, Option<i64>)>,
}

impl<B: Backend> MixedBackend<B> {
    /// `kept` was opened with the specs that are not in memory, in their order, and is as of `checkpoint`. Returns also what the
    /// stores are as of: those in memory hold nothing yet.
    pub(crate) fn new(kept: B, specs: &[StoreSpec], checkpoint: Checkpoint) -> (Self, Checkpoint) {
        let (mut count, mut in_memory) = (0, 0);
        let place = |counter: &mut usize| std::mem::replace(counter, *counter + 1);
        let home = |spec: &StoreSpec| match spec.in_memory {
            true => Home::Memory(place(&mut in_memory)),
            false => Home::Kept(place(&mut count)),
        };
        let homes = specs.iter().map(home).collect();
        let mut checkpoint = checkpoint;
        let names = specs.iter().filter(|spec| spec.in_memory).map(|spec| spec.name.clone());
        let left_behind: Vec<_> = names
            .map(|name| {
                let kept = checkpoint.changelog.remove(&name);
                (name, kept)
            })
            .collect();
        let rows = vec![crate::memory::Map::new(); in_memory];
        let memory = MemoryBackend::holding(rows, checkpoint.clone());
        (Self { kept, memory, homes, left_behind }, checkpoint)
    }

    fn home(&self, store: usize) -> Result<Home, StateError> {
        let unknown = StateError::UnknownStore { index: store, count: self.homes.len() };
        self.homes.get(store).copied().ok_or(unknown)
    }

    /// The writes of each place.
    fn split(&self, batch: &WriteBatch) -> Result<(WriteBatch, WriteBatch), StateError> {
        let (mut kept, mut memory) = (WriteBatch::new(), WriteBatch::new());
        for write in batch.iter() {
            let (place, store) = match self.home(write.store())? {
                Home::Kept(store) => (&mut kept, store),
                Home::Memory(store) => (&mut memory, store),
            };
            match write {
                Write::Put { key, value, .. } => place.put(store, key, value),
                Write::Delete { key, .. } => place.delete(store, key),
                Write::DeleteRange { from, to, .. } => place.delete_range(store, from, to),
            }
        }
        Ok((kept, memory))
    }

    /// What the kept stores are as of.
    fn without_memory(&self, checkpoint: &Checkpoint) -> Checkpoint {
        let mut checkpoint = checkpoint.clone();
        for (name, kept) in &self.left_behind {
            match kept {
                Some(next) => checkpoint.changelog.insert(name.clone(), *next),
                None => checkpoint.changelog.remove(name),
            };
        }
        checkpoint
    }
}

impl<B: Backend> Backend for MixedBackend<B> {
    fn get(&self, store: usize, key: &[u8], read: &mut dyn FnMut(&[u8])) -> Result<bool, StateError> {
        match self.home(store)? {
            Home::Kept(store) => self.kept.get(store, key, read),
            Home::Memory(store) => self.memory.get(store, key, read),
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
        match self.home(store)? {
            Home::Kept(store) => self.kept.scan(store, from, to, direction, visit),
            Home::Memory(store) => self.memory.scan(store, from, to, direction, visit),
        }
    }

    /// Memory second: it refuses nothing.
    fn write(&self, batch: &WriteBatch, checkpoint: &Checkpoint) -> Result<(), StateError> {
        let (kept, memory) = self.split(batch)?;
        self.kept.write(&kept, &self.without_memory(checkpoint))?;
        self.memory.write(&memory, checkpoint)
    }

    fn checkpoint(&self) -> Result<Checkpoint, StateError> {
        self.memory.checkpoint()
    }

    fn ingest(&self, batch: &WriteBatch) -> Result<bool, StateError> {
        let (kept, memory) = self.split(batch)?;
        if kept.is_empty() || !self.kept.ingest(&kept)? {
            return Ok(false);
        }
        self.memory.write(&memory, &self.memory.checkpoint()?)?;
        Ok(true)
    }

    fn settle(&self) -> Result<(), StateError> {
        self.kept.settle()
    }

    fn flush(&self) -> Result<(), StateError> {
        self.kept.flush()
    }

    fn approximate_len(&self, store: usize) -> Result<u64, StateError> {
        match self.home(store)? {
            Home::Kept(store) => self.kept.approximate_len(store),
            Home::Memory(store) => self.memory.approximate_len(store),
        }
    }

    fn stats(&self) -> BackendStats {
        let (kept, memory) = (self.kept.stats(), self.memory.stats());
        BackendStats { rows: kept.rows + memory.rows, live_bytes: kept.live_bytes + memory.live_bytes }
    }
}
