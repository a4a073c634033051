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
    #[error(
        "the partition count of repartition topic {topic} cannot be told: it depends on itself; fix it by hand"
    )]
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
        let most =
            |sub: &SubTopology| sub.sources.iter().filter_map(|topic| topics.get(topic)).max().copied();
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
            let mut merged =
                Class { operator: group.operator.clone(), topics: group.topics.iter().cloned().collect() };
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
            let open: Vec<&TopicRef> = self
                .repartitions
                .iter()
                .map(|it| &it.topic)
                .filter(|topic| !counts.contains_key(*topic))
                .collect();
            let settled: Vec<(TopicRef, i32)> = open
                .iter()
                .filter_map(|topic| Some(((*topic).clone(), self.settle(topic, subs, classes, counts)?)))
                .collect();
            match (open.is_empty(), settled.is_empty()) {
                (true, _) => return Ok(()),
                (false, true) => {
                    let circular =
                        |topic: &&TopicRef| PartitionError::Circular { topic: topic.name.to_string() };
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
        let writes = |node: &usize| matches!(&self.nodes[*node].kind, NodeKind::Sink { topic: SinkTopic::Static(written) } if written == topic);
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
        let counts: BTreeMap<String, i32> = class
            .topics
            .iter()
            .filter_map(|topic| Some((topic.name.to_string(), *counts.get(topic)?)))
            .collect();
        if counts.values().collect::<BTreeSet<_>>().len() > 1 {
            errors.push(PartitionError::NotCopartitioned { operator: class.operator.clone(), counts });
        }
    }
    errors
}

#[cfg(test)]
mod tests {
    use super::super::node::CopartitionGroup;
    use super::super::sample::Sample;
    use super::*;

    fn counts(sample: &Sample, external: &[(&str, i32)]) -> Result<Partitioning, Vec<PartitionError>> {
        let external = external.iter().map(|(topic, count)| (Arc::from(*topic), *count)).collect();
        let topology = sample.topology();
        topology.partitioning(&topology.sub_topologies(), &external)
    }

    fn count_of(partitioning: &Partitioning, topic: &str) -> Option<i32> {
        partitioning.topics.iter().find(|(known, _)| &*known.name == topic).map(|(_, count)| *count)
    }

    /// `from` (a source or processor) -> topic -> a source of the same name with `-source` behind it.
    fn through(sample: &mut Sample, from: &str, topic: &str) -> String {
        sample.repartition(topic);
        sample.sink(&format!("{topic}-sink"), &[from], topic);
        let source = format!("{topic}-source");
        sample.source(&source, &[topic]);
        source
    }

    fn together(sample: &mut Sample, operator: &str, topics: &[&str]) {
        let topics = topics.iter().map(|topic| sample.topic(topic)).collect();
        sample.inner().copartitioned.push(CopartitionGroup { operator: operator.into(), topics });
    }

    #[test]
    fn a_chain_of_repartition_topics_takes_the_largest_count_upstream() {
        let mut sample = Sample::new();
        sample.source("in", &["small", "large"]);
        let first = through(&mut sample, "in", "first");
        through(&mut sample, &first, "second");
        let laid = counts(&sample, &[("small", 2), ("large", 5)]).unwrap();
        assert_eq!((count_of(&laid, "first"), count_of(&laid, "second")), (Some(5), Some(5)));
        assert_eq!(laid.tasks, [5, 5, 5]);
    }

    #[test]
    fn a_repartition_topic_follows_its_partner_and_a_fixed_count_wins() {
        let mut sample = Sample::new();
        sample.source("left", &["l"]);
        sample.source("right", &["r"]);
        let moved = through(&mut sample, "left", "moved");
        sample.processor("join", &[&moved, "right"], &[]);
        together(&mut sample, "join", &["moved", "r"]);
        let laid = counts(&sample, &[("l", 8), ("r", 3)]).unwrap();
        assert_eq!((count_of(&laid, "moved"), laid.tasks.clone()), (Some(3), vec![8, 3]));

        let mut sample = Sample::new();
        sample.source("in", &["l"]);
        through(&mut sample, "in", "fixed");
        sample.inner().repartitions[0].partitions = Some(7);
        assert_eq!(count_of(&counts(&sample, &[("l", 2)]).unwrap(), "fixed"), Some(7));
    }

    #[test]
    fn two_repartitioned_sides_take_the_larger_of_both_upstreams() {
        let mut sample = Sample::new();
        sample.source("left", &["l"]);
        sample.source("right", &["r"]);
        let (x, y) = (through(&mut sample, "left", "x"), through(&mut sample, "right", "y"));
        sample.processor("join", &[&x, &y], &[]);
        together(&mut sample, "join", &["x", "y"]);
        let laid = counts(&sample, &[("l", 2), ("r", 6)]).unwrap();
        assert_eq!((count_of(&laid, "x"), count_of(&laid, "y")), (Some(6), Some(6)));
    }

    #[test]
    fn groups_that_share_a_topic_are_one_and_unequal_counts_are_named() {
        let mut sample = Sample::new();
        for topic in ["a", "b", "c"] {
            sample.source(topic, &[topic]);
        }
        together(&mut sample, "first", &["a", "b"]);
        together(&mut sample, "second", &["b", "c"]);
        let errors = counts(&sample, &[("a", 4), ("b", 4), ("c", 6)]).unwrap_err();
        assert_eq!(errors.len(), 1);
        assert!(errors[0].to_string().contains("a=4, b=4, c=6"), "{}", errors[0]);
    }

    #[test]
    fn every_missing_topic_is_told_and_global_tables_have_no_tasks() {
        let mut sample = Sample::new();
        sample.source("in", &["a", "b"]);
        sample.global("rates", "g");
        let missing = |topic: &str| PartitionError::Missing { topic: topic.into() };
        assert_eq!(counts(&sample, &[("g", 9)]), Err(vec![missing("a"), missing("b")]));
        let laid = counts(&sample, &[("a", 1), ("b", 2), ("g", 9)]).unwrap();
        assert_eq!(laid.tasks, [2, 0]);
    }

    #[test]
    fn a_foreign_key_join_settles_through_both_of_its_topics() {
        let mut sample = Sample::new();
        sample.source("left", &["l"]);
        let asked = through(&mut sample, "left", "ask");
        sample.source("right", &["r"]);
        sample.processor("find", &[&asked, "right"], &[]);
        let answered = through(&mut sample, "find", "answer");
        sample.store("rows");
        sample.processor("left-rows", &["left"], &["rows"]);
        sample.processor("resolve", &[&answered], &["rows"]);
        together(&mut sample, "join", &["ask", "r"]);
        together(&mut sample, "join", &["answer", "l"]);
        let laid = counts(&sample, &[("l", 5), ("r", 2)]).unwrap();
        assert_eq!((count_of(&laid, "ask"), count_of(&laid, "answer")), (Some(2), Some(5)));
    }
}
