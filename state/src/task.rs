//! The durable state of one task.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::backend::Backend;
use crate::batch::WriteBatch;
use crate::checkpoint::Checkpoint;
use crate::error::StateError;
use crate::identity::Identity;
use crate::memory::MemoryBackend;
use crate::place::Place;
use crate::rocks;
use crate::spec::StoreSpec;

/// All stores of one task over one backend, with one checkpoint. The backend's store indices are places in the list of
/// specs it was opened with.
pub struct TaskState {
    backend: Arc<dyn Backend>,
    checkpoint: Checkpoint,
    specs: Vec<StoreSpec>,
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
    /// longer named is kept untouched. The state is locked until this value and every backend handed out are dropped.
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
        match place {
            Place::Memory => {
                let backend = Arc::new(MemoryBackend::new(specs.len()));
                let state = Self { backend, checkpoint: Checkpoint::default(), specs };
                Ok(Opened { state, fresh: true })
            }
            Place::Kept { disk, task } => {
                let (backend, checkpoint, fresh) = disk.open(task, identity, &specs)?;
                Ok(Opened { state: Self { backend: Arc::new(backend), checkpoint, specs }, fresh })
            }
            Place::Rocks { dir, memory } => {
                let opened = rocks::open(dir, memory, identity, &specs)?;
                let backend = Arc::new(opened.backend);
                Ok(Opened {
                    state: Self { backend, checkpoint: opened.checkpoint, specs },
                    fresh: opened.fresh,
                })
            }
        }
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

    /// Writes data and checkpoint in one atomic write that survives a crash of the process.
    ///
    /// # Errors
    /// Nothing was written and the checkpoint is the old one.
    pub fn apply(&mut self, batch: WriteBatch, checkpoint: Checkpoint) -> Result<(), StateError> {
        self.backend.write(&batch, &checkpoint)?;
        self.checkpoint = checkpoint;
        Ok(())
    }

    /// As [`apply`](Self::apply), faster, for restores: a crash before the next [`flush`](Self::flush) or `apply` may take
    /// the newest batches back, each together with its checkpoint.
    ///
    /// # Errors
    /// Nothing of this batch was written and the checkpoint is the old one.
    pub fn apply_bulk(&mut self, batch: &WriteBatch, checkpoint: Checkpoint) -> Result<(), StateError> {
        self.backend.write_bulk(batch, &checkpoint)?;
        self.checkpoint = checkpoint;
        Ok(())
    }

    /// Makes all bulk batches survive a crash of the process: the end of a restore.
    ///
    /// # Errors
    /// The storage failed; the restore may be repeated.
    pub fn flush(&self) -> Result<(), StateError> {
        self.backend.flush()
    }
}
