//! How long RocksDB's own manifest was when the newest commit was written.
//!
//! The manifest lists the tables there are. RocksDB takes one whose end is missing for an older one, and goes on with the older tables and
//! the newer log: rows are missing then, and the checkpoint, which lies in the log, says otherwise. So the checkpoint has the
//! manifest's name and length beside it. The manifest is synced before anything depends on it: a shorter one is damage, not
//! what a crash leaves. A flush after the newest commit is not in its note; for that one RocksDB itself looks whether the log
//! before the oldest one it finds may be gone (`track_and_verify_wals`).

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rocksdb::{DB, WriteBatch};

use super::errors;
use crate::error::StateError;

/// Where the note lies in the default column family.
const KEY: &[u8] = b"manifest";

/// A manifest's name and length.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Length {
    name: String,
    bytes: u64,
}

impl Length {
    fn of(db: &Path, name: &str) -> Option<Self> {
        let bytes = fs::metadata(db.join(name)).ok()?.len();
        Some(Self { name: name.to_owned(), bytes })
    }

    /// That of the manifest in use.
    fn current(db: &Path) -> Option<Self> {
        Self::of(db, fs::read_to_string(db.join("CURRENT")).ok()?.trim_end())
    }

    fn encode(&self) -> String {
        format!("{} {}", self.name, self.bytes)
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (name, bytes) = std::str::from_utf8(bytes).ok()?.split_once(' ')?;
        Some(Self { name: name.to_owned(), bytes: bytes.parse().ok()? })
    }
}

/// The manifest as it lay there before the database was opened.
pub(super) struct Found(Option<Length>);

impl Found {
    /// In the database's directory.
    pub(super) fn in_(db: &Path) -> Self {
        Self(Length::current(db))
    }

    /// Compares it with what the newest commit says, now that the database is open.
    ///
    /// # Errors
    /// [`StateError::Damaged`]: it has lost its end.
    pub(super) fn check(&self, dir: &Path, db: &DB) -> Result<(), StateError> {
        let noted = db.get_pinned(KEY).map_err(|error| errors::running(dir, &error))?;
        let (Some(found), Some(noted)) = (&self.0, noted.and_then(|bytes| Length::decode(&bytes))) else {
            return Ok(());
        };
        if found.name != noted.name || found.bytes >= noted.bytes {
            return Ok(());
        }
        let (name, bytes) = (&noted.name, noted.bytes);
        let detail =
            format!("{name} has {} bytes, and had {bytes} when the newest commit was written", found.bytes);
        Err(StateError::Damaged { dir: dir.to_owned(), detail })
    }
}

/// The note of an open database.
pub(super) struct Trail {
    db: PathBuf,
    noted: Mutex<Option<Length>>,
}

impl Trail {
    /// Nothing is noted since the opening.
    pub(super) fn new(db: PathBuf) -> Self {
        Self { db, noted: Mutex::default() }
    }

    /// Adds the note to a commit when it says something new.
    pub(super) fn note(&self, batch: &mut WriteBatch) {
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        let known = noted.as_ref().and_then(|known| Length::of(&self.db, &known.name));
        let now = known.or_else(|| Length::current(&self.db));
        if let Some(length) = now.filter(|now| noted.as_ref() != Some(now)) {
            batch.put(KEY, length.encode());
            *noted = Some(length);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_reads_back_and_what_is_none_is_ignored() {
        let length = Length { name: "MANIFEST-000012".into(), bytes: 1 << 40 };
        assert_eq!(Length::decode(length.encode().as_bytes()), Some(length));
        for foreign in [&b""[..], b"MANIFEST-000012", b"MANIFEST-000012 x", &[0xff, b' ', b'1']] {
            assert_eq!(Length::decode(foreign), None);
        }
    }
}
