//! How long RocksDB's own manifest was when the newest commit was written.
//!
//! The manifest lists the tables there are. RocksDB takes one whose end is missing for an older one, and goes on with the older
//! tables and the newer log: rows are missing then, and the checkpoint may say otherwise. So a file beside it has the
//! manifest's name and length, renewed before each commit that finds another one. The manifest is synced before anything
//! depends on it: a shorter one is damage, not what a crash leaves. The note is not in the database, for what RocksDB makes of
//! a cut manifest may leave out the very log, or the table, that has it: its recovery writes one flush per column family, and
//! a log whose predecessor is missing is not replayed (`track_and_verify_wals`). A flush after the newest commit is not in the note;
//! without it tables and logs are those of an earlier commit.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::error::StateError;

/// The file of the note, in the database's directory: RocksDB leaves alone what it does not know.
const FILE: &str = "topo-manifest-length";
/// Longer than any note: a shorter one leaves nothing of the one before.
const WIDTH: usize = 80;

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
        format!("{:WIDTH$}", format!("{} {}", self.name, self.bytes))
    }

    fn decode(text: &str) -> Option<Self> {
        let (name, bytes) = text.trim_end().split_once(' ')?;
        Some(Self { name: name.to_owned(), bytes: bytes.parse().ok()? })
    }

    /// Manifests are numbered: each opening makes a new one.
    fn number(&self) -> Option<u64> {
        self.name.rsplit_once('-')?.1.parse().ok()
    }
}

/// The note and the manifest as they lay there before the database was opened.
pub(super) struct Found {
    noted: Option<Length>,
    manifest: Option<Length>,
}

impl Found {
    /// In the database's directory. The note first: the manifest of a database that is open only grows.
    pub(super) fn in_(db: &Path) -> Self {
        // One that the power took with it, and that of an earlier version, which had none, say nothing.
        let noted = fs::read_to_string(db.join(FILE)).ok().and_then(|text| Length::decode(&text));
        Self { noted, manifest: Length::current(db) }
    }

    /// Compares the two.
    ///
    /// # Errors
    /// [`StateError::Damaged`]: the manifest has lost its end, or an older one is in its place.
    pub(super) fn check(&self, dir: &Path) -> Result<(), StateError> {
        let (Some(noted), Some(found)) = (&self.noted, &self.manifest) else { return Ok(()) };
        let newer = found.number() > noted.number();
        if newer || found.name == noted.name && found.bytes >= noted.bytes {
            return Ok(());
        }
        let detail = format!(
            "{} has {} bytes; {} had {} when the newest commit was written",
            found.name, found.bytes, noted.name, noted.bytes
        );
        Err(StateError::Damaged { dir: dir.to_owned(), detail })
    }
}

/// The note of an open database.
pub(super) struct Trail {
    db: PathBuf,
    written: Mutex<Option<(Length, File)>>,
}

impl Trail {
    /// Nothing is noted since the opening.
    pub(super) fn new(db: PathBuf) -> Self {
        Self { db, written: Mutex::default() }
    }

    /// Renews the note, before a commit, when there is something new to say.
    ///
    /// # Errors
    /// [`StateError::Io`].
    pub(super) fn note(&self) -> Result<(), StateError> {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let known = written.as_ref().and_then(|(known, _)| Length::of(&self.db, &known.name));
        let Some(now) = known.or_else(|| Length::current(&self.db)) else { return Ok(()) };
        if written.as_ref().is_some_and(|(noted, _)| *noted == now) {
            return Ok(());
        }
        let path = self.db.join(FILE);
        let file = match written.take() {
            Some((_, file)) => Ok(file),
            None => OpenOptions::new().create(true).truncate(false).write(true).open(&path),
        };
        let renewed = file.and_then(|file| {
            file.write_all_at(now.encode().as_bytes(), 0)?;
            Ok(file)
        });
        let file = renewed.map_err(|source| StateError::Io { action: "writing", path, source })?;
        *written = Some((now, file));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn length(name: &str, bytes: u64) -> Length {
        Length { name: name.into(), bytes }
    }

    #[test]
    fn a_note_reads_back_and_what_is_none_is_ignored() {
        let longest = length("MANIFEST-18446744073709551615", u64::MAX);
        for length in [longest, length("MANIFEST-000012", 0)] {
            assert_eq!(length.encode().len(), WIDTH);
            assert_eq!(Length::decode(&length.encode()), Some(length));
        }
        for foreign in ["", "MANIFEST-000012", "MANIFEST-000012 x", "\0\0\0\0"] {
            assert_eq!(Length::decode(foreign), None);
        }
    }

    #[test]
    fn a_manifest_may_be_longer_or_newer_and_never_shorter_or_older() {
        let noted = || length("MANIFEST-000099", 10);
        let verdict =
            |found| Found { noted: Some(noted()), manifest: Some(found) }.check(Path::new("d")).is_ok();
        assert!(
            verdict(noted())
                && verdict(length("MANIFEST-000099", 11))
                && verdict(length("MANIFEST-000100", 1))
        );
        assert!(!verdict(length("MANIFEST-000099", 9)) && !verdict(length("MANIFEST-000098", 99)));
    }
}
