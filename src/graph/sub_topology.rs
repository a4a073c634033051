//! Which nodes run together: connected by edges and by shared stores, cut at repartition topics.
//!
//! A repartition topic is a sink on one side and a source on the other with no edge between, so the cut needs no rule of
//! its own. Numbers follow the first node of each group; a global group takes a number too and gets no tasks.

use std::collections::BTreeSet;

use super::node::{Changelog, NodeKind, TopicRef, Topology};

/// Nodes that run in the same task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SubTopology {
    /// Place in the order of first nodes. Changes when the topology does: for `describe` and people, never for names.
    pub(crate) number: usize,
    /// Name of its first source: stable, used for lease topics and directories.
    pub(crate) name: String,
    /// Its nodes, ascending.
    pub(crate) nodes: Vec<usize>,
    /// Topics it reads, in the order of its sources.
    pub(crate) sources: Vec<TopicRef>,
    /// Stores of its own, ascending; the order of the specs its state is opened with.
    pub(crate) stores: Vec<usize>,
    /// Fills a global store: runs once per process, has no tasks.
    pub(crate) global: bool,
}

impl Topology {
    /// The groups of nodes that run together, in the order of their numbers.
    pub(crate) fn sub_topologies(&self) -> Vec<SubTopology> {
        let roots = self.group_roots();
        let mut firsts: Vec<usize> = Vec::new();
        let mut groups: Vec<Vec<usize>> = Vec::new();
        for (node, root) in roots.into_iter().enumerate() {
            match firsts.iter().position(|first| *first == root) {
                Some(group) => groups[group].push(node),
                None => {
                    firsts.push(root);
                    groups.push(vec![node]);
                }
            }
        }
        groups.into_iter().enumerate().map(|(number, nodes)| self.sub_topology(number, nodes)).collect()
    }

    /// The broker's names of all topics the engine makes for the application: repartition topics, changelogs, leases, members.
    pub(crate) fn internal_topics(&self, application: &str) -> BTreeSet<String> {
        let repartitions = self.repartitions.iter().map(|it| it.topic.name.to_string());
        let own = self.stores.iter().filter(|store| store.changelog == Changelog::Own);
        let changelogs = own.map(|store| format!("{}-changelog", store.spec.name));
        let leases = self.sub_topologies().into_iter().map(|sub| format!("{}-tasks", sub.name));
        let names = repartitions.chain(changelogs).chain(leases).chain(["members".to_owned()]);
        names.map(|name| format!("{application}-{name}")).collect()
    }

    /// The topics this topology reads and does not make itself.
    pub(crate) fn external_topics(&self) -> Vec<String> {
        let subs = self.sub_topologies();
        let topics = subs.iter().flat_map(|sub| &sub.sources).filter(|topic| !topic.internal);
        topics.map(|topic| topic.name.to_string()).collect()
    }

    /// Everything that is not global as one group with one stream time: what a test driver runs.
    pub(crate) fn undivided(&self) -> SubTopology {
        self.sub_topology(0, (0..self.nodes.len()).filter(|node| !self.nodes[*node].global).collect())
    }

    /// Number of the store with this name.
    pub(crate) fn store_number(&self, name: &str) -> Option<usize> {
        self.stores.iter().position(|store| store.spec.name == name)
    }

    fn sub_topology(&self, number: usize, nodes: Vec<usize>) -> SubTopology {
        let global = nodes.iter().any(|node| self.nodes[*node].global);
        let mut sources: Vec<TopicRef> = Vec::new();
        let mut stores: Vec<usize> = Vec::new();
        let mut name = None;
        for &node in &nodes {
            match &self.nodes[node].kind {
                NodeKind::Source { topics, .. } => {
                    name.get_or_insert(node);
                    sources.extend(
                        topics.iter().filter(|topic| !sources.contains(topic)).cloned().collect::<Vec<_>>(),
                    );
                }
                NodeKind::Processor { stores: used } => {
                    stores.extend(used.iter().filter(|store| self.stores[**store].global == global));
                }
                NodeKind::Sink { .. } => {}
            }
        }
        stores.sort_unstable();
        stores.dedup();
        let name =
            name.or(nodes.first().copied()).map_or_else(String::new, |node| self.nodes[node].name.clone());
        SubTopology { number, name, nodes, sources, stores, global }
    }

    /// For every node the representative of its group.
    fn group_roots(&self) -> Vec<usize> {
        let mut groups = Groups { parent: (0..self.nodes.len()).collect() };
        let mut user: Vec<Option<usize>> = vec![None; self.stores.len()];
        for (number, node) in self.nodes.iter().enumerate() {
            for &parent in &node.parents {
                groups.join(parent, number);
            }
            let NodeKind::Processor { stores } = &node.kind else { continue };
            for &store in stores.iter().filter(|store| !self.stores[**store].global || node.global) {
                match user[store] {
                    Some(first) => groups.join(first, number),
                    None => user[store] = Some(number),
                }
            }
        }
        (0..self.nodes.len()).map(|node| groups.root(node)).collect()
    }
}

/// Disjoint sets of nodes; the representative is the lowest one.
struct Groups {
    parent: Vec<usize>,
}

impl Groups {
    fn root(&mut self, mut node: usize) -> usize {
        while self.parent[node] != node {
            self.parent[node] = self.parent[self.parent[node]];
            node = self.parent[node];
        }
        node
    }

    fn join(&mut self, left: usize, right: usize) {
        let (left, right) = (self.root(left), self.root(right));
        self.parent[left.max(right)] = left.min(right);
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::Sample;

    #[test]
    fn edges_join_and_repartition_topics_cut() {
        let mut sample = Sample::new();
        sample.source("in", &["a"]);
        sample.processor("rekey", &["in"], &[]);
        sample.repartition("by-x");
        sample.sink("out", &["rekey"], "by-x");
        sample.source("back", &["by-x"]);
        sample.store("counts");
        sample.processor("count", &["back"], &["counts"]);
        let subs = sample.topology().sub_topologies();
        assert_eq!(subs.len(), 2);
        assert_eq!(
            (subs[0].name.as_str(), &subs[0].nodes[..], &subs[0].stores[..]),
            ("in", &[0, 1, 2][..], &[][..])
        );
        assert_eq!(
            (subs[1].name.as_str(), &subs[1].nodes[..], &subs[1].stores[..]),
            ("back", &[3, 4][..], &[0][..])
        );
        assert!(subs[1].sources[0].internal);
    }

    #[test]
    fn a_shared_store_joins_what_no_edge_joins() {
        let mut sample = Sample::new();
        sample.source("left", &["a"]);
        sample.source("other", &["c"]);
        sample.source("right", &["b"]);
        sample.store("shared");
        sample.processor("writer", &["left"], &["shared"]);
        sample.processor("reader", &["right"], &["shared"]);
        let subs = sample.topology().sub_topologies();
        let nodes: Vec<_> = subs.iter().map(|sub| (sub.number, sub.nodes.clone())).collect();
        assert_eq!(nodes, [(0, vec![0, 2, 3, 4]), (1, vec![1])]);
    }

    #[test]
    fn a_global_group_takes_a_number_and_joins_nobody() {
        let mut sample = Sample::new();
        sample.source("in", &["a"]);
        sample.global("rates", "r");
        sample.processor("join", &["in"], &[]);
        sample.source("late", &["z"]);
        let subs = sample.topology().sub_topologies();
        let seen: Vec<_> = subs.iter().map(|sub| (sub.number, sub.name.as_str(), sub.global)).collect();
        assert_eq!(seen, [(0, "in", false), (1, "rates-source", true), (2, "late", false)]);
        assert_eq!(subs[1].stores, [0]);
        assert_eq!(sample.topology().undivided().nodes, [0, 3, 4]);
    }
}
