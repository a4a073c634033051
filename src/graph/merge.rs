//! Several repartition topics behind one change of the key become one.
//!
//! The rules are those of Kafka Streams (`merge.repartition.topics`): every operator whose repartition hangs off a step that
//! changes the key, with no change of the value between, shares the topic of the first of them; it stands right behind that
//! step, and the steps in between move behind the topic. Where streams flow together on the way, it stands behind their
//! junction.

use super::node::{NodeKind, SinkTopic, Topology};

/// What the merge has to know beside the graph; nodes by number, in the order they were added.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mergeable {
    /// Steps behind which the key may be another.
    pub(crate) key_changing: Vec<usize>,
    /// Steps behind which the value may be of another type.
    pub(crate) value_changing: Vec<usize>,
    /// Steps where streams flow together.
    pub(crate) junctions: Vec<usize>,
    /// Filter, sink and source of each repartition that an operator asked for by itself.
    pub(crate) repartitions: Vec<[usize; 3]>,
}

impl Topology {
    /// The topology with merged repartition topics, and the new number of each node; a node that is gone has the number of
    /// the one that does its work.
    pub(crate) fn with_merged_repartitions(self, known: &Mergeable) -> (Self, Vec<usize>) {
        let mut merge = Merge::new(self, known);
        for (step, repartitions) in merge.groups() {
            merge.group(step, &repartitions);
        }
        merge.finish()
    }
}

struct Merge<'m> {
    topology: Topology,
    known: &'m Mergeable,
    /// The step behind which a repartition stands now, by the repartition's filter.
    placed: Vec<(usize, [usize; 3])>,
    /// The node that stands for another one now.
    instead: Vec<usize>,
    gone: Vec<bool>,
}

impl<'m> Merge<'m> {
    fn new(topology: Topology, known: &'m Mergeable) -> Self {
        let nodes = topology.nodes.len();
        Self { topology, known, placed: Vec::new(), instead: (0..nodes).collect(), gone: vec![false; nodes] }
    }

    /// The nodes before a node; before the source of an internal topic stand the sinks that write it.
    fn before(&self, node: usize) -> Vec<usize> {
        let NodeKind::Source { topics, .. } = &self.topology.nodes[node].kind else {
            return self.topology.nodes[node].parents.clone();
        };
        let sinks = self.topology.nodes.iter().enumerate().filter(|(number, sink)| {
            let NodeKind::Sink { topic: SinkTopic::Static(topic) } = &sink.kind else { return false };
            topic.internal && topics.contains(topic) && !self.gone[*number]
        });
        sinks.map(|(number, _)| number).collect()
    }

    /// The nearest node from `start` on, against the flow, for which `wanted` holds. Of several ways the last one counts,
    /// as in Kafka Streams.
    fn upstream(&self, start: usize, wanted: &dyn Fn(usize) -> bool) -> Option<usize> {
        if wanted(start) {
            return Some(start);
        }
        let mut found = None;
        for before in self.before(start) {
            if wanted(before) {
                return Some(before);
            }
            found = self.upstream(before, wanted);
        }
        found
    }

    /// The node on the way to `start` that stands directly behind `step`.
    fn child_of(&self, step: usize, start: usize) -> Option<usize> {
        self.upstream(start, &|node| self.topology.nodes[node].parents.contains(&step))
    }

    /// The steps behind which repartitions stand, each with those it gets.
    fn groups(&self) -> Vec<(usize, Vec<[usize; 3]>)> {
        let (changing, turning) = (&self.known.key_changing, &self.known.value_changing);
        let mut groups: Vec<(usize, Vec<[usize; 3]>)> =
            changing.iter().map(|step| (*step, Vec::new())).collect();
        for repartition in &self.known.repartitions {
            let nearest =
                self.upstream(repartition[0], &|node| changing.contains(&node) || turning.contains(&node));
            let step = self.upstream(repartition[0], &|node| changing.contains(&node));
            if let Some(group) = groups.iter_mut().find(|(of, _)| Some(*of) == step && step == nearest) {
                group.1.push(*repartition);
            }
        }
        self.behind_junctions(groups)
    }

    /// Repartitions that all lie behind a junction of streams go there together.
    fn behind_junctions(&self, groups: Vec<(usize, Vec<[usize; 3]>)>) -> Vec<(usize, Vec<[usize; 3]>)> {
        let mut moved: Vec<(usize, Vec<[usize; 3]>)> = Vec::new();
        let mut stays = vec![true; groups.len()];
        for &junction in &self.known.junctions {
            let mut together = Vec::new();
            for ((step, repartitions), stays) in groups.iter().zip(&mut stays) {
                let behind = repartitions.iter().all(|it| self.child_of(junction, it[0]).is_some());
                if behind && self.child_of(*step, junction).is_some() {
                    together.extend(repartitions);
                    *stays = false;
                }
            }
            moved.push((junction, together));
        }
        let stay = groups.into_iter().zip(stays).filter(|(_, stays)| *stays).map(|(group, _)| group);
        stay.chain(moved).collect()
    }

    /// Puts the first repartition behind the step, and what the others fed behind it.
    fn group(&mut self, step: usize, repartitions: &[[usize; 3]]) {
        let open: Vec<_> = repartitions.iter().copied().filter(|it| !self.is_placed(it[0])).collect();
        let Some(&merged) = open.first() else { return };
        for &[filter, sink, source] in &open {
            let parents = self.topology.nodes[filter].parents.clone();
            let child = self.child_of(step, filter);
            let direct = child == Some(filter);
            // Before a step moves behind the merged source, which is not what the source fed.
            let feeds: Vec<usize> = self.children(source).collect();
            if let Some(child) = child.filter(|child| *child != filter && *child != merged[0]) {
                self.replace_parent(child, step, &[merged[2]]);
            }
            let feeders = if direct { vec![merged[2]] } else { parents };
            for node in feeds {
                self.replace_parent(node, source, &feeders);
            }
            if filter == merged[0] {
                self.topology.nodes[filter].parents = vec![step];
            } else {
                (self.gone[filter], self.gone[sink], self.gone[source]) = (true, true, true);
                (self.instead[filter], self.instead[sink]) = (merged[0], merged[1]);
                self.forget_topic(source, merged[2]);
            }
            self.instead[source] = feeders.first().copied().unwrap_or(merged[2]);
        }
        self.instead[merged[2]] = merged[2];
        self.placed.push((step, merged));
    }

    fn is_placed(&self, filter: usize) -> bool {
        self.gone[filter] || self.placed.iter().any(|(_, [placed, ..])| *placed == filter)
    }

    fn children(&self, parent: usize) -> impl Iterator<Item = usize> {
        let nodes = self.topology.nodes.iter().enumerate();
        nodes.filter(move |(_, node)| node.parents.contains(&parent)).map(|(number, _)| number)
    }

    /// The new parents come behind the others, as Kafka Streams has them.
    fn replace_parent(&mut self, node: usize, old: usize, new: &[usize]) {
        let parents = &mut self.topology.nodes[node].parents;
        parents.retain(|parent| *parent != old);
        for parent in new {
            if !parents.contains(parent) {
                parents.push(*parent);
            }
        }
    }

    /// The topic of a source that is gone: whatever had to fit it must fit the merged one.
    fn forget_topic(&mut self, source: usize, merged: usize) {
        let topic_of = |node: usize| match &self.topology.nodes[node].kind {
            NodeKind::Source { topics, .. } => topics.first().cloned(),
            NodeKind::Processor { .. } | NodeKind::Sink { .. } => None,
        };
        let (Some(old), Some(new)) = (topic_of(source), topic_of(merged)) else { return };
        self.topology.repartitions.retain(|made| made.topic != old);
        for group in &mut self.topology.copartitioned {
            for topic in group.topics.iter_mut().filter(|topic| **topic == old) {
                *topic = new.clone();
            }
            group.topics.sort();
            group.topics.dedup();
        }
        self.topology.copartitioned.retain(|group| group.topics.len() > 1);
    }

    /// Nodes in their new order and with their new numbers: a merged repartition stands right behind its step.
    fn finish(self) -> (Topology, Vec<usize>) {
        let Self { mut topology, placed, instead, gone, .. } = self;
        let moved: Vec<usize> = placed.iter().flat_map(|(_, nodes)| *nodes).collect();
        let mut order = Vec::new();
        for node in (0..topology.nodes.len()).filter(|node| !gone[*node] && !moved.contains(node)) {
            order.push(node);
            order.extend(placed.iter().filter(|(step, _)| *step == node).flat_map(|(_, nodes)| *nodes));
        }
        let mut numbers = vec![usize::MAX; topology.nodes.len()];
        for (new, old) in order.iter().enumerate() {
            numbers[*old] = new;
        }
        let mut nodes: Vec<_> = order.iter().map(|old| topology.nodes[*old].clone()).collect();
        for node in &mut nodes {
            node.parents.iter_mut().for_each(|parent| *parent = numbers[*parent]);
            node.children.clear();
        }
        for number in 0..nodes.len() {
            for parent in nodes[number].parents.clone() {
                nodes[parent].children.push(number);
            }
        }
        topology.nodes = nodes;
        let stands_for = |mut node: usize| {
            while instead[node] != node && numbers[node] == usize::MAX {
                node = instead[node];
            }
            numbers[node]
        };
        let numbers = (0..instead.len()).map(stands_for).collect();
        (topology, numbers)
    }
}
