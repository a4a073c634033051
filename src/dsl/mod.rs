//! The typed builder: verbs that read like the sentence a topology implements.
//!
//! A [`Builder`] hands out cheap handles, [`Stream`], [`Table`], [`GlobalTable`], [`Grouped`], [`GroupedTable`],
//! [`WindowedStream`], [`SessionStream`] and [`Cogrouped`]; each verb takes the operator's name first, adds nodes to the graph and returns the next handle.
//! One verb is one file: signature, meaning, the treatment of nulls and time, and what Kafka Streams calls it. What a
//! verb becomes at run time is a processor in `ops/`.
//!
//! Names decide the names of stores and internal topics, positions never do: inserting a step orphans no state. Null-ness
//! is in the types: a verb that needs a key or a value drops the null ones and goes on with the non-null form
//! ([`Data::Present`](crate::Data)). Codecs are arguments wherever bytes are written; there are no global defaults.
//!
//! This room never runs anything: it knows no broker, no clock and no thread.

mod builder;
mod cogroup;
mod edges;
mod global_table;
mod grouped;
mod grouped_table;
mod join_windows;
mod matching;
mod null_keys;
mod optimize;
mod options;
mod repartitioned;
mod same_key;
mod sessions;
mod stores;
mod stream;
mod stream_join;
mod stream_joined;
mod suppress;
mod table;
mod ttl;
mod window_stores;
mod windowed;
mod windows;
mod wiring;

pub use builder::Builder;
pub use cogroup::{Cogrouped, CogroupedSessions, CogroupedWindows};
pub use global_table::GlobalTable;
pub use grouped::Grouped;
pub use grouped_table::GroupedTable;
pub use join_windows::JoinWindows;
pub use optimize::Optimize;
pub(crate) use optimize::SelfJoins;
pub use options::{Codecs, KeyValue};
pub use repartitioned::Repartitioned;
pub use same_key::SameKey;
pub use sessions::SessionStream;
pub use stores::Stores;
pub use stream::{Branches, Stream};
pub use stream_joined::StreamJoined;
pub use suppress::Suppress;
pub use table::Table;
pub use ttl::Ttl;
pub use window_stores::{SessionValue, WindowValue};
pub use windowed::WindowedStream;
pub use windows::{EmitStrategy, Hopping, Session, Sliding, TimeWindows, Tumbling, Windows};
pub(crate) use windows::{Known, Touch, alone, union};
