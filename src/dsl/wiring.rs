//! How verbs write the graph: nodes, stores and internal topics, by name.

use std::sync::Arc;

use topo_state::{Backend, KeyValueStore, Store, StoreKind, StoreSpec, VersionedStore, bytes};

use super::Builder;
use super::options::{Backing, Codecs, KeyValue};
use crate::data::{Change, Data};
use crate::fault::Fault;
use crate::graph::{
    Changelog, CopartitionGroup, MakeStore, Naming, NodeDef, NodeKind, StoreDef, TopicRef, TopologyError,
};
use crate::ops::{Each, Expiring, Expiry, PerCommit, TableStore, Upkeep, Waits};
use crate::processor::{Context, DueIndex, Erased, Node, Processor, SharedTime, StoreHandle};
use crate::record::Record;
use crate::topic::Topic;

/// The topics whose partitions decide where a handle's records are: what must be co-partitioned in a join.
pub(crate) type Origins = Arc<[TopicRef]>;

/// An internal repartition topic that has been wired: the node to read it from and where its records come from.
pub(crate) struct Rerouted {
    pub(crate) node: usize,
    pub(crate) origins: Origins,
}

pub(crate) fn external(name: &Arc<str>) -> TopicRef {
    TopicRef { name: name.clone(), internal: false }
}

pub(crate) fn internal(name: impl Into<Arc<str>>) -> TopicRef {
    TopicRef { name: name.into(), internal: true }
}

/// A processor with the stores of these numbers, each named once.
fn with_stores(stores: &[usize]) -> NodeKind {
    let mut named = Vec::new();
    for store in stores {
        if !named.contains(store) {
            named.push(*store);
        }
    }
    NodeKind::Processor { stores: named }
}

impl Builder {
    /// Adds a node behind its parents.
    pub(crate) fn node<N: Node + 'static>(
        &self,
        name: &str,
        kind: NodeKind,
        parents: &[usize],
        make: impl Fn(&Naming) -> N + Send + Sync + 'static,
    ) -> usize {
        let mut wiring = self.wiring.borrow_mut();
        let number = wiring.topology.nodes.len();
        for &parent in parents {
            wiring.topology.nodes[parent].children.push(number);
        }
        wiring.topology.nodes.push(NodeDef {
            name: name.to_owned(),
            kind,
            parents: parents.to_vec(),
            children: Vec::new(),
            make: Arc::new(move |naming| Box::new(make(naming))),
            global: false,
        });
        number
    }

    /// Adds a processor with the stores of these numbers.
    pub(crate) fn operator<P: Processor>(
        &self,
        name: &str,
        parents: &[usize],
        stores: &[usize],
        make: impl Fn() -> P + Send + Sync + 'static,
    ) -> usize {
        let kind = with_stores(stores);
        self.node(name, kind, parents, move |_| Erased(make()))
    }

    /// Adds a processor that keeps a table. `upkeep` says what else is done with its rows.
    pub(crate) fn table_operator<P, A>(
        &self,
        name: &str,
        parents: &[usize],
        stores: &[usize],
        upkeep: impl Fn() -> Upkeep<P::KeyOut, A> + Send + Sync + 'static,
        make: impl Fn() -> P + Send + Sync + 'static,
    ) -> usize
    where
        P: Processor<ValueOut = Change<A>>,
        P::KeyIn: Data<Present = P::KeyOut>,
        P::KeyOut: Data<Present = P::KeyOut>,
        A: Data,
    {
        self.node(name, with_stores(stores), parents, move |_| {
            let Upkeep { waits, expiry } = upkeep();
            PerCommit::new(Expiring::new(make(), expiry), waits)
        })
    }

    /// Adds one of several processors that keep one table. What else is done with its rows is done by each of them; where
    /// their updates meet, they wait if they must.
    pub(crate) fn partial_operator<P, A>(
        &self,
        name: &str,
        parent: usize,
        stores: &[usize],
        expiry: Option<Expiry<P::KeyOut, A>>,
        make: impl Fn() -> P + Send + Sync + 'static,
    ) -> usize
    where
        P: Processor<ValueOut = Change<A>>,
        P::KeyIn: Data<Present = P::KeyOut>,
        P::KeyOut: Data<Present = P::KeyOut>,
        A: Data,
    {
        self.operator(name, &[parent], stores, move || Expiring::new(make(), expiry.clone()))
    }

    /// Adds a processor whose updates may wait for the commit, and does nothing else with rows: they are kept in windows, or
    /// elsewhere.
    pub(crate) fn telling_operator<P, A>(
        &self,
        name: &str,
        parents: &[usize],
        stores: &[usize],
        waits: Option<Waits<P::KeyOut>>,
        make: impl Fn() -> P + Send + Sync + 'static,
    ) -> usize
    where
        P: Processor<ValueOut = Change<A>>,
        P::KeyOut: Data<Present = P::KeyOut>,
        A: Data,
    {
        self.node(name, with_stores(stores), parents, move |_| PerCommit::new(make(), waits.clone()))
    }

    /// Adds a processor that is one function without stores.
    pub(crate) fn each<KI: Data, VI: Data, KO: Data, VO: Data>(
        &self,
        name: &str,
        parent: usize,
        work: impl Fn(Record<KI, VI>, &mut Context<'_, '_, KO, VO>) -> Result<(), Fault> + Send + Sync + 'static,
    ) -> usize {
        let work = Arc::new(work);
        self.operator(name, &[parent], &[], move || Each::new(work.clone()))
    }

    /// Adds a time that several nodes of one operator share, such as its stream time (`shared`). No node can have a name like
    /// it.
    pub(crate) fn shared_time(&self, operator: &str, what: &str) -> SharedTime {
        let times = &mut self.wiring.borrow_mut().topology.times;
        times.push(format!("{operator}/{what}"));
        SharedTime(times.len() - 1)
    }

    /// Declares that records of these handles meet by key.
    pub(crate) fn copartition(&self, operator: &str, sides: &[&Origins]) {
        let mut topics: Vec<TopicRef> = sides.iter().flat_map(|origins| origins.iter().cloned()).collect();
        topics.sort();
        topics.dedup();
        if topics.len() > 1 {
            let group = CopartitionGroup { operator: operator.to_owned(), topics };
            self.wiring.borrow_mut().topology.copartitioned.push(group);
        }
    }

    /// Adds a typed store.
    pub(crate) fn add_store<S: Store>(
        &self,
        spec: StoreSpec,
        changelog: Changelog,
        make: impl Fn(StoreSpec, usize, Arc<dyn Backend>) -> S + Send + Sync + 'static,
    ) -> StoreHandle<S> {
        let in_memory = spec.in_memory || self.in_memory;
        let spec = spec.in_memory(in_memory);
        let mut wiring = self.wiring.borrow_mut();
        let number = wiring.topology.stores.len();
        let declared = spec.clone();
        let make: MakeStore = Arc::new(move |index, backend| {
            Box::new(make(declared.clone(), index, backend)) as Box<dyn Store>
        });
        wiring.topology.stores.push(StoreDef { spec, make, changelog, global: false });
        StoreHandle::new(number)
    }

    /// Gives a store that was declared another face.
    pub(crate) fn make_as<S: Store>(
        &self,
        store: usize,
        make: impl Fn(StoreSpec, usize, Arc<dyn Backend>) -> S + Send + Sync + 'static,
    ) -> StoreHandle<S> {
        let declared = &mut self.wiring.borrow_mut().topology.stores[store];
        let spec = declared.spec.clone();
        declared.make =
            Arc::new(move |index, backend| Box::new(make(spec.clone(), index, backend)) as Box<dyn Store>);
        StoreHandle::new(store)
    }

    /// Adds a key-value store; `source` is the topic it would be a copy of.
    pub(crate) fn add_key_value<K: Clone + Send + Sync + 'static, V: Clone + Send + Sync + 'static>(
        &self,
        store: &KeyValue<K, V>,
        timestamped: bool,
        source: Option<TopicRef>,
    ) -> StoreHandle<KeyValueStore<K, V>> {
        let mut store = store.clone();
        if store.history_ms.take().is_some() {
            let why = "only tables keep a history; for a processor there is `versioned_store`".to_owned();
            self.problem(&store.name, why);
        }
        if store.ttl.take().is_some() {
            let why =
                "only the rows of tables expire by themselves; for a processor there is `expiring_store`";
            self.problem(&store.name, why.to_owned());
        }
        let changelog = self.changelog(&store, source);
        let Codecs { key, value } = store.codecs();
        self.add_store(store.spec(timestamped), changelog, move |spec, index, backend| {
            KeyValueStore::new(spec, index, backend, key.clone(), value.clone())
        })
    }

    /// Adds a store of rows over time.
    pub(crate) fn add_versioned<K: Data, V: Data>(
        &self,
        store: &KeyValue<K, V>,
        source: Option<TopicRef>,
    ) -> StoreHandle<VersionedStore<K, V>> {
        if let Some(history_ms) = store.history_ms.filter(|history_ms| *history_ms < 0) {
            self.problem(&store.name, format!("a history of {history_ms} ms is negative"));
        }
        if store.ttl.is_some() {
            let why = "a table with a history forgets by it: a time to live is not for it".to_owned();
            self.problem(&store.name, why);
        }
        if store.per_commit {
            let why =
                "a table with a history sends every update on: `emit_per_commit` is not for it".to_owned();
            self.problem(&store.name, why);
        }
        let changelog = self.changelog(store, source);
        let (Codecs { key, value }, mut spec) = (store.codecs(), store.spec(false));
        spec.kind = StoreKind::Versioned { history_ms: store.history_ms.unwrap_or_default() };
        self.add_store(spec, changelog, move |spec, index, backend| {
            VersionedStore::new(spec, index, backend, key.clone(), value.clone())
        })
    }

    /// Adds the store of a table: of its newest rows, or of a history when it asks for one.
    pub(crate) fn add_table_store<K: Data, V: Data>(
        &self,
        store: &KeyValue<K, V>,
        source: Option<TopicRef>,
    ) -> TableStore<K, V> {
        match store.history_ms {
            Some(_) => TableStore::Versioned(self.add_versioned(store, source)),
            None => {
                let plain = KeyValue { ttl: None, ..store.clone() };
                TableStore::Plain(self.add_key_value(&plain, true, source))
            }
        }
    }

    /// What else is done with the rows of a table that is kept in this store: adds the index of those that expire.
    pub(crate) fn upkeep<K: Data, V: Data>(
        &self,
        store: &KeyValue<K, V>,
        kept: TableStore<K, V>,
    ) -> Upkeep<K, V> {
        let waits = store.waits();
        let (Some(ttl), TableStore::Plain(rows)) = (store.ttl, kept) else {
            return Upkeep { waits, expiry: None };
        };
        if ttl.ms < 1 {
            self.problem(&store.name, format!("a time to live of {} ms is none", ttl.ms));
        }
        if store.backing == Backing::SourceTopic {
            let why = "its topic does not say which rows have expired: with a time to live it needs its own changelog";
            self.problem(&store.name, why.to_owned());
        }
        let index = self.due_index(store);
        let (ttl_ms, clock) = (ttl.ms, ttl.clock);
        let expiry = Expiry { rows, index, key: store.key.clone(), ttl_ms, clock, shared: false };
        Upkeep { waits, expiry: Some(expiry) }
    }

    /// Adds the index of when rows of a store are due.
    pub(crate) fn due_index<K: 'static, V: 'static>(&self, store: &KeyValue<K, V>) -> StoreHandle<DueIndex> {
        let plain = KeyValue::new(format!("{}-expiry", store.name), bytes(), bytes());
        let backing = if store.backing == Backing::Nothing { Backing::Nothing } else { plain.backing };
        let index = KeyValue { backing, in_memory: store.in_memory, ..plain };
        self.add_key_value(&index, false, None)
    }

    fn changelog<K, V>(&self, store: &KeyValue<K, V>, source: Option<TopicRef>) -> Changelog {
        match (store.backing, source) {
            (Backing::Changelog, _) => Changelog::Own,
            (Backing::Nothing, _) => Changelog::None,
            (Backing::SourceTopic, Some(topic)) => Changelog::Source(topic),
            (Backing::SourceTopic, None) => {
                let why = "only the store of a table that reads a topic can be restored from it".to_owned();
                self.problem(&store.name, why);
                Changelog::Own
            }
        }
    }

    /// Connects one more store to a processor.
    pub(crate) fn connect_store(&self, node: usize, store: usize) {
        if let NodeKind::Processor { stores } = &mut self.wiring.borrow_mut().topology.nodes[node].kind {
            stores.push(store);
        }
    }

    /// Marks a node, or a store, as part of a global table.
    pub(crate) fn make_global(&self, nodes: &[usize], store: usize) {
        let mut wiring = self.wiring.borrow_mut();
        for &node in nodes {
            wiring.topology.nodes[node].global = true;
        }
        wiring.topology.stores[store].global = true;
    }

    /// Remembers what is wrong with an operator or store, for `build`.
    pub(crate) fn problem(&self, name: &str, why: String) {
        self.wiring.borrow_mut().problems.push(TopologyError::Wiring { name: name.to_owned(), why });
    }

    /// The declared topic of a typed one.
    pub(crate) fn topic<K: Data, V: Data>(topic: &Topic<K, V>) -> TopicRef {
        external(&topic.name)
    }
}
