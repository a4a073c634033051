//! Where the state of a task lives.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use crate::disk::MemoryDisk;
use crate::error::StateError;
use crate::rocks::MemoryBudget;
use crate::spec::StoreSpec;

/// Where the state of a task lives.
#[derive(Clone, Debug)]
pub enum Place {
    /// In memory: gone when it is dropped. For tests and drivers without a disk.
    Memory,
    /// In a RocksDB of its own.
    Rocks {
        /// Directory of this task; made when it is missing.
        dir: PathBuf,
        /// The memory shared by all RocksDBs of the process.
        memory: MemoryBudget,
    },
    /// On a [`MemoryDisk`], which outlives whoever opened it. For simulations.
    Kept {
        /// The disk.
        disk: MemoryDisk,
        /// Name of this task's state on it.
        task: String,
    },
}

impl Place {
    /// This place, or memory when one of the stores is to be there: for a state whose checkpoint speaks of others' offsets than
    /// those of a changelog per store, so that its stores can only be kept together.
    #[must_use]
    pub fn together(self, specs: &[StoreSpec]) -> Self {
        if specs.iter().any(|spec| spec.in_memory) { Self::Memory } else { self }
    }

    /// Puts what lies here aside, so that the state can be rebuilt in its place; tells where it went. `None` when nothing
    /// outlives its user here anyway.
    ///
    /// # Errors
    /// The rename was refused by the file system.
    pub fn move_aside(&self, now_ms: i64) -> Result<Option<PathBuf>, StateError> {
        match self {
            Self::Memory => Ok(None),
            Self::Rocks { dir, .. } => move_aside(dir, now_ms).map(Some),
            Self::Kept { disk, task } => Ok(Some(disk.move_aside(task, now_ms).into())),
        }
    }
}

/// Renames a damaged directory to `<dir>.damaged-<now_ms>` so that the state can be rebuilt in its place, and tells the new
/// name. A name that is taken already gets a number behind it.
///
/// # Errors
/// The rename was refused by the file system.
pub fn move_aside(dir: &Path, now_ms: i64) -> Result<PathBuf, StateError> {
    let mut attempt = 0_u32;
    loop {
        let mut name = OsString::from(dir);
        name.push(format!(".damaged-{now_ms}"));
        if attempt > 0 {
            name.push(format!("-{attempt}"));
        }
        let target = PathBuf::from(name);
        if !target.exists() {
            fs::rename(dir, &target).map_err(|source| StateError::Io {
                action: "moving aside",
                path: dir.to_owned(),
                source,
            })?;
            return Ok(target);
        }
        attempt += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moving_aside_keeps_the_files_and_never_overwrites() {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("0_1");
        for expected in ["0_1.damaged-7", "0_1.damaged-7-1"] {
            fs::create_dir(&dir).unwrap();
            fs::write(dir.join("file"), expected).unwrap();
            let target = move_aside(&dir, 7).unwrap();
            assert_eq!(target, parent.path().join(expected));
            assert_eq!(fs::read_to_string(target.join("file")).unwrap(), expected);
            assert!(!dir.exists());
        }
        assert!(matches!(move_aside(&dir, 7), Err(StateError::Io { .. })));
    }
}
