//! A Mermaid flowchart.

use std::collections::BTreeMap;

use super::topics;
use crate::graph::node::{NodeKind, TopicRef, Topology};

pub(super) fn describe(topology: &Topology) -> String {
    // Mermaid's ids must be simple words: nodes n0.., stores s0.., topics t0...
    let mut ids: BTreeMap<&TopicRef, usize> = BTreeMap::new();
    for topic in topology.nodes.iter().flat_map(|node| topics(&node.kind)) {
        let next = ids.len();
        ids.entry(topic).or_insert(next);
    }
    let mut out = "flowchart LR\n".to_owned();
    for sub in topology.sub_topologies() {
        let title = if sub.global { "global" } else { "sub-topology" };
        out += &format!("  subgraph sub{}[\"{title} {}\"]\n", sub.number, sub.number);
        for &node in &sub.nodes {
            out += &format!("    n{node}[\"{}\"]\n", escaped(&topology.nodes[node].name));
        }
        for &store in &sub.stores {
            let name = &topology.stores[store].spec.name;
            let changelog = topology
                .changelog_name(store)
                .map_or_else(|| "no changelog".to_owned(), |topic| format!("changelog {topic}"));
            out += &format!("    s{store}[(\"{}<br/>{}\")]\n", escaped(name), escaped(&changelog));
        }
        out += "  end\n";
    }
    for (topic, number) in &ids {
        let words = topology.partitions_in_words(topic);
        out += &format!("  t{number}>\"{}<br/>partitions: {words}\"]\n", escaped(&topic.name));
    }
    for edge in edges(topology, &ids) {
        out += &format!("  {edge}\n");
    }
    out
}

fn edges(topology: &Topology, ids: &BTreeMap<&TopicRef, usize>) -> Vec<String> {
    let mut edges = Vec::new();
    for (number, node) in topology.nodes.iter().enumerate() {
        for child in &node.children {
            edges.push(format!("n{number} --> n{child}"));
        }
        for topic in topics(&node.kind).into_iter().filter_map(|topic| ids.get(topic)) {
            edges.push(match node.kind {
                NodeKind::Source { .. } => format!("t{topic} --> n{number}"),
                _ => format!("n{number} --> t{topic}"),
            });
        }
        if let NodeKind::Processor { stores } = &node.kind {
            edges.extend(stores.iter().map(|store| format!("n{number} -.- s{store}")));
        }
    }
    edges
}

fn escaped(text: &str) -> String {
    text.replace('"', "#quot;").replace('<', "#lt;").replace('>', "#gt;")
}
