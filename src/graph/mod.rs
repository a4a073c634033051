//! The topology as plain data: nodes, stores, topics, and what must hold between them.
//!
//! `dsl/` writes it, `runtime/` and `task/` read it, nobody else is needed. The graph does not know how it runs.

mod node;

pub(crate) use node::{
    Changelog, CopartitionGroup, MakeNode, MakeStore, Naming, NodeDef, NodeKind, OffsetReset, RepartitionDef,
    SinkTopic, StoreDef, TopicRef,
};
pub use node::Topology;
