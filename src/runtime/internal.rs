//! The topics around a topology, by the broker's names: which it reads, which it writes, which the engine makes for it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use topo_state::StoreKind;

use super::plan::{Backed, SubPlan};
use super::shared::Shared;
use crate::broker::NewTopic;
use crate::graph::internal_topics::{self, Settings};
use crate::graph::{NodeKind, SinkTopic, Topology};

/// Topics that others must have made: every source topic that is not internal, the main input first.
pub(crate) fn inputs(topology: &Topology) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for node in &topology.nodes {
        let NodeKind::Source { topics, .. } = &node.kind else { continue };
        for topic in topics.iter().filter(|topic| !topic.internal) {
            if !names.iter().any(|name| **name == *topic.name) {
                names.push(topic.name.to_string());
            }
        }
    }
    names
}

/// Topics the topology writes for others, dead letters included: made when missing, with as many partitions as the
/// main input has unless the configuration says otherwise.
pub(crate) fn outputs(shared: &Shared, topology: &Topology, counts: &BTreeMap<String, i32>) -> Vec<NewTopic> {
    let inputs = inputs(topology);
    let main = inputs.first().and_then(|main| counts.get(main)).copied().unwrap_or(1);
    let partitions = shared.config.partitions.unwrap_or(main);
    let mut names: BTreeSet<String> = BTreeSet::from([shared.dead_letter_topic().to_string()]);
    for node in &topology.nodes {
        if let NodeKind::Sink { topic: SinkTopic::Static(topic) } = &node.kind
            && !topic.internal
            && !inputs.iter().any(|input| **input == *topic.name)
        {
            names.insert(topic.name.to_string());
        }
    }
    names.iter().map(|name| new_topic(shared, name, partitions, internal_topics::any_time())).collect()
}

/// A topic the engine makes for itself, or takes as it is if it fits.
#[derive(Clone, Debug)]
pub(crate) struct InternalTopic {
    /// As the engine would make it.
    pub(crate) topic: NewTopic,
    /// The changelog of a store that forgets: records older than this, in milliseconds, may be deleted too.
    pub(crate) forgets_ms: Option<i64>,
}

impl From<NewTopic> for InternalTopic {
    fn from(topic: NewTopic) -> Self {
        Self { topic, forgets_ms: None }
    }
}

/// Repartition, changelog and lease topics.
pub(crate) fn topics(
    shared: &Shared,
    subs: &[SubPlan],
    counts: &BTreeMap<Arc<str>, i32>,
) -> Vec<InternalTopic> {
    let mut topics = Vec::new();
    for repartition in &shared.topology.repartitions {
        let name = shared.naming.resolve(&repartition.topic);
        let count = counts.get(&name).copied().unwrap_or(1);
        topics.push(new_topic(shared, &name, count, internal_topics::repartition()).into());
    }
    for sub in subs.iter().filter(|sub| sub.tasks > 0) {
        for store in &sub.stores {
            let Backed::Own(name) = &store.backed else { continue };
            let settings = match store.spec.kind {
                StoreKind::Versioned { history_ms } => internal_topics::history(history_ms),
                StoreKind::Window { .. } | StoreKind::Session { .. } => internal_topics::forgetting(),
                _ => internal_topics::changelog(),
            };
            let topic = new_topic(shared, name, sub.tasks, settings);
            topics.push(InternalTopic { topic, forgets_ms: store.spec.kind.retention_ms() });
        }
        topics.push(new_topic(shared, &sub.lease, sub.tasks, internal_topics::lease()).into());
    }
    topics
}

fn new_topic(shared: &Shared, name: &str, partitions: i32, settings: Settings) -> NewTopic {
    NewTopic { name: name.to_owned(), partitions, replication: shared.config.replication, settings }
}
