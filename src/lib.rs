//! Stateful stream processing on Kafka: topologies, exactly-once state in RocksDB, recovery by changelog.
//!
//! The rooms, and who may know whom (checked by `tests/engine/rooms.rs`):
//! `record`, `data`, `topic`, `fault` are the words; [`processor`] is the contract; `graph` is the topology as data;
//! `dsl` writes graphs; `ops` is what its verbs become; `task` does one partition's work, pure and synchronous;
//! `runtime` has threads, order and recovery; [`broker`] has the traits and two implementations; [`testkit`] runs a
//! topology without any broker; [`config`], [`observe`] and [`cli`] are what a binary needs around it.

extern crate self as topo;

pub mod broker;
pub mod cli;
pub mod config;
pub mod observe;
pub mod processor;
pub mod runtime;
pub mod testkit;

mod clock;
mod data;
mod dead_letter;
mod dsl;
mod fault;
mod flaw;
mod graph;
mod ops;
mod partitioner;
mod record;
mod task;
mod topic;

pub use data::{Change, Data};
pub use dsl::{
    Branches, Builder, Codecs, Cogrouped, CogroupedSessions, CogroupedWindows, EmitStrategy, GlobalTable,
    Grouped, GroupedTable, Hopping, JoinWindows, KeyValue, Optimize, Repartitioned, SameKey, Session,
    SessionStream, SessionValue, Sliding, Stores, Stream, StreamJoined, Suppress, Table, TimeWindows, Ttl,
    Tumbling, WindowValue, WindowedStream, Windows,
};
pub use fault::{Fault, FaultPolicy, Reason};
pub use graph::{PartitionError, Topology, TopologyError, TopologyErrors};
pub use ops::{WithHeaders, with_headers};
pub use partitioner::partition_of;
pub use processor::{
    Clock, Context, ExpiringHandle, ExpiringStore, Processor, Punctuation, ReadHandle, ReadOnly, StoreHandle,
    Until,
};
pub use record::{Header, Headers, Partition, Placement, RawRecord, Record};
pub use runtime::{
    App, AppConfig, Elsewhere, Error, Event, Guarantee, Observer, Part, Policies, Process, Reaction,
    Reporter, Running, Silent, TaskId, WarmCopy, Whereabouts,
};
pub use topic::{InvalidTimestamp, TimestampExtractor, Topic, TopicPattern, Topics};
pub use topo_state as state;
