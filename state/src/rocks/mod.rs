//! The backend on disk: one RocksDB per task. The only room that names RocksDB.
//!
//! On disk:
//! ```text
//! <dir>/topo.json   whose state this is, its format version, its stores (written first, before any data)
//! <dir>/db/         the RocksDB: column family `default` holds the checkpoint, `store.<name>` the rows of a store; and how long
//!                   its manifest was
//! <dir>/ingest/     table files on their way into the database; left over ones are removed at the next opening
//! ```
//! Every commit is one RocksDB batch over all column families, the checkpoint included. The write-ahead log is on and
//! not synced: a crash of the process loses nothing; a crash of the machine loses the newest commits, data and checkpoint
//! alike, and they are replayed from the changelogs.

mod backend;
mod budget;
mod errors;
mod ingest;
mod manifest;
mod open;
mod options;
mod trail;

pub use budget::MemoryBudget;
pub(crate) use open::{open, open_read_only};
