//! How many partitions each topic has and how many tasks run, once the external topics are known.
//!
//! Rules of Kafka Streams (`PartitionAssignor`, `RepartitionTopics`): a sub-topology has as many tasks as the largest of
//! its source topics; a repartition topic has the count the user fixed, else that of its co-partition partners, else the
//! largest of the sources upstream of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::node::{NodeKind, SinkTopic, TopicRef, Topology};
use super::sub_topology::SubTopology;

/// Counts of everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Partitioning {
    /// Source topics, external and internal.
    pub(crate) topics: BTreeMap<TopicRef, i32>,
    /// Tasks by number of the sub-topology; 0 for global ones.
    pub(crate) tasks: Vec<i32>,
}

/// Why the topology cannot be laid over these topics.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PartitionError {
    /// A topic that must be there is not.
    #[error("topic {topic} does not exist")]
    Missing {
        /// The topic.
        topic: String,
    },
    /// Records of these topics meet by key, so their counts must be equal.
    #[error(
        "{operator} joins records by key, but its topics have different partition counts: {}; give them equal counts, \
         or put a repartition in front",
        counts.iter().map(|(topic, count)| format!("{topic}={count}")).collect::<Vec<_>>().join(", ")
    )]
    NotCopartitioned {
        /// The operator that needs it.
        operator: String,
        /// Topics and counts.
        counts: BTreeMap<String, i32>,
    },
    /// A repartition topic gets its records only from itself.
    #[error("the partition count of repartition topic {topic} cannot be told: it depends on itself; fix it by hand")]
    Circular {
        /// The topic.
        topic: String,
    },
}

impl Topology {
    /// Works out all counts from those of the external topics (by name).
    pub(crate) fn partitioning(
        &self,
        subs: &[SubTopology],
        external: &BTreeMap<Arc<str>, i32>,
    ) -> Result<Partitioning, Vec<PartitionError>> {
        let mut topics = self.known_counts(subs, external)?;
        let groups = self.copartition_classes();
        self.settle_repartitions(subs, &groups, &mut topics)?;
        let errors = unequal(&groups, &topics);
        if !errors.is_empty() {
            return Err(errors);
        }
        let most = |sub: &SubTopology| sub.sources.iter().filter_map(|topic| topics.get(topic)).max().copied();
        let tasks = subs.iter().map(|sub| if sub.global { 0 } else { most(sub).unwrap_or(0) }).collect();
        Ok(Partitioning { topics, tasks })
    }

    /// External topics and fixed repartition topics.
    fn known_counts(
        &self,
        subs: &[SubTopology],
        external: &BTreeMap<Arc<str>, i32>,
    ) -> Result<BTreeMap<TopicRef, i32>, Vec<PartitionError>> {
        let mut counts = BTreeMap::new();
        let mut errors = Vec::new();
        for topic in subs.iter().flat_map(|sub| &sub.sources).filter(|topic| !topic.internal) {
            match external.get(&topic.name) {
                Some(count) => drop(counts.insert(topic.clone(), *count)),
                None => errors.push(PartitionError::Missing { topic: topic.name.to_string() }),
            }
        }
        for repartition in &self.repartitions {
            if let Some(count) = repartition.partitions {
                counts.insert(repartition.topic.clone(), count);
            }
        }
        if errors.is_empty() { Ok(counts) } else { Err(errors) }
    }

    /// Co-partition groups closed transitively: groups that share a topic are one.
    fn copartition_classes(&self) -> Vec<Class> {
        let mut classes: Vec<Class> = Vec::new();
        for group in &self.copartitioned {
            let mut merged = Class { operator: group.operator.clone(), topics: group.topics.iter().cloned().collect() };
            classes.retain(|class| {
                let apart = class.topics.is_disjoint(&merged.topics);
                if !apart {
                    merged.topics.extend(class.topics.iter().cloned());
                }
                apart
            });
            classes.push(merged);
        }
        classes
    }

    /// Gives every repartition topic without a count its count; chains of them settle one after the other.
    fn settle_repartitions(
        &self,
        subs: &[SubTopology],
        classes: &[Class],
        counts: &mut BTreeMap<TopicRef, i32>,
    ) -> Result<(), Vec<PartitionError>> {
        loop {
            let open: Vec<&TopicRef> =
                self.repartitions.iter().map(|it| &it.topic).filter(|topic| !counts.contains_key(*topic)).collect();
            let settled: Vec<(TopicRef, i32)> =
                open.iter().filter_map(|topic| Some(((*topic).clone(), self.settle(topic, subs, classes, counts)?))).collect();
            match (open.is_empty(), settled.is_empty()) {
                (true, _) => return Ok(()),
                (false, true) => {
                    let circular = |topic: &&TopicRef| PartitionError::Circular { topic: topic.name.to_string() };
                    return Err(open.iter().map(circular).collect());
                }
                (false, false) => counts.extend(settled),
            }
        }
    }

    fn settle(
        &self,
        topic: &TopicRef,
        subs: &[SubTopology],
        classes: &[Class],
        counts: &BTreeMap<TopicRef, i32>,
    ) -> Option<i32> {
        // Up the stream until counts are known. Foreign-key joins send records both ways, so the way up may lead back
        // to where it began: what was seen adds nothing.
        let (mut most, mut seen, mut open) = (None, BTreeSet::new(), vec![topic.clone()]);
        while let Some(topic) = open.pop() {
            if !seen.insert(topic.clone()) {
                continue;
            }
            let alone = BTreeSet::from([topic.clone()]);
            let class = classes.iter().find(|class| class.topics.contains(&topic));
            let partners = class.map_or(&alone, |class| &class.topics);
            if let Some(count) = partners.iter().filter_map(|partner| counts.get(partner)).max() {
                most = most.max(Some(*count));
                continue;
            }
            let sources = partners.iter().flat_map(|partner| self.upstream(partner, subs));
            open.extend(partners.iter().chain(sources).cloned());
        }
        most
    }

    /// Source topics of the sub-topologies that write to an internal topic.
    fn upstream<'s>(&self, topic: &TopicRef, subs: &'s [SubTopology]) -> impl Iterator<Item = &'s TopicRef> {
        let writes = |node: &usize| {
            matches!(&self.nodes[*node].kind, NodeKind::Sink { topic: SinkTopic::Static(written) } if written == topic)
        };
        let writers: Vec<&SubTopology> = subs.iter().filter(|sub| sub.nodes.iter().any(writes)).collect();
        writers.into_iter().flat_map(|sub| &sub.sources)
    }
}

/// Topics that must have equal counts.
struct Class {
    operator: String,
    topics: BTreeSet<TopicRef>,
}

fn unequal(classes: &[Class], counts: &BTreeMap<TopicRef, i32>) -> Vec<PartitionError> {
    let mut errors = Vec::new();
    for class in classes {
        let counts: BTreeMap<String, i32> =
            class.topics.iter().filter_map(|topic| Some((topic.name.to_string(), *counts.get(topic)?))).collect();
        if counts.values().collect::<BTreeSet<_>>().len() > 1 {
            errors.push(PartitionError::NotCopartitioned { operator: class.operator.clone(), counts });
        }
    }
    errors
}
