//! The topology as JSON, for tools.

use serde_json::{Value, json};

use crate::graph::node::{NodeKind, SinkTopic, TopicRef, Topology};
use crate::graph::sub_topology::SubTopology;

pub(super) fn describe(topology: &Topology) -> Value {
    let subs: Vec<Value> = topology.sub_topologies().iter().map(|sub| sub_topology(topology, sub)).collect();
    json!({ "name": topology.name, "sub_topologies": subs })
}

fn sub_topology(topology: &Topology, sub: &SubTopology) -> Value {
    let nodes: Vec<Value> = sub.nodes.iter().map(|node| describe_node(topology, *node)).collect();
    let stores: Vec<Value> = sub.stores.iter().map(|store| describe_store(topology, *store)).collect();
    json!({
        "number": sub.number,
        "name": sub.name,
        "global": sub.global,
        "nodes": nodes,
        "stores": stores,
        "tasks": if sub.global { Value::from(0) } else { Value::from("one per partition of its largest source topic") },
    })
}

fn describe_node(topology: &Topology, node: usize) -> Value {
    let def = &topology.nodes[node];
    let names = |nodes: &[usize]| nodes.iter().map(|node| &*topology.nodes[*node].name).collect::<Vec<_>>();
    let mut value = match &def.kind {
        NodeKind::Source { topics, .. } => {
            json!({ "kind": "source", "topics": topics.iter().map(|it| describe_topic(topology, it)).collect::<Vec<_>>() })
        }
        NodeKind::Processor { stores } => {
            let stores: Vec<&str> = stores.iter().map(|store| &*topology.stores[*store].spec.name).collect();
            json!({ "kind": "processor", "stores": stores })
        }
        NodeKind::Sink { topic: SinkTopic::Static(topic) } => {
            json!({ "kind": "sink", "topic": describe_topic(topology, topic) })
        }
        NodeKind::Sink { topic: SinkTopic::Dynamic(chooser) } => {
            json!({ "kind": "sink", "topic_chosen_by": chooser })
        }
    };
    value["name"] = def.name.clone().into();
    value["after"] = names(&def.parents).into();
    value["before"] = names(&def.children).into();
    value
}

fn describe_topic(topology: &Topology, topic: &TopicRef) -> Value {
    if topology.pattern(topic).is_some() {
        return json!({ "pattern": &*topic.name });
    }
    json!({ "name": &*topic.name, "internal": topic.internal, "partitions": topology.partitions_in_words(topic) })
}

fn describe_store(topology: &Topology, store: usize) -> Value {
    let def = &topology.stores[store];
    json!({
        "name": def.spec.name,
        "kind": format!("{:?}", def.spec.kind),
        "key_codec": def.spec.key_codec,
        "value_codec": def.spec.value_codec,
        "changelog": topology.changelog_name(store),
        "global": def.global,
    })
}
