//! [`Table`]: the newest value per key, as a flow of updates. One verb per file.

mod changes_only;
mod filter;
mod fk_join;
mod group_by;
mod join;
mod map_values;
mod stored;
mod suppress;
mod to_stream;
mod transform_values;

use std::sync::Arc;

use topo_state::{CodecRef, KeyValueStore};

use super::Builder;
use super::options::{Codecs, KeyValue};
use super::wiring::Origins;
use crate::data::Data;
use crate::ops::{Kept, NoRows, OldWanted, Olds, RowsRef, StoreRows, TableStore, TableUpdate, VersionedRows};
use crate::processor::{ReadHandle, StoreHandle};
use crate::topic::Topic;

/// A table with keys `K` and rows `V`, neither ever null: an absent row is no row.
///
/// A table is either stored, or a view that computes a row from the tables below it when one is asked for;
/// [`stored`](Self::stored) turns a view into a stored table. Kafka Streams: `KTable`.
#[must_use = "a table made by a verb does nothing until another verb uses it"]
pub struct Table<'b, K, V> {
    pub(crate) builder: &'b Builder,
    pub(crate) node: usize,
    pub(crate) origins: Origins,
    /// How to look up a row; `None` when nothing below keeps rows.
    pub(crate) rows: Option<RowsRef<K, V>>,
    /// The stores that a lookup reads.
    pub(crate) stores: Vec<usize>,
    /// Whom to tell that old rows are wanted in updates.
    pub(crate) olds: Olds,
    /// Whether updates can carry the old row.
    pub(crate) knows_old: bool,
    /// Whether a filter asks for old rows by itself: true of copies of topics and streams, not of aggregations.
    pub(crate) looks_back: bool,
    /// The grace of the windows in the key, if this is a windowed aggregation or a view of one.
    pub(crate) grace_ms: Option<i64>,
    /// Where `stored` puts the store of a view.
    pub(crate) kept: Option<Kept<K, V>>,
    pub(crate) store: Option<StoreHandle<KeyValueStore<K, V>>>,
    pub(crate) key: Option<CodecRef<K>>,
    pub(crate) value: Option<CodecRef<V>>,
    /// Where rows are, unless where the hash of their key says.
    pub(crate) place: Option<Place<K>>,
}

/// Says in which of so many partitions a key is.
pub(crate) type Place<K> = Arc<dyn Fn(&K, i32) -> i32 + Send + Sync>;

impl<K, V> Clone for Table<'_, K, V> {
    fn clone(&self) -> Self {
        Self {
            builder: self.builder,
            node: self.node,
            origins: self.origins.clone(),
            rows: self.rows.clone(),
            stores: self.stores.clone(),
            olds: self.olds.clone(),
            knows_old: self.knows_old,
            looks_back: self.looks_back,
            grace_ms: self.grace_ms,
            kept: self.kept.clone(),
            store: self.store,
            key: self.key.clone(),
            value: self.value.clone(),
            place: self.place.clone(),
        }
    }
}

impl<'b, K: Data<Present = K>, V: Data<Present = V>> Table<'b, K, V> {
    /// The same handle for a copy of a topic or stream.
    pub(crate) fn looking_back(mut self) -> Self {
        // A table with a history tells views everything, as Kafka Streams does.
        self.looks_back = !self.has_history();
        self
    }

    /// Whether rows as of an earlier time can be looked up.
    pub(crate) fn has_history(&self) -> bool {
        self.rows.as_ref().is_some_and(|rows| rows.history_ms().is_some())
    }

    /// The store of this table, for a [`Processor`](crate::Processor) that looks rows up; `None` for a view
    /// and for a table with a history. The processor is connected to it like to any other and cannot write it. Kafka Streams:
    /// `queryableStoreName`, `connectProcessorAndStateStores`.
    pub fn store(&self) -> Option<ReadHandle<KeyValueStore<K, V>>> {
        self.store.map(StoreHandle::read_only)
    }

    /// A table read from a topic: nodes `<name>-source` and `name`.
    pub(crate) fn source<K0, V0>(
        builder: &'b Builder,
        name: &str,
        topic: &Topic<K0, V0>,
        store: Option<&KeyValue<K, V>>,
    ) -> Self
    where
        K0: Data<Present = K>,
        V0: Data<Present = V>,
    {
        let declared = Builder::topic(topic);
        let (key, value) = (topic.key.clone(), topic.value.clone());
        let source = builder.source_of::<K0, V0, Option<K>, Option<V>>(&format!("{name}-source"), &[topic]);
        let origins: Origins = [declared.clone()].into();
        if let Some(store) = store {
            let store = store.clone().copying(&*key, &*value, topic.stamper().is_none(), builder);
            let kept = builder.add_table_store(&store, Some(declared));
            let upkeep = builder.upkeep(&store, kept);
            return Self::stored_by(builder, origins, &store, kept, |old| {
                builder.table_operator(
                    name,
                    &[source],
                    &upkeep.stores(kept.number()),
                    {
                        let upkeep = upkeep.clone();
                        move || upkeep.clone()
                    },
                    move || TableUpdate::<Option<K>, Option<V>>::new(Some(kept), old.wanted()),
                )
            })
            .looking_back();
        }
        let node =
            builder.operator(name, &[source], &[], || TableUpdate::<Option<K>, Option<V>>::new(None, false));
        let view = Self::view(builder, node, origins, None);
        view.with_codecs(Codecs { key, value })
    }

    /// A table that nothing keeps, unless `kept` is filled.
    pub(crate) fn view(
        builder: &'b Builder,
        node: usize,
        origins: Origins,
        kept: Option<Kept<K, V>>,
    ) -> Self {
        Self {
            builder,
            node,
            origins,
            rows: None,
            stores: Vec::new(),
            olds: Olds::default(),
            knows_old: false,
            looks_back: false,
            grace_ms: None,
            kept,
            store: None,
            key: None,
            value: None,
            place: None,
        }
    }

    /// A table that the node made by `wire` keeps in a store.
    pub(crate) fn stored_by(
        builder: &'b Builder,
        origins: Origins,
        codecs: &KeyValue<K, V>,
        store: TableStore<K, V>,
        wire: impl FnOnce(OldWanted) -> usize,
    ) -> Self {
        let old = OldWanted::default();
        let node = wire(old.clone());
        if codecs.per_commit {
            old.want();
        }
        let Codecs { key, value } = codecs.codecs();
        Self {
            builder,
            node,
            origins,
            rows: Some(rows_of(store, codecs.history_ms)),
            stores: vec![store.number()],
            olds: Olds::of(old),
            knows_old: true,
            looks_back: false,
            grace_ms: None,
            kept: None,
            store: plain(store),
            key: Some(key),
            value: Some(value),
            place: None,
        }
    }

    /// Says how keys and rows are written, should a later verb need it: a view of a new form does not know.
    /// Kafka Streams: the serdes of `Materialized` and `Grouped`.
    pub fn with_codecs(mut self, codecs: Codecs<K, V>) -> Self {
        (self.key, self.value) = (Some(codecs.key), Some(codecs.value));
        self
    }

    /// How the operator `name` writes keys and rows of this table.
    pub(crate) fn codecs_for(&self, name: &str) -> Option<Codecs<K, V>> {
        let codecs = self.key.clone().zip(self.value.clone());
        if codecs.is_none() {
            let why =
                "nothing says how the rows of its input are written: call `stored` or `with_codecs` on it";
            self.builder.problem(name, why.to_owned());
        }
        codecs.map(|(key, value)| Codecs { key, value })
    }

    /// How to look rows up for the operator `name`, and the stores that takes.
    pub(crate) fn rows(&self, name: &str) -> (RowsRef<K, V>, Vec<usize>) {
        match &self.rows {
            Some(rows) => (rows.clone(), self.stores.clone()),
            None => {
                let why = "it must look up rows of a table that nothing keeps: give that table a store";
                self.builder.problem(name, why.to_owned());
                (Arc::new(NoRows), Vec::new())
            }
        }
    }

    /// Makes updates carry the old row, for the operator `name`.
    pub(crate) fn want_old(&self, name: &str) {
        if !self.knows_old {
            let why = "it needs the old rows of a table that nothing keeps: give that table a store";
            self.builder.problem(name, why.to_owned());
        }
        self.olds.want();
    }
}

/// How to look up the rows of a store.
pub(crate) fn rows_of<K: Data<Present = K>, V: Data<Present = V>>(
    store: TableStore<K, V>,
    history_ms: Option<i64>,
) -> RowsRef<K, V> {
    match store {
        TableStore::Plain(store) => Arc::new(StoreRows(store)),
        TableStore::Versioned(store) => {
            Arc::new(VersionedRows { store, history_ms: history_ms.unwrap_or_default() })
        }
    }
}

/// The store of newest rows, if it is one.
pub(crate) fn plain<K, V>(store: TableStore<K, V>) -> Option<StoreHandle<KeyValueStore<K, V>>> {
    match store {
        TableStore::Plain(store) => Some(store),
        TableStore::Versioned(_) => None,
    }
}
