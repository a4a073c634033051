//! Whether records with a null key go through a repartition topic.
//!
//! They can be in no table and no group, so a repartition drops them, uncounted; but a left or outer join anywhere behind it
//! has a result for them, so then they pass, and whoever cannot use them drops and counts them. This is Kafka Streams' rule
//! (KIP-962), so it holds also where the join is far behind, or keeps the records of its other side only.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Builder;
use super::builder::Wiring;
use crate::graph::{NodeKind, SinkTopic, TopicRef, Topology};

/// A repartition's flag: set while wiring, read when its node is made.
#[derive(Clone, Default)]
pub(crate) struct NullKeys(Arc<AtomicBool>);

impl NullKeys {
    pub(crate) fn pass(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Builder {
    /// Notes that records for these nodes have results also with a null key.
    pub(crate) fn keep_null_keys(&self, nodes: &[usize]) {
        self.wiring.borrow_mut().null_key_joins.extend(nodes);
    }
}

impl Wiring {
    /// Lets null keys through every repartition that lies before a join with a result for them. `numbers` are those of the
    /// nodes in the finished topology.
    pub(crate) fn let_null_keys_pass(&self, topology: &Topology, numbers: &[usize]) {
        let mut seen = vec![false; topology.nodes.len()];
        let mut open: Vec<usize> =
            self.null_key_joins.iter().filter_map(|node| numbers.get(*node).copied()).collect();
        while let Some(node) = open.pop() {
            let Some(first) = seen.get_mut(node).filter(|seen| !**seen) else { continue };
            *first = true;
            let flags = self.null_keys.iter().filter(|(filter, _)| numbers.get(*filter) == Some(&node));
            flags.for_each(|(_, flag)| flag.0.store(true, Ordering::Relaxed));
            open.extend(&topology.nodes[node].parents);
            let NodeKind::Source { topics, .. } = &topology.nodes[node].kind else { continue };
            let feeds = |topic: &TopicRef| topic.internal && topics.contains(topic);
            let sinks = topology.nodes.iter().enumerate().filter(|(_, before)| {
                matches!(&before.kind, NodeKind::Sink { topic: SinkTopic::Static(topic) } if feeds(topic))
            });
            open.extend(sinks.map(|(sink, _)| sink));
        }
    }
}
