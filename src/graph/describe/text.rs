//! The text of Kafka Streams (`InternalTopologyBuilder.TopologyDescription`).

use std::cmp::Ordering;

use super::java::{TreeSet, hash_order};
use crate::graph::node::{NodeKind, SinkTopic, Topology};
use crate::graph::sub_topology::SubTopology;

pub(super) fn describe(topology: &Topology) -> String {
    // Java writes one space behind the heading's line break, so the first block stands one column to the right.
    let mut text = "Topologies:\n ".to_owned();
    for sub in topology.sub_topologies() {
        let global = if sub.global { " for global store (will not generate tasks)" } else { "" };
        text += &format!("  Sub-topology: {}{global}\n", sub.number);
        let block = Block::new(topology, &sub);
        let order = if sub.global { sub.nodes.clone() } else { block.order() };
        for node in order {
            text += &block.node(node);
        }
        if !sub.global {
            text.push('\n');
        }
    }
    text
}

/// The nodes of one sub-topology, with their neighbours in the order Java's sets give.
struct Block<'t> {
    topology: &'t Topology,
    nodes: &'t [usize],
    /// One plus the sizes of all successors; what hangs below two branches counts twice.
    sizes: Vec<usize>,
    successors: Vec<TreeSet>,
    predecessors: Vec<TreeSet>,
}

impl<'t> Block<'t> {
    /// Connects the nodes in the order of their names' hashes, as Java does; sizes grow on the way.
    fn new(topology: &'t Topology, sub: &'t SubTopology) -> Self {
        let count = topology.nodes.len();
        let mut block = Self {
            topology,
            nodes: &sub.nodes,
            sizes: vec![1; count],
            successors: vec![TreeSet::default(); count],
            predecessors: vec![TreeSet::default(); count],
        };
        for node in hash_order(sub.nodes.clone(), |node| &topology.nodes[*node].name) {
            for &parent in &topology.nodes[node].parents {
                let sizes = &block.sizes;
                block.predecessors[node].insert(parent, |left, right| compare(topology, sizes, left, right));
                block.successors[parent].insert(node, |left, right| compare(topology, sizes, left, right));
                block.grow(parent, block.sizes[node]);
            }
        }
        block
    }

    fn grow(&mut self, node: usize, by: usize) {
        self.sizes[node] += by;
        for parent in self.predecessors[node].items() {
            self.grow(parent, by);
        }
    }

    /// Larger sub-trees first, then by name.
    fn order(&self) -> Vec<usize> {
        let mut nodes = self.nodes.to_vec();
        nodes.sort_by(|left, right| compare(self.topology, &self.sizes, *left, *right));
        nodes
    }

    fn node(&self, node: usize) -> String {
        let name = &self.topology.nodes[node].name;
        let onward = format!("      --> {}\n", self.names(&self.successors[node]));
        let back = format!("      <-- {}\n", self.names(&self.predecessors[node]));
        match &self.topology.nodes[node].kind {
            NodeKind::Source { topics, .. } => {
                let pattern = topics.iter().find_map(|topic| self.topology.pattern(topic));
                let topics = match pattern {
                    Some(pattern) => pattern.topic.name.to_string(),
                    None => set(topics.iter().map(|topic| &*topic.name).collect()),
                };
                format!("    Source: {name} (topics: {topics})\n{onward}")
            }
            NodeKind::Processor { stores } => {
                let stores = stores.iter().map(|store| &*self.topology.stores[*store].spec.name).collect();
                format!("    Processor: {name} (stores: {})\n{onward}{back}", set(stores))
            }
            NodeKind::Sink { topic: SinkTopic::Static(topic) } => {
                format!("    Sink: {name} (topic: {})\n{back}", topic.name)
            }
            NodeKind::Sink { topic: SinkTopic::Dynamic(chooser) } => {
                format!("    Sink: {name} (extractor class: {chooser})\n{back}")
            }
        }
    }

    fn names(&self, nodes: &TreeSet) -> String {
        let names: Vec<&str> =
            nodes.items().into_iter().map(|node| &*self.topology.nodes[node].name).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    }
}

fn compare(topology: &Topology, sizes: &[usize], left: usize, right: usize) -> Ordering {
    let names = || topology.nodes[left].name.cmp(&topology.nodes[right].name);
    sizes[right].cmp(&sizes[left]).then_with(names)
}

/// A Java set of names.
fn set(names: Vec<&str>) -> String {
    format!("[{}]", hash_order(names, |name| name).join(", "))
}
