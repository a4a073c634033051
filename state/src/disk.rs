//! A disk in memory: state that outlives the task that wrote it, for simulations and tests of crashes.
//!
//! A [`MemoryDisk`] keeps the state of any number of tasks under their names. It behaves as RocksDB does where the engine
//! can tell the difference: one opener at a time, and what was written survives a crash of the process. It can be told to
//! forget, to go back to an older copy, and to refuse writes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::backend::{Backend, BackendStats, Direction, VisitRow};
use crate::batch::WriteBatch;
use crate::checkpoint::Checkpoint;
use crate::error::StateError;
use crate::identity::Identity;
use crate::memory::{MemoryBackend, put};
use crate::spec::StoreSpec;

/// Stands before every write of a [`MemoryDisk`].
pub trait DiskWatch: Send + Sync {
    /// A task is about to write with this checkpoint.
    ///
    /// # Errors
    /// The disk refuses the write with this text.
    fn write(&self, task: &str, checkpoint: &Checkpoint) -> Result<(), String>;

    /// A task has written.
    fn written(&self, _task: &str) {}
}

/// The committed rows of one task as they lie on the disk.
#[derive(Clone, Debug, Default)]
pub struct Image {
    /// Store name -> rows in byte order.
    pub stores: BTreeMap<String, BTreeMap<Vec<u8>, Vec<u8>>>,
    /// What the rows correspond to.
    pub checkpoint: Checkpoint,
    identity: Identity,
}

/// The state of many tasks. Clones share it.
#[derive(Clone, Default)]
pub struct MemoryDisk {
    shared: Arc<Mutex<Tasks>>,
}

#[derive(Default)]
struct Tasks {
    images: BTreeMap<String, Image>,
    open: BTreeSet<String>,
    /// Rises with every crash: whoever opened before it writes into the void.
    age: u64,
    moved_aside: u64,
    watch: Option<Arc<dyn DiskWatch>>,
}

impl fmt::Debug for MemoryDisk {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "MemoryDisk({} tasks)", self.tasks().images.len())
    }
}

impl MemoryDisk {
    /// An empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks `watch` before every write.
    pub fn watch(&self, watch: Arc<dyn DiskWatch>) {
        self.tasks().watch = Some(watch);
    }

    /// The process that uses the disk is killed: nothing that it still does has an effect, and everything may be opened
    /// again.
    pub fn crash(&self) {
        let mut tasks = self.tasks();
        tasks.age += 1;
        tasks.open.clear();
    }

    /// All images as they are now.
    pub fn images(&self) -> BTreeMap<String, Image> {
        self.tasks().images.clone()
    }

    /// Replaces all images: an older copy, or none. Only while nothing is open.
    pub fn replace(&self, images: BTreeMap<String, Image>) {
        self.tasks().images = images;
    }

    /// How many images were moved aside.
    pub fn moved_aside(&self) -> u64 {
        self.tasks().moved_aside
    }

    fn tasks(&self) -> MutexGuard<'_, Tasks> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts an image aside under another name, so that an empty one takes its place.
    pub(crate) fn move_aside(&self, task: &str, now_ms: i64) -> String {
        let mut tasks = self.tasks();
        let aside = format!("{task}.damaged-{now_ms}");
        tasks.moved_aside += 1;
        if let Some(image) = tasks.images.remove(task) {
            tasks.images.insert(aside.clone(), image);
        }
        aside
    }

    /// Opens the state of a task, or makes it.
    pub(crate) fn open(
        &self,
        task: &str,
        identity: &Identity,
        specs: &[StoreSpec],
    ) -> Result<(DiskBackend, Checkpoint, bool), StateError> {
        let mut tasks = self.tasks();
        if tasks.open.contains(task) {
            return Err(StateError::Locked { dir: task.into() });
        }
        let fresh = !tasks.images.contains_key(task);
        let image = tasks.images.entry(task.to_owned()).or_default();
        if fresh {
            image.identity = identity.clone();
        } else if let Some(detail) = identity.conflict_with(&image.identity) {
            return Err(StateError::Foreign { dir: task.into(), detail });
        }
        let names: Vec<String> = specs.iter().map(|spec| spec.name.clone()).collect();
        let rows = names.iter().map(|name| image.stores.get(name).cloned().unwrap_or_default()).collect();
        let checkpoint = image.checkpoint.clone();
        tasks.open.insert(task.to_owned());
        let live = MemoryBackend::holding(rows, checkpoint.clone());
        let backend = DiskBackend { disk: self.clone(), task: task.to_owned(), age: tasks.age, names, live };
        Ok((backend, checkpoint, fresh))
    }
}

/// One opened task: what it reads, and the image that a crash leaves.
pub(crate) struct DiskBackend {
    disk: MemoryDisk,
    task: String,
    age: u64,
    names: Vec<String>,
    live: MemoryBackend,
}

impl DiskBackend {
    fn allowed(&self, checkpoint: &Checkpoint) -> Result<(), StateError> {
        let watch = self.disk.tasks().watch.clone();
        let refused = watch.and_then(|watch| watch.write(&self.task, checkpoint).err());
        match refused {
            Some(detail) => Err(StateError::Storage { dir: self.task.as_str().into(), detail }),
            None => Ok(()),
        }
    }

    fn written(&self) {
        let watch = self.disk.tasks().watch.clone();
        if let Some(watch) = watch {
            watch.written(&self.task);
        }
    }

    /// The image takes a batch that the live rows have taken.
    fn keep(&self, batch: &WriteBatch, checkpoint: &Checkpoint) {
        let mut tasks = self.disk.tasks();
        if tasks.age != self.age {
            return;
        }
        if let Some(image) = tasks.images.get_mut(&self.task) {
            for write in batch.iter() {
                if let Some(name) = self.names.get(write.store()) {
                    put(image.stores.entry(name.clone()).or_default(), write);
                }
            }
            image.checkpoint = checkpoint.clone();
        }
    }
}

impl Backend for DiskBackend {
    fn get(&self, store: usize, key: &[u8], read: &mut dyn FnMut(&[u8])) -> Result<bool, StateError> {
        self.live.get(store, key, read)
    }

    fn scan(
        &self,
        store: usize,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        direction: Direction,
        visit: &mut VisitRow<'_>,
    ) -> Result<(), StateError> {
        self.live.scan(store, from, to, direction, visit)
    }

    fn write(&self, batch: &WriteBatch, checkpoint: &Checkpoint) -> Result<(), StateError> {
        self.allowed(checkpoint)?;
        self.live.write(batch, checkpoint)?;
        self.keep(batch, checkpoint);
        self.written();
        Ok(())
    }

    fn checkpoint(&self) -> Result<Checkpoint, StateError> {
        self.live.checkpoint()
    }

    fn approximate_len(&self, store: usize) -> Result<u64, StateError> {
        self.live.approximate_len(store)
    }

    fn stats(&self) -> BackendStats {
        self.live.stats()
    }
}

impl Drop for DiskBackend {
    fn drop(&mut self) {
        let mut tasks = self.disk.tasks();
        if tasks.age == self.age {
            tasks.open.remove(&self.task);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::utf8;
    use crate::spec::StoreKind;

    fn open(disk: &MemoryDisk) -> Result<(DiskBackend, Checkpoint, bool), StateError> {
        let spec = StoreSpec::new("s", StoreKind::KeyValue { timestamped: false }, &*utf8(), &*utf8());
        disk.open("0_0", &Identity::default(), &[spec])
    }

    fn at(offset: i64) -> Checkpoint {
        Checkpoint { changelog: BTreeMap::from([("s".into(), offset)]), ..Checkpoint::default() }
    }

    fn batch(key: &[u8]) -> WriteBatch {
        let mut batch = WriteBatch::new();
        batch.put(0, key, b"v");
        batch
    }

    #[test]
    fn a_crash_keeps_what_was_written_and_nothing_that_comes_after_it() {
        let disk = MemoryDisk::new();
        let (backend, _, fresh) = open(&disk).unwrap();
        assert!(fresh);
        backend.write(&batch(b"a"), &at(1)).unwrap();
        assert!(matches!(open(&disk), Err(StateError::Locked { .. })));
        disk.crash();
        backend.write(&batch(b"void"), &at(9)).unwrap();
        let (again, checkpoint, fresh) = open(&disk).unwrap();
        drop(backend);
        assert!(!fresh);
        assert_eq!(checkpoint, at(1));
        assert_eq!(again.approximate_len(0).unwrap(), 1);
        assert!(matches!(open(&disk), Err(StateError::Locked { .. })), "the dead do not unlock");
        drop(again);
        assert_eq!(disk.images()["0_0"].stores["s"].len(), 1);
        disk.replace(BTreeMap::new());
        assert!(open(&disk).unwrap().2);
    }

    #[test]
    fn a_refused_write_leaves_nothing() {
        struct Full;
        impl DiskWatch for Full {
            fn write(&self, task: &str, _: &Checkpoint) -> Result<(), String> {
                Err(format!("no space for {task}"))
            }
        }
        let disk = MemoryDisk::new();
        open(&disk).unwrap().0.write(&batch(b"a"), &at(1)).unwrap();
        disk.watch(Arc::new(Full));
        let (backend, checkpoint, _) = open(&disk).unwrap();
        assert_eq!(checkpoint, at(1));
        let refused = backend.write(&batch(b"b"), &at(2)).unwrap_err();
        assert!(refused.to_string().contains("no space for 0_0"), "{refused}");
        assert_eq!(backend.approximate_len(0).unwrap(), 1);
    }
}
