//! The stores of topo: bytes, order, transactions, recovery.
//!
//! A [`TaskState`] is the durable state of one task: all its stores, one checkpoint, one directory, written by one atomic
//! batch per commit. Typed stores ([`KeyValueStore`], [`WindowStore`], [`SessionStore`], [`VersionedStore`]) stand in front of
//! it; what a commit interval writes stays in them, decoded, until the engine drains it.
//!
//! One commit, driven by the engine:
//! 1. [`Store::drain`] on every store: each change is encoded once, handed out for the changelog, added to a [`WriteBatch`];
//! 2. the changelog records are committed together with the outputs, outside of this crate;
//! 3. [`TaskState::apply`] writes the batch and the new [`Checkpoint`] in one atomic write;
//! 4. [`Store::committed`] on every store. When step 2 fails: [`Store::discard`] instead of 3 and 4.
//!
//! So a backend never holds an uncommitted record. What is absent here: Kafka, threads, clocks, topologies. Only `rocks/`
//! names RocksDB.
//!
//! ```
//! use std::sync::Arc;
//! use topo_state::{Checkpoint, Identity, KeyValueStore, Place, Store, StoreKind, StoreSpec, TaskState, WriteBatch};
//! use topo_state::{i64_be, utf8};
//!
//! let spec = StoreSpec::new("counts", StoreKind::KeyValue { timestamped: true }, &*utf8(), &*i64_be());
//! let mut state = TaskState::open(&Place::Memory, &Identity::default(), vec![spec.clone()])?.state;
//! let mut counts = KeyValueStore::new(spec, 0, state.backend(), utf8(), i64_be());
//!
//! counts.put(&"apples".to_owned(), 3, 1_000)?;
//! let mut batch = WriteBatch::new();
//! counts.drain(&mut batch, &mut |change| assert_eq!(change.key, b"apples"))?;
//! state.apply(batch, Checkpoint::default())?;
//! counts.committed();
//! assert_eq!(counts.get(&"apples".to_owned())?.map(|count| count.value), Some(3));
//! # Ok::<(), topo_state::StateError>(())
//! ```

mod backend;
mod batch;
mod buffer;
mod checkpoint;
mod codec;
mod disk;
mod error;
mod expiring;
mod firsts;
mod identity;
mod key;
mod key_value;
mod lru_store;
mod memory;
mod merge;
mod mixed;
mod observed;
mod place;
mod recent;
mod restorer;
mod rocks;
mod rows;
mod segment;
mod session_store;
mod show;
mod sorted;
mod spec;
mod store;
mod task;
mod version;
mod versioned_store;
mod window_store;

pub use backend::{Backend, BackendStats, Direction, VisitRow};
pub use batch::{Write, WriteBatch};
pub use checkpoint::Checkpoint;
pub use codec::{
    Codec, CodecError, CodecRef, bincode, bytes, f64_be, i32_be, i64_be, json, session_windowed, u64_be,
    utf8, windowed,
};
pub use disk::{DiskWatch, Image, MemoryDisk};
pub use error::StateError;
pub use firsts::Firsts;
pub use identity::Identity;
pub use key::{Window, WindowSize, Windowed};
pub use key_value::KeyValueStore;
pub use lru_store::LruStore;
pub use place::{Place, move_aside};
pub use restorer::Restorer;
pub use rocks::MemoryBudget;
pub use session_store::SessionStore;
pub use show::{key_from_text, show_bytes, show_row};
pub use spec::{StoreKind, StoreSpec};
pub use store::{Change, NO_TIME, Store, Timestamped};
pub use task::{Glimpse, Opened, TaskState};
pub use versioned_store::{VersionOutcome, VersionedStore};
pub use window_store::{PutOutcome, WindowStore};
