//! Sources that read whatever topics match a pattern, and which those are once the topics of the cluster are known.
//!
//! In the graph the pattern itself stands in the place of its topics: in its source, and in what must be co-partitioned.
//! [`Topology::over`] puts the topics there. Nodes, stores and sub-topologies stay what they are, whatever matches.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use regex::bytes::{Regex, RegexBuilder};

use super::errors::TopologyError;
use super::node::{NodeKind, TopicRef, Topology};

/// A pattern of topic names.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    /// Stands in the graph for what matches.
    pub(crate) topic: TopicRef,
    regex: Regex,
}

impl Pattern {
    /// As in Java the whole name must match, and classes such as `\d` and `\w` are ASCII.
    ///
    /// # Errors
    /// What is wrong with the expression.
    pub(crate) fn new(text: &Arc<str>) -> Result<Self, String> {
        let regex = RegexBuilder::new(&format!("^(?:{text})$")).unicode(false).build();
        let regex = regex.map_err(|error| format!("{text:?} is no regular expression: {error}"))?;
        Ok(Self { topic: TopicRef { name: text.clone(), internal: false }, regex })
    }

    /// Kafka keeps topics such as `__consumer_offsets` for itself.
    fn takes(&self, topic: &str) -> bool {
        !topic.starts_with("__") && self.regex.is_match(topic.as_bytes())
    }
}

/// Why a topology cannot be laid over the topics of a cluster.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "topic {topic} matches {first:?} and {second:?}; patterns of one topology may have no topic in common"
)]
pub(crate) struct MatchedTwice {
    topic: String,
    first: String,
    second: String,
}

impl Topology {
    /// The pattern that stands here for topics, if one does.
    pub(crate) fn pattern(&self, topic: &TopicRef) -> Option<&Pattern> {
        self.patterns.iter().find(|pattern| pattern.topic == *topic)
    }

    /// The topology over these topics: each pattern replaced by the topics that match it, in the order of their names.
    ///
    /// # Errors
    /// A topic matches two patterns.
    pub(crate) fn over(&self, topics: &BTreeSet<String>) -> Result<Self, MatchedTwice> {
        let mut found: BTreeMap<&TopicRef, Vec<TopicRef>> = BTreeMap::new();
        for topic in topics {
            let mut takers = self.patterns.iter().filter(|pattern| pattern.takes(topic));
            let (Some(first), second) = (takers.next(), takers.next()) else { continue };
            if let Some(second) = second {
                let text = |pattern: &Pattern| pattern.topic.name.to_string();
                return Err(MatchedTwice { topic: topic.clone(), first: text(first), second: text(second) });
            }
            let matched = TopicRef { name: topic.as_str().into(), internal: false };
            found.entry(&first.topic).or_default().push(matched);
        }
        let put = |topics: &mut Vec<TopicRef>| {
            let all = std::mem::take(topics).into_iter();
            topics.extend(all.flat_map(|topic| match self.pattern(&topic) {
                Some(_) => found.get(&topic).cloned().unwrap_or_default(),
                None => vec![topic],
            }));
        };
        let mut topology = self.clone();
        for node in &mut topology.nodes {
            if let NodeKind::Source { topics, .. } = &mut node.kind {
                put(topics);
            }
        }
        topology.copartitioned.iter_mut().for_each(|group| put(&mut group.topics));
        topology.patterns.clear();
        Ok(topology)
    }

    /// Patterns that none of these topics matches.
    pub(crate) fn unmatched(&self, topics: &BTreeSet<String>) -> Vec<&str> {
        let none = |pattern: &&Pattern| !topics.iter().any(|topic| pattern.takes(topic));
        self.patterns.iter().filter(none).map(|pattern| &*pattern.topic.name).collect()
    }

    /// Topics that are read by name and match the pattern of another source.
    pub(super) fn read_by_name_and_by_pattern(&self) -> Vec<TopologyError> {
        let mut errors = Vec::new();
        for pattern in &self.patterns {
            let reads = |topic: &TopicRef| {
                self.nodes.iter().find(
                    |node| matches!(&node.kind, NodeKind::Source { topics, .. } if topics.contains(topic)),
                )
            };
            let Some(second) = reads(&pattern.topic) else { continue };
            let named = self.source_topics().filter(|topic| !topic.internal && self.pattern(topic).is_none());
            for topic in named.filter(|topic| pattern.takes(&topic.name)) {
                let first = reads(topic).map(|node| node.name.clone()).unwrap_or_default();
                let (topic, second) = (topic.name.to_string(), second.name.clone());
                errors.push(TopologyError::TopicReadTwice { topic, first, second });
            }
        }
        errors
    }
}

#[cfg(test)]
mod tests {
    use super::super::node::CopartitionGroup;
    use super::super::sample::Sample;
    use super::*;

    fn with(patterns: &[&str], named: &[&str]) -> Topology {
        let mut sample = Sample::new();
        for text in patterns {
            let text: Arc<str> = Arc::from(*text);
            sample.inner().patterns.push(Pattern::new(&text).unwrap());
            sample.source(&format!("source-{}", sample.topology().nodes.len()), &[&text]);
        }
        for topic in named {
            sample.source(&format!("source-{topic}"), &[topic]);
        }
        sample.topology()
    }

    fn topics(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn read(topology: &Topology) -> Vec<&str> {
        topology.source_topics().map(|topic| &*topic.name).collect()
    }

    #[test]
    fn the_whole_name_must_match_and_topics_come_in_the_order_of_their_names() {
        let topology = with(&[r"orders-\d+|__.*"], &["fixed"]);
        let all =
            topics(&["orders-10", "orders-2", "orders-x", "my-orders-1", "__consumer_offsets", "fixed"]);
        assert_eq!(read(&topology.over(&all).unwrap()), ["orders-10", "orders-2", "fixed"]);
        assert_eq!(read(&topology), [r"orders-\d+|__.*", "fixed"]);
        assert_eq!(topology.unmatched(&topics(&["fixed"])), [r"orders-\d+|__.*"]);
        assert!(topology.unmatched(&all).is_empty());
    }

    #[test]
    fn what_a_pattern_matches_must_be_co_partitioned_where_the_pattern_must() {
        let mut topology = with(&["a.*"], &["b"]);
        let group = topology.source_topics().cloned().collect();
        topology.copartitioned.push(CopartitionGroup { operator: "join".into(), topics: group });
        let over = topology.over(&topics(&["a1", "a2", "b"])).unwrap();
        let names: Vec<&str> = over.copartitioned[0].topics.iter().map(|topic| &*topic.name).collect();
        assert_eq!(names, ["a1", "a2", "b"]);
    }

    #[test]
    fn a_topic_has_one_source() {
        let twice = with(&["a.*", ".*b"], &[]).over(&topics(&["ab"])).map(|_| ()).unwrap_err();
        assert!(twice.to_string().contains(r#"topic ab matches "a.*" and ".*b""#), "{twice}");
        let errors = with(&["a.*"], &["ab", "c"]).read_by_name_and_by_pattern();
        assert!(
            matches!(&errors[..], [TopologyError::TopicReadTwice { topic, .. }] if topic == "ab"),
            "{errors:?}"
        );
    }

    #[test]
    fn an_expression_that_is_none_is_named() {
        let why = Pattern::new(&Arc::from("a(")).unwrap_err();
        assert!(why.starts_with("\"a(\" is no regular expression"), "{why}");
    }
}
