//! `topo.json`: whose state a directory holds and how it is laid out. Readable without opening the database.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::StateError;
use crate::identity::Identity;
use crate::spec::StoreSpec;

/// The format this version writes, and the highest it reads.
const FORMAT: u32 = 1;
const FILE: &str = "topo.json";
const DRAFT: &str = "topo.json.new";

/// The contents of `topo.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Manifest {
    format: u32,
    #[serde(flatten)]
    identity: Identity,
    /// Every store that ever was in this directory.
    stores: Vec<StoreSpec>,
}

/// The one field every format has.
#[derive(Deserialize)]
struct Versioned {
    format: u32,
}

impl Manifest {
    pub(super) fn new(identity: &Identity, specs: &[StoreSpec]) -> Self {
        Self { format: FORMAT, identity: identity.clone(), stores: specs.to_vec() }
    }

    /// The manifest of a directory; `None` when the directory is missing or empty.
    pub(super) fn read(dir: &Path) -> Result<Option<Self>, StateError> {
        let bytes = match fs::read(dir.join(FILE)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Self::absent(dir),
            Err(source) => {
                return Err(StateError::Io { action: "reading", path: dir.join(FILE), source });
            }
        };
        let damaged = |error: serde_json::Error| StateError::Damaged {
            dir: dir.to_owned(),
            detail: format!("{FILE} cannot be read: {error}"),
        };
        let Versioned { format: found } = serde_json::from_slice(&bytes).map_err(damaged)?;
        if found > FORMAT {
            return Err(StateError::NewerFormat { dir: dir.to_owned(), found, supported: FORMAT });
        }
        serde_json::from_slice(&bytes).map(Some).map_err(damaged)
    }

    /// The manifest after this owner has opened the directory, or why it must not.
    pub(super) fn admit(
        &self,
        dir: &Path,
        identity: &Identity,
        specs: &[StoreSpec],
    ) -> Result<Self, StateError> {
        if let Some(detail) = identity.conflict_with(&self.identity) {
            return Err(StateError::Foreign { dir: dir.to_owned(), detail });
        }
        let mut next = Self { identity: identity.clone(), ..self.clone() };
        for spec in specs {
            match next.stores.iter_mut().find(|recorded| recorded.name == spec.name) {
                None => next.stores.push(spec.clone()),
                Some(recorded) if spec.reads(recorded) => *recorded = spec.clone(),
                Some(recorded) => {
                    return Err(StateError::Incompatible {
                        dir: dir.to_owned(),
                        store: spec.name.clone(),
                        recorded: recorded.to_string(),
                        declared: spec.to_string(),
                    });
                }
            }
        }
        Ok(next)
    }

    /// The stores that were made here.
    pub(super) fn stores(&self) -> &[StoreSpec] {
        &self.stores
    }

    /// Whose state it is, and the stores in it.
    pub(super) fn contents(self) -> (Identity, Vec<StoreSpec>) {
        (self.identity, self.stores)
    }

    /// Replaces the file: a crash leaves the old one or the new one.
    pub(super) fn write(&self, dir: &Path) -> Result<(), StateError> {
        let replace = || -> io::Result<()> {
            fs::create_dir_all(dir)?;
            let mut file = File::create(dir.join(DRAFT))?;
            file.write_all(&serde_json::to_vec_pretty(self)?)?;
            file.sync_all()?;
            fs::rename(dir.join(DRAFT), dir.join(FILE))?;
            File::open(dir)?.sync_all()
        };
        replace().map_err(|source| StateError::Io { action: "writing", path: dir.join(FILE), source })
    }

    /// No manifest: fine in an empty place, and a sign of someone else's files in any other.
    fn absent(dir: &Path) -> Result<Option<Self>, StateError> {
        let failed = |source| StateError::Io { action: "listing", path: dir.to_owned(), source };
        let entries = match fs::read_dir(dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        for entry in entries {
            let name = entry.map_err(failed)?.file_name();
            if name != DRAFT {
                let detail = format!("it has no {FILE} but holds {}", name.display());
                return Err(StateError::Foreign { dir: dir.to_owned(), detail });
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::utf8;
    use crate::spec::StoreKind;

    /// As format 1 was written; must stay readable for ever.
    const FORMAT_ONE: &str = r#"{
  "format": 1,
  "application": "shop",
  "cluster_id": "c1",
  "task": "orders_1",
  "fingerprint": "f1",
  "stores": [
    {
      "name": "names",
      "kind": {
        "type": "key-value",
        "timestamped": true
      },
      "key_codec": "utf8",
      "value_codec": "utf8"
    },
    {
      "name": "recent",
      "kind": {
        "type": "window",
        "timestamped": false,
        "retention_ms": 1000,
        "segment_ms": 60000,
        "retain_duplicates": true
      },
      "key_codec": "utf8",
      "value_codec": "utf8"
    }
  ]
}"#;

    fn example() -> Manifest {
        let identity = Identity {
            application: "shop".into(),
            cluster_id: "c1".into(),
            task: "orders_1".into(),
            fingerprint: "f1".into(),
        };
        let names = StoreSpec::new("names", StoreKind::KeyValue { timestamped: true }, &*utf8(), &*utf8());
        let recent = StoreSpec::new("recent", StoreKind::window(false, 1_000, true), &*utf8(), &*utf8());
        Manifest::new(&identity, &[names, recent])
    }

    #[test]
    fn format_one_is_read_and_written_as_it_always_was() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(FILE), FORMAT_ONE).unwrap();
        assert_eq!(Manifest::read(dir.path()).unwrap(), Some(example()));
        example().write(dir.path()).unwrap();
        assert_eq!(fs::read_to_string(dir.path().join(FILE)).unwrap(), FORMAT_ONE);
    }

    #[test]
    fn a_draft_left_by_a_crash_is_no_manifest_and_no_foreign_file() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(DRAFT), "{").unwrap();
        assert_eq!(Manifest::read(dir.path()).unwrap(), None);
    }
}
