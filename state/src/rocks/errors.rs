//! RocksDB's errors in our words. Its status has a kind; the rest must be read from the text.

use std::path::Path;

use rocksdb::{Error, ErrorKind};

use crate::error::StateError;

/// An error while the database is open. Not every table is opened with it: one that is gone may be missed when it is read.
pub(super) fn running(dir: &Path, error: &Error) -> StateError {
    let (dir, detail) = (dir.to_owned(), error.to_string());
    let missing = detail.contains("No such file or directory") && detail.contains("for random read");
    match error.kind() {
        ErrorKind::IOError if missing => StateError::Damaged { dir, detail },
        ErrorKind::Corruption => StateError::Damaged { dir, detail },
        _ => StateError::Storage { dir, detail },
    }
}

/// An error while an existing database is opened: here a missing file is damage as well.
pub(super) fn opening(dir: &Path, error: &Error) -> StateError {
    let text = error.to_string();
    // "While lock file: <path>: Resource temporarily unavailable", or "lock hold by current process".
    let locked = text.contains("While lock file") || text.contains("lock hold by current process");
    let missing = text.contains("No such file or directory") || text.contains("create_if_missing is false");
    match error.kind() {
        ErrorKind::IOError if locked => StateError::Locked { dir: dir.to_owned() },
        ErrorKind::IOError | ErrorKind::InvalidArgument if missing => {
            StateError::Damaged { dir: dir.to_owned(), detail: text }
        }
        _ => running(dir, error),
    }
}
