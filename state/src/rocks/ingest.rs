//! Large sorted runs of rows become table files beside the database, which then takes the files in: no log, no memtable.
//!
//! A file that was taken in is durable at once, the checkpoint that belongs to it is not written yet: until then the rows are
//! ahead of the checkpoint, which [`TaskState`](crate::TaskState) notes beforehand.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rocksdb::{ColumnFamily, DB, IngestExternalFileOptions, Options, SstFileWriter};

use super::budget::MemoryBudget;
use super::{errors, options};
use crate::batch::Write;
use crate::error::StateError;

/// Files of a store that wait for compaction while a restore runs. Each holds the whole range of keys, so merging them
/// early means merging the same rows again and again; reads, which get slower with every file, begin after the restore.
const FILES_WHILE_INGESTING: &str = "24";
/// RocksDB's own value, for a store that is read.
const FILES: &str = "4";
const TRIGGER: &str = "level0_file_num_compaction_trigger";

/// Where the files of one database are made.
pub(super) struct Ingest {
    dir: PathBuf,
    owner: PathBuf,
    options: Options,
    next: AtomicU64,
    /// Compactions are put off.
    under_way: AtomicBool,
}

impl Ingest {
    /// Files of the state in `owner` are made in a folder of it.
    pub(super) fn new(owner: &Path, memory: &MemoryBudget) -> Self {
        Self {
            dir: folder(owner),
            owner: owner.to_owned(),
            options: options::column_family(memory),
            next: AtomicU64::new(0),
            under_way: AtomicBool::new(false),
        }
    }

    /// Makes a file of these writes of one store and has the database take it in. Newer than everything before it.
    pub(super) fn take<'w>(
        &self,
        db: &DB,
        family: &ColumnFamily,
        (rows, ranges): (&[Write<'w>], impl Iterator<Item = Write<'w>>),
    ) -> Result<(), StateError> {
        let mut ranges = ranges.peekable();
        if rows.is_empty() && ranges.peek().is_none() {
            return Ok(());
        }
        if !self.under_way.swap(true, Ordering::AcqRel) {
            fs::create_dir_all(&self.dir).map_err(|source| StateError::Io {
                action: "creating",
                path: self.dir.clone(),
                source,
            })?;
        }
        let failed = |error| errors::running(&self.owner, &error);
        let file = self.dir.join(format!("{}.sst", self.next.fetch_add(1, Ordering::Relaxed)));
        self.write(&file, rows.iter().copied().chain(ranges)).map_err(failed)?;
        db.set_options_cf(family, &[(TRIGGER, FILES_WHILE_INGESTING)]).map_err(failed)?;
        let mut how = IngestExternalFileOptions::default();
        how.set_move_files(true);
        db.ingest_external_file_cf_opts(family, &how, vec![file]).map_err(failed)
    }

    fn write<'w>(&self, file: &Path, writes: impl Iterator<Item = Write<'w>>) -> Result<(), rocksdb::Error> {
        let mut writer = SstFileWriter::create(&self.options);
        writer.open(file)?;
        for write in writes {
            match write {
                Write::Put { key, value, .. } => writer.put(key, value)?,
                Write::Delete { key, .. } => writer.delete(key)?,
                Write::DeleteRange { from, to, .. } => writer.delete_range(from, to)?,
            }
        }
        writer.finish()
    }

    /// Compactions are due again.
    pub(super) fn settle<'d>(
        &self,
        db: &DB,
        families: impl Iterator<Item = &'d ColumnFamily>,
    ) -> Result<(), StateError> {
        if self.under_way.swap(false, Ordering::AcqRel) {
            for family in families {
                db.set_options_cf(family, &[(TRIGGER, FILES)])
                    .map_err(|error| errors::running(&self.owner, &error))?;
            }
        }
        Ok(())
    }
}

fn folder(owner: &Path) -> PathBuf {
    owner.join("ingest")
}

/// Removes files that a crash left before the database had taken them in.
pub(super) fn clear(owner: &Path) -> Result<(), StateError> {
    let dir = folder(owner);
    match fs::remove_dir_all(&dir) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(StateError::Io { action: "removing", path: dir, source })
        }
        _ => Ok(()),
    }
}
