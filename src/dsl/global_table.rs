//! [`GlobalTable`]: a topic that every process knows in full.

use std::sync::Arc;

use topo_state::KeyValueStore;

use super::Builder;
use super::options::KeyValue;
use crate::data::Data;
use crate::ops::{GlobalUpdate, RowsRef, StoreRows};
use crate::processor::{ReadHandle, StoreHandle};
use crate::topic::Topic;

/// A table with keys `K` and rows `V` that is complete in every process, whatever its partitions. It is not synchronised
/// with streams: a join sees what has arrived. Kafka Streams: `GlobalKTable`.
pub struct GlobalTable<'b, K, V> {
    store: StoreHandle<KeyValueStore<K, V>>,
    builder: std::marker::PhantomData<&'b Builder>,
}

impl<K, V> Clone for GlobalTable<'_, K, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, V> Copy for GlobalTable<'_, K, V> {}

impl<'b, K: Data<Present = K>, V: Data<Present = V>> GlobalTable<'b, K, V> {
    /// The nodes `<name>-source` and `name`, run once per process.
    pub(crate) fn source<K0, V0>(
        builder: &'b Builder,
        name: &str,
        topic: &Topic<K0, V0>,
        store: &KeyValue<K, V>,
    ) -> Self
    where
        K0: Data<Present = K>,
        V0: Data<Present = V>,
    {
        let declared = Builder::topic(topic);
        let source = builder.global_source::<K0, V0, Option<K>, Option<V>>(name, topic);
        let handle = builder.add_key_value(&store.clone().restored_from_source(), true, Some(declared));
        let node = builder.operator(name, &[source], &[handle.store], move || GlobalUpdate::new(handle));
        builder.make_global(&[source, node], handle.store);
        Self { store: handle, builder: std::marker::PhantomData }
    }

    /// The store of this table, for a [`Processor`](crate::Processor) that looks rows up. Every processor can read it
    /// without being connected to it; none may write it.
    /// Kafka Streams: `queryableStoreName`.
    pub fn store(&self) -> ReadHandle<KeyValueStore<K, V>> {
        self.store.read_only()
    }

    pub(crate) fn rows(&self) -> RowsRef<K, V> {
        Arc::new(StoreRows(self.store))
    }
}
