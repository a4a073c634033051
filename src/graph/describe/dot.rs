//! A Graphviz picture.

use std::collections::BTreeSet;

use super::topics;
use crate::graph::node::{NodeKind, TopicRef, Topology};

pub(super) fn describe(topology: &Topology) -> String {
    let mut out =
        format!("digraph {} {{\n  rankdir=LR;\n  node [fontname=\"sans-serif\"];\n", quoted(&topology.name));
    for sub in topology.sub_topologies() {
        let title = if sub.global { "global" } else { "sub-topology" };
        out += &format!(
            "  subgraph cluster_{} {{\n    label={};\n",
            sub.number,
            quoted(&format!("{title} {}", sub.number))
        );
        for &node in &sub.nodes {
            out += &format!(
                "    {} [label={} shape=box];\n",
                id("node", &topology.nodes[node].name),
                quoted(&topology.nodes[node].name)
            );
        }
        for &store in &sub.stores {
            let name = &topology.stores[store].spec.name;
            let changelog = topology
                .changelog_name(store)
                .map_or_else(|| "no changelog".to_owned(), |topic| format!("changelog {topic}"));
            out += &format!(
                "    {} [label={} shape=cylinder];\n",
                id("store", name),
                quoted(&format!("{name}\n{changelog}"))
            );
        }
        out += "  }\n";
    }
    let all: BTreeSet<&TopicRef> = topology.nodes.iter().flat_map(|node| topics(&node.kind)).collect();
    for topic in all {
        let label = format!("{}\npartitions: {}", topic.name, topology.partitions_in_words(topic));
        let style = if topic.internal { " style=dashed" } else { "" };
        out += &format!("  {} [label={} shape=cds{style}];\n", id("topic", &topic.name), quoted(&label));
    }
    for edge in edges(topology) {
        out += &format!("  {edge};\n");
    }
    out + "}\n"
}

fn edges(topology: &Topology) -> Vec<String> {
    let mut edges = Vec::new();
    for node in &topology.nodes {
        let from = id("node", &node.name);
        for &child in &node.children {
            edges.push(format!("{from} -> {}", id("node", &topology.nodes[child].name)));
        }
        for topic in topics(&node.kind) {
            let topic = id("topic", &topic.name);
            edges.push(match node.kind {
                NodeKind::Source { .. } => format!("{topic} -> {from}"),
                _ => format!("{from} -> {topic}"),
            });
        }
        if let NodeKind::Processor { stores } = &node.kind {
            for &store in stores {
                edges.push(format!(
                    "{from} -> {} [dir=both style=dotted]",
                    id("store", &topology.stores[store].spec.name)
                ));
            }
        }
    }
    edges
}

fn id(kind: &str, name: &str) -> String {
    quoted(&format!("{kind} {name}"))
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}
