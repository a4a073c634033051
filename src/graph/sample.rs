//! Topologies written by hand, for tests of rooms below the builder.

use std::any::Any;
use std::sync::Arc;

use topo_state::{Backend, CodecRef, KeyValueStore, Store, StoreKind, StoreSpec, i64_be, utf8};

use super::Naming;
use super::OffsetReset;
use super::node::{Changelog, NodeDef, NodeKind, RepartitionDef, SinkTopic, StoreDef, TopicRef, Topology};
use crate::fault::Fault;
use crate::processor::{Erased, Hop, Node, Processor, Punctuation};

/// Collects nodes by name.
pub(crate) struct Sample(Topology);

/// A node that passes on whatever it would get, that is: nothing, since nobody runs it.
struct Inert;

impl Node for Inert {
    fn init(&mut self, _hop: Hop<'_>) -> Result<(), Fault> {
        Ok(())
    }
    fn process(&mut self, _input: &mut dyn Any, _hop: Hop<'_>) -> Result<(), Fault> {
        Ok(())
    }
    fn punctuate(&mut self, _event: Punctuation, _hop: Hop<'_>) -> Result<(), Fault> {
        Ok(())
    }
}

impl Sample {
    pub(crate) fn new() -> Self {
        Self(Topology { name: "app".into(), ..Topology::default() })
    }

    pub(crate) fn topology(&self) -> Topology {
        self.0.clone()
    }

    /// For tests that break what this builder gets right.
    pub(crate) fn inner(&mut self) -> &mut Topology {
        &mut self.0
    }

    pub(crate) fn topic(&self, name: &str) -> TopicRef {
        let internal = self.0.repartitions.iter().any(|made| &*made.topic.name == name);
        TopicRef { name: name.into(), internal }
    }

    pub(crate) fn source(&mut self, name: &str, topics: &[&str]) {
        self.running_source(name, topics, || Inert);
    }

    pub(crate) fn running_source<N: Node + 'static>(
        &mut self,
        name: &str,
        topics: &[&str],
        make: impl Fn() -> N + Send + Sync + 'static,
    ) {
        let topics = topics.iter().map(|topic| self.topic(topic)).collect();
        self.node(
            name,
            NodeKind::Source { topics, reset: OffsetReset::Earliest, stamper: None },
            &[],
            move |_| make(),
        );
    }

    pub(crate) fn processor(&mut self, name: &str, parents: &[&str], stores: &[&str]) {
        let kind = self.processing(stores);
        self.node(name, kind, parents, |_| Inert);
    }

    pub(crate) fn running<P: Processor>(
        &mut self,
        name: &str,
        parents: &[&str],
        stores: &[&str],
        make: impl Fn() -> P + Send + Sync + 'static,
    ) {
        let kind = self.processing(stores);
        self.node(name, kind, parents, move |_| Erased(make()));
    }

    pub(crate) fn sink(&mut self, name: &str, parents: &[&str], topic: &str) {
        self.running_sink(name, parents, topic, |_| Inert);
    }

    pub(crate) fn running_sink<N: Node + 'static>(
        &mut self,
        name: &str,
        parents: &[&str],
        topic: &str,
        make: impl Fn(Arc<str>) -> N + Send + Sync + 'static,
    ) {
        let topic = self.topic(topic);
        let kind = NodeKind::Sink { topic: SinkTopic::Static(topic.clone()) };
        self.node(name, kind, parents, move |naming: &Naming| make(naming.resolve(&topic)));
    }

    /// A timestamped store of text keys and numbers with a changelog of its own.
    pub(crate) fn store(&mut self, name: &str) -> usize {
        let (key, value): (CodecRef<String>, CodecRef<i64>) = (utf8(), i64_be());
        let spec = StoreSpec::new(name, StoreKind::KeyValue { timestamped: true }, &*key, &*value);
        let made = spec.clone();
        let make = move |index: usize, backend: Arc<dyn Backend>| -> Box<dyn Store> {
            Box::new(KeyValueStore::new(made.clone(), index, backend, key.clone(), value.clone()))
        };
        self.0.stores.push(StoreDef { spec, make: Arc::new(make), changelog: Changelog::Own, global: false });
        self.0.stores.len() - 1
    }

    pub(crate) fn repartition(&mut self, name: &str) {
        let topic = TopicRef { name: name.into(), internal: true };
        self.0.repartitions.push(RepartitionDef { topic, partitions: None });
    }

    /// A global store `name` filled from `topic` by `<name>-source` and `<name>`.
    pub(crate) fn global(&mut self, name: &str, topic: &str) -> usize {
        let store = self.store(name);
        let source = format!("{name}-source");
        self.source(&source, &[topic]);
        self.processor(name, &[source.as_str()], &[name]);
        self.make_global(&[&source, name], name);
        store
    }

    /// Declares nodes and their store global.
    pub(crate) fn make_global(&mut self, nodes: &[&str], store: &str) {
        for node in nodes {
            let number = self.number(node);
            self.0.nodes[number].global = true;
        }
        let store = self.0.store_number(store).unwrap();
        self.0.stores[store].global = true;
        self.0.stores[store].changelog = Changelog::None;
    }

    pub(crate) fn number(&self, name: &str) -> usize {
        self.0.nodes.iter().position(|node| node.name == name).unwrap()
    }

    fn processing(&self, stores: &[&str]) -> NodeKind {
        NodeKind::Processor { stores: stores.iter().map(|name| self.0.store_number(name).unwrap()).collect() }
    }

    fn node<N: Node + 'static>(
        &mut self,
        name: &str,
        kind: NodeKind,
        parents: &[&str],
        make: impl Fn(&Naming) -> N + Send + Sync + 'static,
    ) {
        let number = self.0.nodes.len();
        let parents: Vec<usize> = parents.iter().map(|parent| self.number(parent)).collect();
        for &parent in &parents {
            self.0.nodes[parent].children.push(number);
        }
        let make: super::node::MakeNode = Arc::new(move |naming| Box::new(make(naming)));
        let name = name.to_owned();
        self.0.nodes.push(NodeDef { name, kind, parents, children: Vec::new(), make, global: false });
    }
}
