//! [`Stream`]: records as facts, one verb per file.

mod branch;
mod filter;
mod flat_map;
mod group;
mod join_global;
mod join_stream;
mod join_table;
mod map;
mod map_values;
mod merge;
mod peek;
mod print;
mod process;
mod record;
mod rekey;
mod repartition;
mod to;
mod to_table;

pub use branch::Branches;

use topo_state::CodecRef;

use super::Builder;
use super::options::Codecs;
use super::wiring::{Origins, Rerouted};
use crate::data::Data;
use crate::topic::Topic;

/// A stream of records with keys `K` and values `V`, each nullable only if its type says so.
///
/// The handle remembers whether the key *may* have changed since the records were last placed by key. A verb that
/// needs records by key then sends them through a repartition topic of its own name first. Kafka Streams: `KStream`.
#[must_use = "a stream does nothing until a verb writes it, stores it or runs a processor on it"]
pub struct Stream<'b, K: Data, V: Data> {
    pub(crate) builder: &'b Builder,
    pub(crate) node: usize,
    pub(crate) key_changed: bool,
    pub(crate) origins: Origins,
    pub(crate) key: Option<CodecRef<K::Present>>,
    pub(crate) value: Option<CodecRef<V::Present>>,
}

impl<K: Data, V: Data> Clone for Stream<'_, K, V> {
    fn clone(&self) -> Self {
        Self {
            builder: self.builder,
            node: self.node,
            key_changed: self.key_changed,
            origins: self.origins.clone(),
            key: self.key.clone(),
            value: self.value.clone(),
        }
    }
}

impl<'b, K: Data, V: Data> Stream<'b, K, V> {
    pub(crate) fn source(builder: &'b Builder, name: &str, topics: &[&Topic<K, V>]) -> Self {
        let origins: Origins = Builder::topics(topics).into();
        let node = builder.source_of::<K, V, K, V>(name, topics);
        let (key, value) = topics.first().map(|first| (first.key.clone(), first.value.clone())).unzip();
        Self { builder, node, key_changed: false, origins, key, value }
    }

    /// Says how keys and values are written, should a later verb need to repartition this stream by itself.
    ///
    /// Streams read from a topic know it; verbs that change the type of key or value forget it.
    /// Kafka Streams: the serdes of `Grouped`, `Joined` and `Repartitioned`.
    pub fn with_codecs(mut self, codecs: Codecs<K::Present, V::Present>) -> Self {
        self.key = Some(codecs.key);
        self.value = Some(codecs.value);
        self
    }

    /// The handle of a node behind this one that leaves keys and values as they are.
    pub(crate) fn same(&self, node: usize) -> Self {
        Self { node, ..self.clone() }
    }

    /// The handle of a node behind this one that gives records of another form.
    pub(crate) fn next<K2: Data, V2: Data>(
        &self,
        node: usize,
        key_changed: bool,
        key: Option<CodecRef<K2::Present>>,
        value: Option<CodecRef<V2::Present>>,
    ) -> Stream<'b, K2, V2> {
        let mergeable = &mut self.builder.wiring.borrow_mut().mergeable;
        let steps = if key_changed { &mut mergeable.key_changing } else { &mut mergeable.value_changing };
        steps.push(node);
        let key_changed = self.key_changed || key_changed;
        Stream { builder: self.builder, node, key_changed, origins: self.origins.clone(), key, value }
    }

    /// How the operator `name` writes keys and values of this stream.
    pub(crate) fn codecs_for(&self, name: &str) -> Option<Codecs<K::Present, V::Present>> {
        let codecs = self.key.clone().zip(self.value.clone());
        if codecs.is_none() {
            let why = "nothing says how the records of its input are written: call `with_codecs` on it";
            self.builder.problem(name, why.to_owned());
        }
        codecs.map(|(key, value)| Codecs { key, value })
    }

    /// Places the records by key for the operator `name`, if the key may have changed.
    pub(crate) fn by_key(&self, name: &str) -> Rerouted {
        if !self.key_changed {
            return Rerouted { node: self.node, origins: self.origins.clone() };
        }
        let (Some(key), Some(value)) = (self.key.clone(), self.value.clone()) else {
            let why = "its input may have changed its key, so it must be repartitioned, but nothing says how to write \
                       it: call `with_codecs` or `repartition` before";
            self.builder.problem(name, why.to_owned());
            return Rerouted { node: self.node, origins: self.origins.clone() };
        };
        self.builder.reroute::<K, V>(name, self.node, &Codecs::new(key, value).into(), true)
    }
}
