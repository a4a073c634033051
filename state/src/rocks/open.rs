//! Opening a directory: first whose it is, then the database, then the checkpoint.

use std::fs;
use std::io;
use std::path::Path;

use rocksdb::{ColumnFamilyDescriptor, DB, DEFAULT_COLUMN_FAMILY_NAME, Options};

use super::backend::{CHECKPOINT_KEY, RocksBackend};
use super::budget::MemoryBudget;
use super::manifest::Manifest;
use super::trail::Found;
use super::{errors, ingest, options};
use crate::backend::Backend;
use crate::batch::WriteBatch;
use crate::checkpoint::Checkpoint;
use crate::error::StateError;
use crate::identity::Identity;
use crate::spec::StoreSpec;

/// What opening found.
pub(crate) struct OpenedRocks {
    pub(crate) backend: RocksBackend,
    pub(crate) checkpoint: Checkpoint,
    /// There was no database.
    pub(crate) fresh: bool,
}

/// What a look found: whose state it is, and the stores that have data.
pub(crate) struct Looked {
    pub(crate) identity: Identity,
    pub(crate) specs: Vec<StoreSpec>,
    pub(crate) backend: RocksBackend,
    pub(crate) checkpoint: Checkpoint,
}

/// Opens or makes the state in `dir`.
///
/// `topo.json` is written before the first database file and after the last column family is made: a directory with data
/// always says whose it is, and a crash in between leaves at most an empty column family more than the manifest names.
pub(crate) fn open(
    dir: &Path,
    memory: &MemoryBudget,
    identity: &Identity,
    specs: &[StoreSpec],
) -> Result<OpenedRocks, StateError> {
    let recorded = Manifest::read(dir)?;
    let manifest = match &recorded {
        Some(recorded) => recorded.admit(dir, identity, specs)?,
        None => Manifest::new(identity, specs),
    };
    if recorded.is_none() {
        manifest.write(dir)?;
    }
    ingest::clear(dir)?;
    let path = dir.join("db");
    let fresh = !holds_data(&path)?;
    let families: Vec<String> = specs.iter().map(family).collect();
    let there = if fresh { Vec::new() } else { column_families(dir, &path)? };
    let found = Found::in_(&path);
    let db = open_database(dir, &path, memory, &families, there)?;
    found.check(dir)?;
    let checkpoint = read_checkpoint(dir, &db)?;
    if recorded.is_some_and(|recorded| recorded != manifest) {
        manifest.write(dir)?;
    }
    let backend = RocksBackend::new(db, dir.to_owned(), families, memory);
    // The manifest that this opening has made is noted at once.
    backend.write(&WriteBatch::new(), &checkpoint)?;
    Ok(OpenedRocks { backend, checkpoint, fresh })
}

/// Opens what lies in `dir` as it is, for a look: nothing is written, made or compacted. `None` when there is no database.
pub(crate) fn open_read_only(dir: &Path, memory: &MemoryBudget) -> Result<Option<Looked>, StateError> {
    let Some((identity, specs)) = Manifest::read(dir)?.map(Manifest::contents) else { return Ok(None) };
    let path = dir.join("db");
    if !holds_data(&path)? {
        return Ok(None);
    }
    let failed = |error: rocksdb::Error| errors::opening(dir, &error);
    let there = column_families(dir, &path)?;
    let found = Found::in_(&path);
    // A store may stand in the manifest and have no rows yet.
    let specs: Vec<StoreSpec> = specs.into_iter().filter(|spec| there.contains(&family(spec))).collect();
    let options = options::database(dir, memory, false)?;
    let descriptors =
        there.into_iter().map(|name| ColumnFamilyDescriptor::new(name, options::column_family(memory)));
    let db = DB::open_cf_descriptors_read_only(&options, &path, descriptors, false).map_err(failed)?;
    found.check(dir)?;
    let checkpoint = read_checkpoint(dir, &db)?;
    let backend = RocksBackend::new(db, dir.to_owned(), specs.iter().map(family).collect(), memory);
    Ok(Some(Looked { identity, specs, backend, checkpoint }))
}

/// The column family of a store.
fn family(spec: &StoreSpec) -> String {
    format!("store.{}", spec.name)
}

/// Those of a database that is there.
fn column_families(dir: &Path, path: &Path) -> Result<Vec<String>, StateError> {
    DB::list_cf(&Options::default(), path).map_err(|error| errors::opening(dir, &error))
}

/// RocksDB must open every column family there is, also those of stores nobody names any more. Without any it is made.
fn open_database(
    dir: &Path,
    path: &Path,
    memory: &MemoryBudget,
    families: &[String],
    there: Vec<String>,
) -> Result<DB, StateError> {
    let fresh = there.is_empty();
    let mut names = if fresh { vec![DEFAULT_COLUMN_FAMILY_NAME.to_owned()] } else { there };
    for family in families {
        if !names.contains(family) {
            names.push(family.clone());
        }
    }
    let options = options::database(dir, memory, fresh)?;
    let descriptors =
        names.into_iter().map(|name| ColumnFamilyDescriptor::new(name, options::column_family(memory)));
    DB::open_cf_descriptors(&options, path, descriptors).map_err(|error| errors::opening(dir, &error))
}

/// Whether a database was made here before. RocksDB writes CURRENT last when it makes one, so a directory without it, tables
/// and logs never held anything; with tables or logs but without CURRENT it is damaged, which opening it will tell.
fn holds_data(path: &Path) -> Result<bool, StateError> {
    let failed = |source| StateError::Io { action: "listing", path: path.to_owned(), source };
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(failed(error)),
    };
    for entry in entries {
        let name = entry.map_err(failed)?.file_name();
        let data = Path::new(&name).extension().is_some_and(|kind| kind == "sst" || kind == "log");
        if data || name == "CURRENT" {
            return Ok(true);
        }
    }
    Ok(false)
}

pub(super) fn read_checkpoint(dir: &Path, db: &DB) -> Result<Checkpoint, StateError> {
    match db.get_pinned(CHECKPOINT_KEY) {
        Ok(None) => Ok(Checkpoint::default()),
        Ok(Some(bytes)) => {
            Checkpoint::decode(&bytes).map_err(|detail| StateError::Damaged { dir: dir.to_owned(), detail })
        }
        Err(error) => Err(errors::running(dir, &error)),
    }
}
