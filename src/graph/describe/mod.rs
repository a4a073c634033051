//! Pictures of a topology: Kafka Streams' text, Graphviz, Mermaid, JSON.

mod dot;
mod java;
mod json;
mod mermaid;
mod text;

#[cfg(test)]
mod tests;

use super::node::{Changelog, NodeKind, SinkTopic, TopicRef, Topology};

impl Topology {
    /// The text of Kafka Streams' `Topology.describe()`, to the byte. Internal topics are named without the application.
    pub fn describe(&self) -> String {
        text::describe(self)
    }

    /// A Graphviz picture (`dot -Tsvg`) with topics, stores, changelogs and partition counts where they are fixed.
    pub fn describe_dot(&self) -> String {
        dot::describe(self)
    }

    /// The same picture for Mermaid (`flowchart`).
    pub fn describe_mermaid(&self) -> String {
        mermaid::describe(self)
    }

    /// The topology as data.
    pub fn describe_json(&self) -> serde_json::Value {
        json::describe(self)
    }

    /// `4` for a repartition topic whose count is fixed, otherwise a word that says where the count comes from.
    fn partitions_in_words(&self, topic: &TopicRef) -> String {
        let fixed = self.repartitions.iter().find(|repartition| repartition.topic == *topic);
        match fixed.map(|repartition| repartition.partitions) {
            Some(Some(count)) => count.to_string(),
            Some(None) => "as its inputs".to_owned(),
            None if self.pattern(topic).is_some() => "as those have that match".to_owned(),
            None => "as it has".to_owned(),
        }
    }

    /// The changelog of a store, by its declared name.
    fn changelog_name(&self, store: usize) -> Option<String> {
        match &self.stores[store].changelog {
            Changelog::Own => Some(format!("{}-changelog", self.stores[store].spec.name)),
            Changelog::Source(topic) => Some(topic.name.to_string()),
            Changelog::None => None,
        }
    }
}

/// Topics a node touches: those it reads, or the one it writes.
fn topics(kind: &NodeKind) -> Vec<&TopicRef> {
    match kind {
        NodeKind::Source { topics, .. } => topics.iter().collect(),
        NodeKind::Sink { topic: SinkTopic::Static(topic) } => vec![topic],
        NodeKind::Sink { topic: SinkTopic::Dynamic(_) } | NodeKind::Processor { .. } => Vec::new(),
    }
}
