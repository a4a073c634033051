//! What can be wrong with a topology.

use std::fmt;

/// One thing that is wrong with a topology.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TopologyError {
    /// Two nodes or two stores have the same name.
    #[error("{what} {name:?} is declared twice; names decide topics and state, so each must be unique")]
    DuplicateName {
        /// `node`, `store` or `internal topic`.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A name that cannot be part of a topic's name.
    #[error("{what} {name:?} cannot be called so: {why}")]
    IllegalName {
        /// `application`, `node`, `store`, `topic` or the topic that would be made of it.
        what: &'static str,
        /// The name.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// A topic feeds two sources.
    #[error("topic {topic:?} is read by {first:?} and by {second:?}; read it once and use the handle twice")]
    TopicReadTwice {
        /// The topic.
        topic: String,
        /// The source that reads it first.
        first: String,
        /// The other source.
        second: String,
    },
    /// A node cannot have the parents it has.
    #[error("node {node:?}: {why}")]
    Edge {
        /// The node.
        node: String,
        /// What is wrong.
        why: String,
    },
    /// Records would go round for ever.
    #[error("records go round in a circle: {}", nodes.join(" -> "))]
    Cycle {
        /// The nodes of the circle in order, internal topics crossed silently.
        nodes: Vec<String>,
    },
    /// A processor names a store that does not exist.
    #[error(
        "processor {node:?} is connected to store number {store}, which was never added; declare it with the same builder"
    )]
    UnknownStore {
        /// The processor.
        node: String,
        /// The number it uses.
        store: usize,
    },
    /// A store without a processor.
    #[error("store {store:?} is used by no processor; connect it or remove it")]
    UnusedStore {
        /// The store.
        store: String,
    },
    /// A global store is connected like a store of the task.
    #[error(
        "processor {node:?} is connected to global store {store:?}; global stores are read by everyone and written by their own topic only"
    )]
    GlobalStoreConnected {
        /// The processor.
        node: String,
        /// The store.
        store: String,
    },
    /// A global table and ordinary steps are mixed up.
    #[error("{what} belongs to a global table and cannot be mixed with ordinary steps: {why}")]
    GlobalMixed {
        /// Which node.
        what: String,
        /// With what it is mixed.
        why: String,
    },
    /// A store is to be restored from a topic its sub-topology does not read.
    #[error(
        "store {store:?} is to be restored from topic {topic:?}, but its sub-topology does not read that topic"
    )]
    ForeignChangelog {
        /// The store.
        store: String,
        /// The topic.
        topic: String,
    },
    /// An operator needs equal partition counts of a topic that nobody reads.
    #[error(
        "operator {operator:?} needs topic {topic:?} to be co-partitioned, but no source reads that topic"
    )]
    UnknownPartner {
        /// The operator.
        operator: String,
        /// The topic.
        topic: String,
    },
    /// Internal topics that must have equal partition counts have been given different ones.
    #[error("operator {operator:?} needs equal partition counts, but they are fixed as {}", counts.join(", "))]
    FixedPartitions {
        /// The operator.
        operator: String,
        /// `topic = count`.
        counts: Vec<String>,
    },
    /// An internal topic cannot work as declared.
    #[error("internal topic {topic:?}: {why}")]
    InternalTopic {
        /// The topic, without the application's name.
        topic: String,
        /// What is wrong.
        why: String,
    },
    /// There is nothing to read.
    #[error("the topology reads no topic")]
    NoSource,
    /// The builder could not wire a step as asked.
    #[error("{name:?}: {why}")]
    Wiring {
        /// The operator or store.
        name: String,
        /// What is wrong and what to do.
        why: String,
    },
}

/// Everything that is wrong with a topology.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct TopologyErrors(pub Vec<TopologyError>);

impl fmt::Display for TopologyErrors {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [only] = &self.0[..] {
            return write!(out, "the topology has an error: {only}");
        }
        write!(out, "the topology has {} errors:", self.0.len())?;
        self.0.iter().try_for_each(|error| write!(out, "\n- {error}"))
    }
}
