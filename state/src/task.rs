//! The durable state of one task.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Weak};

use crate::backend::Backend;
use crate::batch::WriteBatch;
use crate::checkpoint::Checkpoint;
use crate::error::StateError;
use crate::identity::Identity;
use crate::memory::MemoryBackend;
use crate::mixed::MixedBackend;
use crate::place::Place;
use crate::rocks::{self, MemoryBudget};
use crate::spec::StoreSpec;

/// A batch of a restore from this size on is taken in as a sorted run.
const BULK_BYTES: usize = 1 << 20;
/// Metadata of the checkpoint on disk: how far the rows may be ahead of it.
const AHEAD: &str = "ahead";

/// All stores of one task over one backend, with one checkpoint. The backend's store indices are places in the list of
/// specs it was opened with.
pub struct TaskState {
    backend: Arc<dyn Backend>,
    checkpoint: Checkpoint,
    /// Rows may already be as of this later checkpoint: a restore was cut off between the two.
    ahead: Option<Checkpoint>,
    specs: Vec<StoreSpec>,
}

/// A look at the committed rows of a state that somebody else has open. Neither keeps it open nor gets in its way.
#[derive(Clone)]
pub struct Glimpse {
    backend: Weak<dyn Backend>,
    specs: Vec<StoreSpec>,
}

impl Glimpse {
    /// The rows as they are now; `None` when the state is closed. What this returns keeps the state locked: hold it for as
    /// long as a few reads take, and write nothing.
    ///
    /// # Errors
    /// The checkpoint cannot be read.
    pub fn look(&self) -> Result<Option<TaskState>, StateError> {
        let Some(backend) = self.backend.upgrade() else { return Ok(None) };
        let checkpoint = backend.checkpoint()?;
        Ok(Some(TaskState::new(backend, checkpoint, self.specs.clone())))
    }

    /// The stores in the order of their indices.
    pub fn specs(&self) -> &[StoreSpec] {
        &self.specs
    }
}

/// What opening a task's state found.
pub struct Opened {
    /// The state.
    pub state: TaskState,
    /// Whether there was nothing yet: everything must come from the changelogs.
    pub fresh: bool,
}

impl TaskState {
    /// Opens the state of a task, or makes it. A store that is new in an existing directory is created empty; one that is no
    /// longer named is kept untouched. The state is locked until this value and every backend handed out are dropped. Stores
    /// that are declared [in memory](StoreSpec::in_memory) are empty, and the checkpoint says nothing of their changelogs.
    ///
    /// # Errors
    /// [`StateError::Foreign`], [`Incompatible`](StateError::Incompatible), [`NewerFormat`](StateError::NewerFormat):
    /// nothing was touched. [`Damaged`](StateError::Damaged): move it aside and rebuild it.
    /// [`Locked`](StateError::Locked): someone else has it open. [`Io`](StateError::Io),
    /// [`Storage`](StateError::Storage): the file system refused.
    pub fn open(place: &Place, identity: &Identity, specs: Vec<StoreSpec>) -> Result<Opened, StateError> {
        let mut names = BTreeSet::new();
        if let Some(spec) = specs.iter().find(|spec| !names.insert(spec.name.as_str())) {
            return Err(StateError::DuplicateStore { store: spec.name.clone() });
        }
        let kept: Vec<StoreSpec> = specs.iter().filter(|spec| !spec.in_memory).cloned().collect();
        match place {
            Place::Memory => {
                let backend = Arc::new(MemoryBackend::new(specs.len()));
                Ok(Opened { state: Self::new(backend, Checkpoint::default(), specs), fresh: true })
            }
            Place::Kept { disk, task } => {
                let (backend, checkpoint, fresh) = disk.open(task, identity, &kept)?;
                Ok(Opened { state: Self::over(backend, checkpoint, specs), fresh })
            }
            Place::Rocks { dir, memory } => {
                let opened = rocks::open(dir, memory, identity, &kept)?;
                Ok(Opened {
                    state: Self::over(opened.backend, opened.checkpoint, specs),
                    fresh: opened.fresh,
                })
            }
        }
    }

    /// Over a backend that has the stores which are not kept in memory.
    fn over(kept: impl Backend + 'static, checkpoint: Checkpoint, specs: Vec<StoreSpec>) -> Self {
        if !specs.iter().any(|spec| spec.in_memory) {
            return Self::new(Arc::new(kept), checkpoint, specs);
        }
        let (backend, checkpoint) = MixedBackend::new(kept, &specs, checkpoint);
        Self::new(Arc::new(backend), checkpoint, specs)
    }

    /// Opens the state in a directory for a look: nothing in it is changed, and every write is refused. The stores are those
    /// recorded there. `None` when there is none yet. Nobody else may have it open meanwhile.
    ///
    /// # Errors
    /// As [`open`](Self::open), as far as they can happen.
    pub fn look(dir: &Path, memory: &MemoryBudget) -> Result<Option<(Identity, Self)>, StateError> {
        let Some(looked) = rocks::open_read_only(dir, memory)? else { return Ok(None) };
        let state = Self::new(Arc::new(looked.backend), looked.checkpoint, looked.specs);
        Ok(Some((looked.identity, state)))
    }

    fn new(backend: Arc<dyn Backend>, mut checkpoint: Checkpoint, specs: Vec<StoreSpec>) -> Self {
        let ahead = checkpoint.metadata.remove(AHEAD);
        // A note that cannot be read still says that there was one.
        let ahead = ahead.map(|bytes| Checkpoint::decode(&bytes).unwrap_or_default());
        Self { backend, checkpoint, ahead, specs }
    }

    /// For others to look at what is committed here, while this goes on.
    pub fn glimpse(&self) -> Glimpse {
        Glimpse { backend: Arc::downgrade(&self.backend), specs: self.specs.clone() }
    }

    /// The committed bytes, for typed stores and readers.
    pub fn backend(&self) -> Arc<dyn Backend> {
        self.backend.clone()
    }

    /// What the data in the backend corresponds to: as opened, then as of each batch applied.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The stores in the order of their indices.
    pub fn specs(&self) -> &[StoreSpec] {
        &self.specs
    }

    /// The index of a store in this task.
    pub fn index_of(&self, store: &str) -> Option<usize> {
        self.specs.iter().position(|spec| spec.name == store)
    }

    /// Whether rows may be newer than the checkpoint, because a restore was cut off. Such a state is no base for processing;
    /// replaying the changelogs from the checkpoint on mends it.
    pub fn is_ahead(&self) -> bool {
        self.ahead.is_some()
    }

    /// Writes data and checkpoint in one atomic write that survives a crash of the process.
    ///
    /// # Errors
    /// Nothing was written and the checkpoint is the old one.
    pub fn apply(&mut self, batch: WriteBatch, checkpoint: Checkpoint) -> Result<(), StateError> {
        self.write(&batch, checkpoint)
    }

    /// As [`apply`](Self::apply), for restores: a large batch is taken in as a sorted run, and a crash meanwhile may leave
    /// its rows without its checkpoint. Replaying the same records over them is right.
    ///
    /// # Errors
    /// The checkpoint is the old one.
    pub fn apply_bulk(&mut self, batch: &WriteBatch, checkpoint: Checkpoint) -> Result<(), StateError> {
        if batch.bytes() >= BULK_BYTES {
            self.announce(&checkpoint)?;
            if self.backend.ingest(batch)? {
                return self.write(&WriteBatch::new(), checkpoint);
            }
        }
        self.write(batch, checkpoint)
    }

    /// The restore is over: work that it put off may be done now.
    ///
    /// # Errors
    /// The storage failed; the restore may be repeated.
    pub fn settle(&self) -> Result<(), StateError> {
        self.backend.settle()
    }

    /// Moves what lies in the log into tables. Nothing depends on it.
    ///
    /// # Errors
    /// The storage failed; what was applied is still safe.
    pub fn flush(&self) -> Result<(), StateError> {
        self.backend.flush()
    }

    /// Notes beforehand how far the rows will be while the checkpoint still says otherwise.
    fn announce(&mut self, next: &Checkpoint) -> Result<(), StateError> {
        let mut ahead = self.ahead.take().unwrap_or_default();
        for (store, next) in &next.changelog {
            let known = ahead.changelog.entry(store.clone()).or_insert(*next);
            *known = (*known).max(*next);
        }
        self.ahead = Some(ahead);
        self.write(&WriteBatch::new(), self.checkpoint.clone())
    }

    fn write(&mut self, batch: &WriteBatch, checkpoint: Checkpoint) -> Result<(), StateError> {
        let mut written = checkpoint;
        let ahead = self.ahead.as_ref().filter(|ahead| !written.reaches(ahead)).cloned();
        if let Some(ahead) = &ahead {
            written.metadata.insert(AHEAD.into(), ahead.encode());
        }
        self.backend.write(batch, &written)?;
        written.metadata.remove(AHEAD);
        (self.checkpoint, self.ahead) = (written, ahead);
        Ok(())
    }
}
