//! The stable name of a process, and the proof that no other process uses its state directory.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use super::error::Error;

/// The file the name is kept in.
const FILE: &str = "process-id";
/// The file that is locked. Its own, so that the name can be replaced by a rename.
const LOCK: &str = "lock";

/// A state directory that is ours until this is dropped.
#[derive(Debug)]
pub(crate) struct StateDirectory {
    /// The directory.
    pub(crate) path: PathBuf,
    /// The stable name of this process.
    pub(crate) process_id: String,
    /// The name of the directory itself, made with it: whoever announces another one does not use this directory.
    pub(crate) home: String,
    /// Held, never read.
    _lock: Lock,
}

impl StateDirectory {
    /// Makes the directory if it is missing, locks it, and reads or makes the process's name.
    ///
    /// # Errors
    /// [`Error::DirectoryInUse`] when another process has it; [`Error::Io`], [`Error::Name`] otherwise.
    pub(crate) fn claim(path: &Path, given: Option<&str>) -> Result<Self, Error> {
        fs::create_dir_all(path).map_err(io("creating", path))?;
        let lock_path = path.join(LOCK);
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock_path)
            .map_err(io("opening", &lock_path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Error::DirectoryInUse { dir: path.to_owned() }),
            Err(TryLockError::Error(source)) => return Err(io("locking", &lock_path)(source)),
        }
        let home = read_or_make(path)?;
        let process_id = given.unwrap_or(&home).to_owned();
        check(&process_id)?;
        Ok(Self { path: path.to_owned(), process_id, home, _lock: Lock(lock) })
    }
}

/// The operating system's lock on a directory; a crash releases it.
#[derive(Debug)]
struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // Said aloud: a child that is being started beside us holds a copy of the file until it has become its program,
        // and closing ours alone would leave the directory locked that long. A failure leaves just that.
        let _ = self.0.unlock();
    }
}

/// The name goes into client ids, transactional ids and JSON: plain characters only.
fn check(id: &str) -> Result<(), Error> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if !id.is_empty() && id.len() <= 100 && id.chars().all(plain) {
        return Ok(());
    }
    let rule = "1 to 100 letters, digits, '-', '_' or '.'";
    Err(Error::Name { what: "process id", found: id.to_owned(), rule })
}

fn read_or_make(dir: &Path) -> Result<String, Error> {
    let path = dir.join(FILE);
    match fs::read_to_string(&path) {
        Ok(text) => Ok(text.trim().to_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let id = random_id()?;
            // A half-written name must never be read: write aside, sync, rename.
            let aside = dir.join("process-id.new");
            let mut file = File::create(&aside).map_err(io("creating", &aside))?;
            file.write_all(id.as_bytes()).and_then(|()| file.sync_all()).map_err(io("writing", &aside))?;
            fs::rename(&aside, &path).map_err(io("renaming", &aside))?;
            Ok(id)
        }
        Err(source) => Err(io("reading", &path)(source)),
    }
}

/// 128 random bits in the usual form of a UUID, version 4.
pub(crate) fn random_id() -> Result<String, Error> {
    let source = Path::new("/dev/urandom");
    let mut bytes = [0_u8; 16];
    File::open(source).and_then(|mut file| file.read_exact(&mut bytes)).map_err(io("reading", source))?;
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok([&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-"))
}

fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Io { action, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_survives_a_restart_and_differs_between_directories() {
        let parent = tempfile::tempdir().unwrap();
        let first = StateDirectory::claim(&parent.path().join("a"), None).unwrap().process_id;
        let again = StateDirectory::claim(&parent.path().join("a"), None).unwrap().process_id;
        let other = StateDirectory::claim(&parent.path().join("b"), None).unwrap().process_id;
        assert_eq!(first.len(), 36);
        assert_eq!(first, again);
        assert_ne!(first, other);
    }

    #[test]
    fn a_second_user_of_the_directory_is_refused_until_the_first_is_gone() {
        let parent = tempfile::tempdir().unwrap();
        let first = StateDirectory::claim(parent.path(), Some("p1")).unwrap();
        let refused = StateDirectory::claim(parent.path(), Some("p2")).unwrap_err();
        assert!(matches!(refused, Error::DirectoryInUse { .. }), "{refused}");
        drop(first);
        assert_eq!(StateDirectory::claim(parent.path(), Some("p2")).unwrap().process_id, "p2");
    }

    #[test]
    fn a_copy_of_the_file_in_a_child_does_not_keep_the_directory() {
        let parent = tempfile::tempdir().unwrap();
        let first = StateDirectory::claim(parent.path(), None).unwrap();
        let inherited = first._lock.0.try_clone().unwrap();
        drop(first);
        StateDirectory::claim(parent.path(), None).unwrap();
        drop(inherited);
    }

    #[test]
    fn a_name_with_other_characters_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        for bad in ["", "a b", "a/b", &"x".repeat(101)] {
            let refused = StateDirectory::claim(parent.path(), Some(bad)).unwrap_err();
            assert!(matches!(refused, Error::Name { .. }), "{refused}");
        }
    }
}
