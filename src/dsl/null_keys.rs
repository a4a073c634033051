//! Whether records with a null key go through a repartition topic.
//!
//! They can be in no table and no group, so a repartition drops them, uncounted; but a left or outer join anywhere behind it
//! has a result for them, so then they pass, and whoever cannot use them drops and counts them. This is Kafka Streams' rule
//! (KIP-962), so it holds also where the join is far behind, or keeps the records of its other side only.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Builder;
use crate::graph::{NodeKind, SinkTopic, TopicRef};

/// A repartition's flag: set while wiring, read when its node is made.
#[derive(Clone, Default)]
pub(crate) struct NullKeys(Arc<AtomicBool>);

impl NullKeys {
    pub(crate) fn pass(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Builder {
    /// Lets null keys through every repartition that records for these nodes have come through.
    pub(crate) fn keep_null_keys(&self, nodes: &[usize]) {
        let wiring = self.wiring.borrow();
        let topology = &wiring.topology;
        let mut seen = vec![false; topology.nodes.len()];
        let mut open = nodes.to_vec();
        while let Some(node) = open.pop() {
            let Some(first) = seen.get_mut(node).filter(|seen| !**seen) else { continue };
            *first = true;
            if let Some((_, flag)) = wiring.null_keys.iter().find(|(filter, _)| *filter == node) {
                flag.0.store(true, Ordering::Relaxed);
            }
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
