//! How the RocksDBs are tuned: many small databases in one process under one memory budget.

use std::path::Path;

use rocksdb::{
    BlockBasedOptions, DBCompressionType, DBRecoveryMode, LogLevel, Options, ReadOptions, WriteOptions,
};

use super::budget::MemoryBudget;
use super::errors;
use crate::error::StateError;

/// Bytes of one memtable; the budget flushes earlier when all of them together are too large.
const MEMTABLE_BYTES: usize = 16 << 20;
/// A memtable takes its memory in pieces of this size, and whole pieces count towards the budget. RocksDB's choice, an
/// eighth of a memtable, would let a few dozen hardly used stores exhaust the budget and flush at every commit.
const ARENA_BYTES: usize = 64 << 10;
/// Files a database keeps open; with fifty tasks this stays below common limits.
const OPEN_FILES: i32 = 256;
/// Log files are removed once everything in them is flushed; this bounds them when some store is hardly written.
const LOG_BYTES: u64 = 64 << 20;

/// Options of a whole database in `dir`.
pub(super) fn database(dir: &Path, memory: &MemoryBudget, create: bool) -> Result<Options, StateError> {
    let mut options = checked_logs().map_err(|error| errors::running(dir, &error))?;
    options.create_if_missing(create);
    options.create_missing_column_families(true);
    options.set_write_buffer_manager(&memory.buffers);
    options.set_max_open_files(OPEN_FILES);
    options.set_max_total_wal_size(LOG_BYTES);
    options.set_max_background_jobs(2);
    // All column families are flushed together: what is in tables is a prefix of the batches, with the checkpoint that
    // belongs to it, also where the log is torn.
    options.set_atomic_flush(true);
    // A torn or flipped log record ends the replay there. What is before it is a prefix of commits, each with its
    // checkpoint; the rest comes from the changelogs. Holes within are never accepted.
    options.set_wal_recovery_mode(DBRecoveryMode::PointInTime);
    options.set_paranoid_checks(true);
    options.set_log_level(LogLevel::Warn);
    options.set_keep_log_file_num(2);
    options.set_max_log_file_size(1 << 20);
    Ok(options)
}

/// Each log knows the one before it, so that a hole between tables and logs is seen. The binding has no name for that.
fn checked_logs() -> Result<Options, rocksdb::Error> {
    Options::default().get_options_from_string("track_and_verify_wals=true")
}

/// Options of one column family.
pub(super) fn column_family(memory: &MemoryBudget) -> Options {
    let mut table = BlockBasedOptions::default();
    table.set_block_cache(&memory.cache);
    table.set_bloom_filter(10.0, false);
    // Indexes and filters count towards the budget too.
    table.set_cache_index_and_filter_blocks(true);
    table.set_pin_l0_filter_and_index_blocks_in_cache(true);
    table.set_format_version(5);
    let mut options = Options::default();
    options.set_block_based_table_factory(&table);
    options.set_compression_type(DBCompressionType::Lz4);
    options.set_write_buffer_size(MEMTABLE_BYTES);
    options.set_arena_block_size(ARENA_BYTES);
    options.set_max_write_buffer_number(3);
    options.set_level_compaction_dynamic_level_bytes(true);
    options
}

/// A commit: in the log, not synced.
pub(super) fn commit() -> WriteOptions {
    WriteOptions::default()
}

/// A read between two keys, the upper one excluded.
pub(super) fn scan(lower: Option<Vec<u8>>, upper: Option<Vec<u8>>) -> ReadOptions {
    let mut options = ReadOptions::default();
    if let Some(lower) = lower {
        options.set_iterate_lower_bound(lower);
    }
    if let Some(upper) = upper {
        options.set_iterate_upper_bound(upper);
    }
    options
}
