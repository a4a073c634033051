//! The topology laid over the cluster: which topics, how many partitions, which tasks. Made at the start, and anew when other
//! topics match its patterns; never changed.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hasher;
use std::sync::Arc;

use topo_state::StoreSpec;

use super::coordinator::Layout;
use super::error::Error;
use super::internal;
use super::shared::Shared;
use crate::graph::{Changelog, NodeKind, OffsetReset, SubTopology, TopicRef, Topology};
use crate::record::Partition;

/// The layout of an application.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// The topology, with topics in the place of patterns.
    pub(crate) topology: Topology,
    /// Sub-topologies by number. Global ones have no tasks.
    pub(crate) subs: Vec<SubPlan>,
    /// Partition counts of every topic the topology names, by the broker's name.
    pub(crate) counts: BTreeMap<Arc<str>, i32>,
    /// Changelogs of stores that forget, from which nobody but the engine deletes: known once the coordinator has looked at
    /// their settings.
    pub(crate) trimmed: BTreeSet<Arc<str>>,
    /// Internal topics that must exist: repartition, changelog, lease topics.
    pub(crate) internal: Vec<internal::InternalTopic>,
    /// Identifies the shape of the stores, for the directories.
    pub(crate) fingerprint: String,
}

/// One sub-topology laid over the cluster.
#[derive(Debug)]
pub(crate) struct SubPlan {
    pub(crate) sub: SubTopology,
    /// Stable name: that of its first source.
    pub(crate) name: String,
    /// The lease topic; one partition per task.
    pub(crate) lease: Arc<str>,
    /// How many tasks.
    pub(crate) tasks: i32,
    /// Topics it reads.
    pub(crate) inputs: Vec<InputPlan>,
    /// Its stores, in the order the task's backend has them.
    pub(crate) stores: Vec<StorePlan>,
}

/// A topic that a sub-topology reads.
#[derive(Clone, Debug)]
pub(crate) struct InputPlan {
    pub(crate) topic: Arc<str>,
    pub(crate) reset: OffsetReset,
    /// Ours: what was consumed of it can be deleted.
    pub(crate) repartition: bool,
}

/// A store of a sub-topology.
#[derive(Clone, Debug)]
pub(crate) struct StorePlan {
    /// Its number in the topology.
    pub(crate) number: usize,
    pub(crate) spec: StoreSpec,
    pub(crate) backed: Backed,
}

/// Where a store can be restored from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Backed {
    /// Its own changelog.
    Own(Arc<str>),
    /// The source topic it is a copy of, up to what the group has committed.
    Source(Arc<str>),
    /// Nothing.
    Nothing,
}

impl Plan {
    /// Lays the topology, without patterns, over the cluster. `counts`: partition counts of its inputs and outputs.
    ///
    /// # Errors
    /// [`Error::Layout`] with everything that does not fit.
    pub(crate) fn new(
        shared: &Shared,
        topology: Topology,
        counts: &BTreeMap<String, i32>,
    ) -> Result<Self, Error> {
        let subs = topology.sub_topologies();
        let external: BTreeMap<Arc<str>, i32> =
            counts.iter().map(|(topic, count)| (Arc::from(topic.as_str()), *count)).collect();
        let partitioning = topology.partitioning(&subs, &external).map_err(|errors| {
            let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
            Error::Layout(lines.join("; "))
        })?;
        let mut all = external;
        all.extend(partitioning.topics.iter().map(|(topic, count)| (shared.naming.resolve(topic), *count)));
        let subs = subs.into_iter().zip(partitioning.tasks);
        let subs: Vec<SubPlan> =
            subs.map(|(sub, tasks)| SubPlan::new(shared, &topology, sub, tasks)).collect();
        for sub in &subs {
            all.extend(sub.changelogs().map(|topic| (topic, sub.tasks)));
        }
        let internal = internal::topics(shared, &subs, &all);
        let fingerprint = fingerprint(&subs);
        Ok(Self { topology, subs, counts: all, internal, fingerprint, trimmed: BTreeSet::new() })
    }

    /// Partition count of a topic.
    pub(crate) fn partitions(&self, topic: &str) -> Option<i32> {
        self.counts.get(topic).copied()
    }

    /// Lease topics of all sub-topologies that have tasks.
    pub(crate) fn leases(&self) -> Vec<String> {
        self.subs.iter().filter(|sub| sub.tasks > 0).map(|sub| sub.lease.to_string()).collect()
    }

    /// Every partition of the lease topics: one per task.
    pub(crate) fn lease_partitions(&self) -> BTreeSet<Partition> {
        let of = |sub: &SubPlan| {
            let lease = sub.lease.clone();
            (0..sub.tasks).map(move |number| Partition::new(lease.clone(), number))
        };
        self.subs.iter().flat_map(of).collect()
    }

    /// Topics whose consumed records can be deleted.
    pub(crate) fn is_repartition(&self, topic: &str) -> bool {
        self.subs.iter().flat_map(|sub| &sub.inputs).any(|input| input.repartition && *input.topic == *topic)
    }

    /// The topic made for the application that this plan wants to have other than `before`, if there is one, in words.
    pub(crate) fn misfit(&self, before: &Self) -> Option<String> {
        let count = |plan: &Self, name: &str| {
            plan.internal.iter().find(|it| it.topic.name == name).map_or(0, |it| it.topic.partitions)
        };
        let all = self.internal.iter().chain(&before.internal).map(|it| it.topic.name.as_str());
        all.map(|name| (name, count(before, name), count(self, name)))
            .find(|(_, has, wants)| has != wants)
            .map(|(name, has, wants)| format!("topic {name} has {has} partitions and would need {wants}"))
    }

    /// What the layout guard compares.
    pub(crate) fn layout(&self) -> Layout {
        let inputs = |sub: &SubPlan| {
            let count =
                |input: &InputPlan| (input.topic.to_string(), self.partitions(&input.topic).unwrap_or(0));
            sub.inputs.iter().map(count).collect()
        };
        self.subs.iter().map(|sub| (sub.name.clone(), inputs(sub))).collect()
    }
}

impl SubPlan {
    fn new(shared: &Shared, topology: &Topology, sub: SubTopology, tasks: i32) -> Self {
        let inputs = sub.sources.iter().map(|topic| InputPlan {
            topic: shared.naming.resolve(topic),
            reset: reset_of(topology, &sub, topic),
            repartition: topic.internal,
        });
        let stores = sub.stores.iter().map(|&number| {
            let store = &topology.stores[number];
            StorePlan {
                number,
                spec: store.spec.clone(),
                backed: backed(shared, &store.spec.name, &store.changelog),
            }
        });
        Self {
            name: sub.name.clone(),
            lease: format!("{}-{}-tasks", shared.application(), sub.name).into(),
            tasks,
            inputs: inputs.collect(),
            stores: stores.collect(),
            sub,
        }
    }

    /// Changelog topics of its own.
    pub(crate) fn changelogs(&self) -> impl Iterator<Item = Arc<str>> {
        self.stores.iter().filter_map(|store| match &store.backed {
            Backed::Own(topic) => Some(topic.clone()),
            Backed::Source(_) | Backed::Nothing => None,
        })
    }
}

fn reset_of(topology: &Topology, sub: &SubTopology, topic: &TopicRef) -> OffsetReset {
    let found = sub.nodes.iter().find_map(|&node| match &topology.nodes[node].kind {
        NodeKind::Source { topics, reset, .. } if topics.contains(topic) => Some(*reset),
        _ => None,
    });
    found.unwrap_or_default()
}

/// How a store is backed, by the broker's names.
fn backed(shared: &Shared, store: &str, changelog: &Changelog) -> Backed {
    match changelog {
        Changelog::Own => Backed::Own(shared.naming.changelog(store)),
        Changelog::Source(topic) => Backed::Source(shared.naming.resolve(topic)),
        Changelog::None => Backed::Nothing,
    }
}

/// A short name for the shape of all stores; informative only, in the directories.
fn fingerprint(subs: &[SubPlan]) -> String {
    let mut hasher = rustc_hash::FxHasher::default();
    for sub in subs {
        hasher.write(sub.name.as_bytes());
        for store in &sub.stores {
            hasher.write(store.spec.name.as_bytes());
            hasher.write(store.spec.to_string().as_bytes());
        }
    }
    format!("{:016x}", hasher.finish())
}
