//! How verbs write the edges of the graph: sources, sinks, and the topics between sub-topologies.

use topo_state::CodecRef;

use super::Builder;
use super::null_keys::NullKeys;
use super::options::Codecs;
use super::repartitioned::Repartitioned;
use super::wiring::{Rerouted, internal};
use crate::data::Data;
use crate::graph::{NodeDef, NodeKind, OffsetReset, RepartitionDef, SinkTopic, TopicRef};
use crate::ops::{KeyFilter, Sink, Source};
use crate::topic::{Partitioner, Topic, Topics};

impl Builder {
    /// Adds a source that decodes topics into records of `K` and `V`.
    pub(crate) fn source<K: Data, V: Data>(
        &self,
        name: &str,
        topics: Vec<TopicRef>,
        key: CodecRef<K::Present>,
        value: CodecRef<V::Present>,
    ) -> usize {
        let kind = NodeKind::Source { topics, reset: OffsetReset::Earliest, stamper: None };
        self.node(name, kind, &[], move |_| Source::<K, V>::new(key.clone(), value.clone()))
    }

    /// Adds a source of external topics, all read as the first of them says.
    pub(crate) fn source_of<K0: Data, V0: Data, K, V>(&self, name: &str, topics: &[&Topic<K0, V0>]) -> usize
    where
        K: Data<Present = K0::Present>,
        V: Data<Present = V0::Present>,
    {
        let Some(first) = topics.first() else {
            self.problem(name, "a stream needs at least one topic".to_owned());
            return usize::MAX;
        };
        let (key, value) = (first.key.clone(), first.value.clone());
        let node = self.source::<K, V>(name, Self::topics(topics), key, value);
        if let Some(NodeDef { kind: NodeKind::Source { reset, stamper, .. }, .. }) =
            self.wiring.borrow_mut().topology.nodes.get_mut(node)
        {
            (*reset, *stamper) = (first.reset, first.stamper());
        }
        node
    }

    /// Adds the source `<name>-source` of something global.
    pub(crate) fn global_source<K0: Data, V0: Data, K, V>(&self, name: &str, topic: &Topic<K0, V0>) -> usize
    where
        K: Data<Present = K0::Present>,
        V: Data<Present = V0::Present>,
    {
        if topic.extractor.is_some() {
            let why =
                "what every process reads in full has the timestamps of its records: no extractor is asked";
            self.problem(name, why.to_owned());
        }
        let (key, value) = (topic.key.clone(), topic.value.clone());
        self.source::<K, V>(&format!("{name}-source"), vec![Self::topic(topic)], key, value)
    }

    /// Adds a sink that encodes records of `K` and `V` for a topic.
    pub(crate) fn sink<K: Data, V: Data>(
        &self,
        name: &str,
        parents: &[usize],
        topic: TopicRef,
        codecs: Codecs<K::Present, V::Present>,
        partitioner: Option<Partitioner<K, V>>,
    ) -> usize {
        let kind = NodeKind::Sink { topic: SinkTopic::Static(topic.clone()) };
        self.node(name, kind, parents, move |naming| {
            let Codecs { key, value } = codecs.clone();
            let sink = Sink::<K, V>::new(naming.resolve(&topic), key, value);
            let sink = sink.partitioned_by(partitioner.clone());
            if topic.internal { sink } else { sink.hashing_keys_without_windows() }
        })
    }

    /// Adds a sink that asks of each record which topic it is for.
    pub(crate) fn choosing_sink<K: Data, V: Data>(&self, name: &str, parent: usize, topics: &Topics<K, V>) {
        let kind = NodeKind::Sink { topic: SinkTopic::Dynamic(topics.chooser.to_owned()) };
        let topics = topics.clone();
        self.node(name, kind, &[parent], move |_| {
            let Topics { key, value, choose, partitioner, .. } = topics.clone();
            let sink = Sink::<K, V>::choosing(choose, key, value).partitioned_by(partitioner);
            sink.hashing_keys_without_windows()
        });
    }

    /// Sends records through the topic `<name>-repartition`; those with a null key vanish unless a join behind keeps them.
    /// `automatic`: an operator needs it, nobody asked for it, so it may be merged with others.
    pub(crate) fn reroute<K: Data, V: Data>(
        &self,
        name: &str,
        parent: usize,
        how: &Repartitioned<K, V>,
        automatic: bool,
    ) -> Rerouted {
        let codecs = &how.codecs;
        let nulls = NullKeys::default();
        let kept = nulls.clone();
        let filtered = self.operator(&format!("{name}-repartition-filter"), &[parent], &[], move || {
            KeyFilter::<K, V>::new(kept.pass())
        });
        self.wiring.borrow_mut().null_keys.push((filtered, nulls));
        let topic = self.internal_topic(format!("{name}-repartition"), how.partitions);
        let sink = format!("{name}-repartition-sink");
        let sink =
            self.sink::<K, V>(&sink, &[filtered], topic.clone(), codecs.clone(), how.partitioner.clone());
        let (key, value) = (codecs.key.clone(), codecs.value.clone());
        let node =
            self.source::<K, V>(&format!("{name}-repartition-source"), vec![topic.clone()], key, value);
        if automatic {
            self.wiring.borrow_mut().mergeable.repartitions.push([filtered, sink, node]);
        }
        Rerouted { node, origins: [topic].into() }
    }

    /// Declares an internal topic that carries records from one sub-topology to another.
    pub(crate) fn internal_topic(&self, name: String, partitions: Option<i32>) -> TopicRef {
        let topic = internal(name);
        let def = RepartitionDef { topic: topic.clone(), partitions };
        self.wiring.borrow_mut().topology.repartitions.push(def);
        topic
    }
}
