//! What can go wrong with state. Variants tell the reaction: configure, rebuild, wait, or stop.

use std::path::PathBuf;

use crate::codec::CodecError;

/// An error of the state crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// A key or value could not be encoded or decoded. A bug in a codec, or a type that changed without its codec's id.
    #[error("store {store}: {source}")]
    Codec {
        /// Name of the store.
        store: String,
        /// What the codec said.
        source: CodecError,
    },
    /// The directory belongs to someone else, or is no state directory at all. Nothing in it was touched.
    #[error("{} is not the state of this task: {detail}; point the state directory elsewhere or remove it", dir.display())]
    Foreign {
        /// The directory.
        dir: PathBuf,
        /// What differs.
        detail: String,
    },
    /// A store was declared differently when its data was written. Rename the store or reset the application.
    #[error("store {store} in {} was written as {recorded} and is now declared as {declared}; give the store a new name or reset the application", dir.display())]
    Incompatible {
        /// The directory.
        dir: PathBuf,
        /// Name of the store.
        store: String,
        /// The declaration on disk.
        recorded: String,
        /// The declaration of the topology.
        declared: String,
    },
    /// A newer version of this crate wrote the directory.
    #[error("{} has state format {found}, this version reads up to {supported}; run the newer version, or remove the directory to rebuild it", dir.display())]
    NewerFormat {
        /// The directory.
        dir: PathBuf,
        /// Format version on disk.
        found: u32,
        /// Highest format version this crate reads.
        supported: u32,
    },
    /// The data is corrupt. [`move_aside`](crate::move_aside) the directory and rebuild it from the changelogs.
    #[error("the state in {} is damaged: {detail}; it can be rebuilt from the changelogs", dir.display())]
    Damaged {
        /// The directory.
        dir: PathBuf,
        /// What was found.
        detail: String,
    },
    /// Another process, or another task of this one, has the directory open. Wait for it or stop it.
    #[error("the state in {} is in use by another process", dir.display())]
    Locked {
        /// The directory.
        dir: PathBuf,
    },
    /// The file system refused: no space, no permission.
    #[error("{action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which path.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The storage engine failed for a reason that is not damage: no space, too many open files. Stop the task.
    #[error("storage in {}: {detail}", dir.display())]
    Storage {
        /// The directory.
        dir: PathBuf,
        /// What the engine said.
        detail: String,
    },
    /// A write or read named a store this task does not have: a bug in the caller.
    #[error("no store with index {index}: this task has {count}")]
    UnknownStore {
        /// The index asked for.
        index: usize,
        /// How many stores there are.
        count: usize,
    },
    /// Two stores of one task have the same name.
    #[error("store {store} is declared twice in one task")]
    DuplicateStore {
        /// The name.
        store: String,
    },
}

impl StateError {
    /// Whether moving the directory aside and rebuilding it from the changelogs is the answer.
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged { .. })
    }
}
