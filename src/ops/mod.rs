//! What the verbs of `dsl/` become: processors, one idea per file.
//!
//! Updates of tables travel as [`Change`](crate::Change) records. The rules of time and null are those of Kafka Streams;
//! the builder's documentation states them verb by verb, the files here keep them. Nothing here knows names of nodes or
//! topics, and nothing keeps state outside of a store: what a processor knows must survive a crash and an abort.

mod aggregate;
mod change_codec;
mod each;
mod expiry;
pub(crate) mod fk;
mod global_join;
mod global_update;
mod grace_join;
mod keep;
mod olds;
mod per_commit;
mod regroup;
mod rows;
mod sink;
mod source;
pub(crate) mod stream_join;
mod stream_table_join;
mod suppress;
mod table_aggregate;
mod table_filter;
mod table_join;
mod table_map;
mod table_store;
mod table_transform;
mod table_update;
mod windows;
mod with_headers;

pub(crate) use aggregate::{Aggregate, Init};
pub(crate) use change_codec::change_codec;
pub(crate) use each::{Each, KeyFilter, Pass, Predicate, Split};
pub(crate) use expiry::{Expiring, Expiry};
pub(crate) use global_join::GlobalJoin;
pub(crate) use global_update::GlobalUpdate;
pub(crate) use grace_join::{GraceJoin, waiting_codecs};
pub(crate) use keep::{Kept, Upkeep};
pub(crate) use olds::{OldWanted, Olds};
pub(crate) use per_commit::{PerCommit, Waits};
pub(crate) use regroup::Regroup;
pub(crate) use rows::{
    FilteredRows, JoinKind, JoinedRows, MappedRows, NoRows, RowsRef, SessionRows, StoreRows, VersionedRows,
    WindowRows,
};
pub(crate) use sink::Sink;
pub(crate) use source::Source;
pub(crate) use stream_table_join::{Missing, StreamTableJoin};
pub(crate) use suppress::{Buffer, BufferedRows, Hold, Most, SuppressNode};
pub(crate) use table_aggregate::TableAggregate;
pub(crate) use table_filter::TableFilter;
pub(crate) use table_join::{TableJoin, TableMerge};
pub(crate) use table_map::TableMap;
pub(crate) use table_store::TableStore;
pub(crate) use table_transform::TableTransform;
pub(crate) use table_update::TableUpdate;
pub(crate) use windows::{
    CloseSessions, CloseWindows, SessionAggregate, SlidingAggregate, Tells, Told, WindowAggregate, WindowRow,
};
pub use with_headers::{WithHeaders, with_headers};

use std::marker::PhantomData;

/// Types that a processor works on without holding any of them.
pub(crate) type Types<T> = PhantomData<fn() -> T>;
