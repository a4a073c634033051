//! The topology as plain data: nodes, stores, topics, and what must hold between them.
//!
//! `dsl/` writes it, `runtime/` and `task/` read it, nobody else is needed. The graph does not know how it runs: no
//! broker, no clock, no records are in here.
//!
//! - `node`: what a topology is made of; `sub_topology`: which nodes run together;
//! - `validate`: all objections at once (`errors`), with `names` and `cycle`;
//! - `patterns`: sources whose topics are known only beside a cluster;
//! - `merge`: fewer repartition topics; `partitions`: how many partitions and tasks, once the topics of the outside are known; `internal_topics`: the
//!   settings of those the engine makes; `describe`: pictures for people and tools.

mod cycle;
mod describe;
mod errors;
pub(crate) mod internal_topics;
mod merge;
mod names;
mod node;
mod partitions;
mod patterns;
mod sub_topology;
mod validate;

#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod validate_tests;

pub(crate) use crate::topic::OffsetReset;
pub use errors::{TopologyError, TopologyErrors};
pub(crate) use merge::Mergeable;
pub use node::Topology;
pub(crate) use node::{
    Changelog, CopartitionGroup, MakeNode, MakeStore, Naming, NodeDef, NodeKind, RepartitionDef, SinkTopic,
    StoreDef, TopicRef,
};
pub use partitions::PartitionError;
pub(crate) use patterns::Pattern;
pub(crate) use sub_topology::SubTopology;
pub(crate) use validate::checked;
