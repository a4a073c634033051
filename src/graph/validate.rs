//! Whether a topology can run: every objection at once, so that nobody fixes them one by one.

use std::collections::{BTreeMap, BTreeSet};

use super::cycle;
use super::errors::{TopologyError, TopologyErrors};
use super::names::objection;
use super::node::{Changelog, NodeDef, NodeKind, SinkTopic, TopicRef, Topology};

/// The topology, if neither the builder (`problems`) nor this check objects.
///
/// # Errors
/// All objections.
pub(crate) fn checked(topology: Topology, problems: Vec<TopologyError>) -> Result<Topology, TopologyErrors> {
    let mut check = Check { topology: &topology, errors: problems };
    check.names();
    check.edges();
    check.stores();
    check.sources();
    // The rest walks along edges and stores, so it needs them to exist.
    if !check
        .errors
        .iter()
        .any(|error| matches!(error, TopologyError::Edge { .. } | TopologyError::UnknownStore { .. }))
    {
        check.changelogs();
        check.circles();
    }
    check.internal_topics();
    check.partners();
    let errors = check.errors;
    if errors.is_empty() { Ok(topology) } else { Err(TopologyErrors(errors)) }
}

struct Check<'t> {
    topology: &'t Topology,
    errors: Vec<TopologyError>,
}

impl<'t> Check<'t> {
    fn names(&mut self) {
        let topology = self.topology;
        self.name("application", &topology.name);
        self.unique("node", topology.nodes.iter().map(|node| node.name.as_str()));
        self.unique("store", topology.stores.iter().map(|store| store.spec.name.as_str()));
        self.unique("internal topic", topology.repartitions.iter().map(|made| &*made.topic.name));
        let application = topology.name.as_str();
        for store in topology.stores.iter().filter(|store| store.changelog == Changelog::Own) {
            self.made("changelog topic", application, &store.spec.name, "-changelog");
        }
        for made in &topology.repartitions {
            self.made("internal topic", application, &made.topic.name, "");
        }
        for node in topology.nodes.iter().filter(|node| matches!(node.kind, NodeKind::Source { .. })) {
            self.made("lease topic", application, &node.name, "-tasks");
        }
        let external: BTreeSet<&str> = topology
            .topics()
            .filter(|it| !it.internal && topology.pattern(it).is_none())
            .map(|it| &*it.name)
            .collect();
        external.into_iter().for_each(|topic| self.name("topic", topic));
    }

    /// The topic made of a name that is fine by itself may still be too long.
    fn made(&mut self, what: &'static str, application: &str, name: &str, suffix: &str) {
        if objection(name).is_none() && objection(application).is_none() {
            self.name(what, &format!("{application}-{name}{suffix}"));
        }
    }

    fn name(&mut self, what: &'static str, name: &str) {
        if let Some(why) = objection(name) {
            self.errors.push(TopologyError::IllegalName { what, name: name.to_owned(), why });
        }
    }

    fn unique<'n>(&mut self, what: &'static str, names: impl Iterator<Item = &'n str>) {
        let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
        for name in names {
            let times = seen.entry(name).or_default();
            *times += 1;
            match *times {
                1 => self.name(what, name),
                2 => self.errors.push(TopologyError::DuplicateName { what, name: name.to_owned() }),
                _ => {}
            }
        }
    }

    fn edges(&mut self) {
        for (number, node) in self.topology.nodes.iter().enumerate() {
            let is_source = matches!(node.kind, NodeKind::Source { .. });
            if is_source != node.parents.is_empty() {
                let why =
                    if is_source { "a source cannot stand behind another node" } else { "nothing feeds it" };
                self.edge(node, why.to_owned());
            }
            for &parent in &node.parents {
                self.parent(number, node, parent);
            }
            for &child in &node.children {
                let known =
                    self.topology.nodes.get(child).is_some_and(|child| child.parents.contains(&number));
                if !known {
                    self.edge(node, format!("node number {child} stands behind it but does not know it"));
                }
            }
        }
    }

    fn parent(&mut self, number: usize, node: &NodeDef, parent: usize) {
        if parent == number {
            return self.edge(node, "it stands behind itself".to_owned());
        }
        let Some(before) = self.topology.nodes.get(parent) else {
            return self.edge(node, format!("it stands behind node number {parent}, which was never added"));
        };
        if matches!(before.kind, NodeKind::Sink { .. }) {
            self.edge(
                node,
                format!("it stands behind sink {:?}, and nothing comes out of a sink", before.name),
            );
        }
        if !before.children.contains(&number) {
            self.edge(node, format!("it stands behind {:?}, which does not know it", before.name));
        }
        if before.global != node.global {
            let (what, why) = (node.name.clone(), format!("its parent is {:?}", before.name));
            self.errors.push(TopologyError::GlobalMixed { what: format!("{what:?} or its parent"), why });
        }
    }

    fn edge(&mut self, node: &NodeDef, why: String) {
        self.errors.push(TopologyError::Edge { node: node.name.clone(), why });
    }

    fn stores(&mut self) {
        let mut used = vec![false; self.topology.stores.len()];
        for node in &self.topology.nodes {
            let NodeKind::Processor { stores } = &node.kind else { continue };
            for &store in stores {
                let Some(def) = self.topology.stores.get(store) else {
                    self.errors.push(TopologyError::UnknownStore { node: node.name.clone(), store });
                    continue;
                };
                used[store] = true;
                let (node_name, store) = (node.name.clone(), def.spec.name.clone());
                if def.global && !node.global {
                    self.errors.push(TopologyError::GlobalStoreConnected { node: node_name, store });
                } else if node.global && !def.global {
                    let why = format!("it writes store {store:?}, which belongs to tasks");
                    self.errors.push(TopologyError::GlobalMixed { what: format!("{node_name:?}"), why });
                }
            }
        }
        for (store, _) in self.topology.stores.iter().zip(used).filter(|(_, used)| !used) {
            self.errors.push(TopologyError::UnusedStore { store: store.spec.name.clone() });
        }
    }

    fn sources(&mut self) {
        let mut readers: BTreeMap<&TopicRef, &str> = BTreeMap::new();
        for node in &self.topology.nodes {
            let NodeKind::Source { topics, .. } = &node.kind else { continue };
            if topics.is_empty() {
                self.edge(node, "it reads no topic".to_owned());
            }
            for topic in topics {
                if let Some(first) = readers.insert(topic, &node.name) {
                    let (first, second) = (first.to_owned(), node.name.clone());
                    let topic = topic.name.to_string();
                    self.errors.push(TopologyError::TopicReadTwice { topic, first, second });
                }
            }
        }
        self.errors.extend(self.topology.read_by_name_and_by_pattern());
        if readers.is_empty() {
            self.errors.push(TopologyError::NoSource);
        }
    }

    fn changelogs(&mut self) {
        for sub in self.topology.sub_topologies() {
            for store in sub.stores.iter().map(|store| &self.topology.stores[*store]) {
                let Changelog::Source(topic) = &store.changelog else { continue };
                if !sub.sources.contains(topic) {
                    let (store, topic) = (store.spec.name.clone(), topic.name.to_string());
                    self.errors.push(TopologyError::ForeignChangelog { store, topic });
                }
            }
        }
    }

    fn circles(&mut self) {
        if let Some(circle) = cycle::find(self.topology) {
            let nodes = circle.into_iter().map(|node| self.topology.nodes[node].name.clone()).collect();
            self.errors.push(TopologyError::Cycle { nodes });
        }
    }

    fn internal_topics(&mut self) {
        let (mut read, mut written) = (BTreeSet::new(), BTreeSet::new());
        for node in &self.topology.nodes {
            match &node.kind {
                NodeKind::Source { topics, .. } => read.extend(topics),
                NodeKind::Sink { topic: SinkTopic::Static(topic) } => {
                    written.insert(topic);
                }
                NodeKind::Sink { .. } | NodeKind::Processor { .. } => {}
            }
        }
        let declared: BTreeSet<&TopicRef> =
            self.topology.repartitions.iter().map(|made| &made.topic).collect();
        for made in &self.topology.repartitions {
            let few = made.partitions.filter(|count| *count < 1);
            let objections = [
                (!written.contains(&made.topic)).then(|| "nothing writes it".to_owned()),
                (!read.contains(&made.topic)).then(|| "nothing reads it".to_owned()),
                few.map(|count| format!("it cannot have {count} partitions")),
                (!made.topic.internal).then(|| "it is declared like a topic of the outside".to_owned()),
            ];
            objections.into_iter().flatten().for_each(|why| self.internal_topic(&made.topic, why));
        }
        let strangers: Vec<&TopicRef> = read
            .union(&written)
            .filter(|topic| topic.internal && !declared.contains(**topic))
            .copied()
            .collect();
        strangers
            .into_iter()
            .for_each(|topic| self.internal_topic(topic, "it was never declared".to_owned()));
    }

    fn internal_topic(&mut self, topic: &TopicRef, why: String) {
        self.errors.push(TopologyError::InternalTopic { topic: topic.name.to_string(), why });
    }

    fn partners(&mut self) {
        let read: BTreeSet<&TopicRef> = self.topology.source_topics().collect();
        for group in &self.topology.copartitioned {
            for topic in group.topics.iter().filter(|topic| !read.contains(*topic)) {
                let (operator, topic) = (group.operator.clone(), topic.name.to_string());
                self.errors.push(TopologyError::UnknownPartner { operator, topic });
            }
            let fixed: BTreeMap<&str, i32> =
                group.topics.iter().filter_map(|topic| self.fixed(topic)).collect();
            if fixed.values().collect::<BTreeSet<_>>().len() > 1 {
                let counts = fixed.iter().map(|(topic, count)| format!("{topic} = {count}")).collect();
                self.errors.push(TopologyError::FixedPartitions { operator: group.operator.clone(), counts });
            }
        }
    }

    fn fixed(&self, topic: &'t TopicRef) -> Option<(&'t str, i32)> {
        let made = self.topology.repartitions.iter().find(|made| made.topic == *topic)?;
        Some((&*topic.name, made.partitions?))
    }
}

impl Topology {
    /// The topics of all sources, global ones too.
    pub(crate) fn source_topics(&self) -> impl Iterator<Item = &TopicRef> {
        self.nodes.iter().flat_map(|node| match &node.kind {
            NodeKind::Source { topics, .. } => topics.as_slice(),
            NodeKind::Processor { .. } | NodeKind::Sink { .. } => &[],
        })
    }

    /// The fixed topics of all sinks.
    pub(crate) fn sink_topics(&self) -> impl Iterator<Item = &TopicRef> {
        self.nodes.iter().filter_map(|node| match &node.kind {
            NodeKind::Sink { topic: SinkTopic::Static(topic) } => Some(topic),
            NodeKind::Sink { .. } | NodeKind::Source { .. } | NodeKind::Processor { .. } => None,
        })
    }

    /// Every topic that is read or written by name.
    fn topics(&self) -> impl Iterator<Item = &TopicRef> {
        self.source_topics().chain(self.sink_topics())
    }
}
