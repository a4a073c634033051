//! What a topology is made of.

use std::fmt;
use std::sync::Arc;

use topo_state::{Backend, Store, StoreSpec};

use super::patterns::Pattern;
use crate::processor::Node;
use crate::topic::{OffsetReset, Stamper};

/// A topology: which steps there are, how they hang together, which stores and topics they use.
///
/// Built by [`Builder`](crate::Builder), checked at [`build`](crate::Builder::build); run by `runtime`, by
/// [`testkit::Driver`](crate::testkit::Driver), or drawn by `describe`.
#[derive(Clone, Default)]
pub struct Topology {
    /// The application's default name; the configuration may give another.
    pub(crate) name: String,
    /// Nodes in the order they were added; a node's number is its place here.
    pub(crate) nodes: Vec<NodeDef>,
    /// Stores in the order they were added; a store's number is its place here.
    pub(crate) stores: Vec<StoreDef>,
    /// Source topics (declared names) that must have equal partition counts.
    pub(crate) copartitioned: Vec<CopartitionGroup>,
    /// Internal topics that carry records from one sub-topology to another.
    pub(crate) repartitions: Vec<RepartitionDef>,
    /// Names of the stream times that several nodes of one operator share.
    pub(crate) times: Vec<String>,
    /// Patterns that stand in sources for the topics that match them.
    pub(crate) patterns: Vec<Pattern>,
    /// Without a record for this long, a task's time follows the wall clock at this distance; milliseconds.
    pub(crate) idle_timeout_ms: Option<i64>,
}

impl fmt::Debug for Topology {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Topology").field("name", &self.name).finish_non_exhaustive()
    }
}

/// One node.
#[derive(Clone)]
pub(crate) struct NodeDef {
    /// Unique name; also the name in `describe`.
    pub(crate) name: String,
    pub(crate) kind: NodeKind,
    /// Numbers of the nodes before this one, in the order they were connected.
    pub(crate) parents: Vec<usize>,
    /// Numbers of the nodes behind this one, in the order they were connected.
    pub(crate) children: Vec<usize>,
    /// Makes the running node. Sources take [`RawRecord`](crate::record::RawRecord), all others what their parents send.
    pub(crate) make: MakeNode,
    /// Belongs to a global table: runs once per process, not in tasks.
    pub(crate) global: bool,
}

/// Makes a fresh running node for a task.
pub(crate) type MakeNode = Arc<dyn Fn(&Naming) -> Box<dyn Node> + Send + Sync>;

/// Makes the typed store of a task over its backend. Arguments: the store's index in the backend, the backend.
pub(crate) type MakeStore = Arc<dyn Fn(usize, Arc<dyn Backend>) -> Box<dyn Store> + Send + Sync>;

/// How declared topic names become the broker's names.
#[derive(Clone, Debug)]
pub(crate) struct Naming {
    pub(crate) application: Arc<str>,
}

impl Naming {
    /// The broker's name of a topic: internal ones carry the application's name in front.
    pub(crate) fn resolve(&self, topic: &TopicRef) -> Arc<str> {
        if topic.internal {
            format!("{}-{}", self.application, topic.name).into()
        } else {
            topic.name.clone()
        }
    }

    /// The broker's name of a store's own changelog.
    pub(crate) fn changelog(&self, store: &str) -> Arc<str> {
        format!("{}-{store}-changelog", self.application).into()
    }
}

/// A topic by its declared name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct TopicRef {
    /// Declared name; internal topics are declared without the application's name.
    pub(crate) name: Arc<str>,
    /// Made and owned by the engine.
    pub(crate) internal: bool,
}

/// What a node does at the edges.
#[derive(Clone, Debug)]
pub(crate) enum NodeKind {
    /// Reads topics.
    Source { topics: Vec<TopicRef>, reset: OffsetReset, stamper: Option<Stamper> },
    /// Works on records, with the stores of these numbers.
    Processor { stores: Vec<usize> },
    /// Writes a topic.
    Sink { topic: SinkTopic },
}

/// The topic of a sink.
#[derive(Clone, Debug)]
pub(crate) enum SinkTopic {
    /// Always this one.
    Static(TopicRef),
    /// Chosen per record; the text stands in `describe`.
    Dynamic(String),
}

/// A store of the topology.
#[derive(Clone)]
pub(crate) struct StoreDef {
    pub(crate) spec: StoreSpec,
    pub(crate) make: MakeStore,
    pub(crate) changelog: Changelog,
    /// Filled from a topic by every process, read by all tasks.
    pub(crate) global: bool,
}

/// What backs a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Changelog {
    /// Its own internal topic `<application>-<store>-changelog`.
    Own,
    /// The source topic it is a copy of.
    Source(TopicRef),
    /// Nothing: lost with the directory.
    None,
}

/// Topics whose partition counts must be equal because records meet by key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CopartitionGroup {
    /// The operator that needs it, for the error message.
    pub(crate) operator: String,
    /// The topics.
    pub(crate) topics: Vec<TopicRef>,
}

/// An internal topic between two sub-topologies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RepartitionDef {
    pub(crate) topic: TopicRef,
    /// A count fixed by the user; otherwise that of its co-partition partners, else the largest of its upstream sources.
    pub(crate) partitions: Option<i32>,
}
