//! `count`, `reduce`, `aggregate` on a stream: one get, one put.

use std::marker::PhantomData;
use std::sync::Arc;

use topo_state::KeyValueStore;

use super::Types;
use super::keep::put_row;
use crate::data::{Change, Data};
use crate::fault::Fault;
use crate::processor::{Context, Processor, StoreHandle};
use crate::record::Record;

/// What an aggregate is before its first record. Kafka Streams shows this as the old row of the first update, where a
/// reduction shows none.
pub(crate) type Init<A> = dyn Fn() -> Option<A> + Send + Sync;

/// Folds each record into its key's aggregate. Null keys and null values are dropped; the result has the latest of all
/// timestamps that went into the aggregate; an aggregate that becomes null is deleted.
pub(crate) struct Aggregate<K: Data, V: Data, A, F> {
    store: StoreHandle<KeyValueStore<K::Present, A>>,
    fold: Arc<F>,
    old: Option<Arc<Init<A>>>,
    types: Types<(K, V)>,
}

impl<K: Data, V: Data, A, F> Aggregate<K, V, A, F> {
    /// `old` is given when updates must carry old rows.
    pub(crate) fn new(
        store: StoreHandle<KeyValueStore<K::Present, A>>,
        fold: Arc<F>,
        old: Option<Arc<Init<A>>>,
    ) -> Self {
        Self { store, fold, old, types: PhantomData }
    }
}

impl<K: Data, V: Data, A: Data, F> Processor for Aggregate<K, V, A, F>
where
    F: Fn(&K::Present, V::Present, Option<A>) -> Option<A> + Send + Sync + 'static,
{
    type KeyIn = K;
    type ValueIn = V;
    type KeyOut = K::Present;
    type ValueOut = Change<A>;

    fn process(
        &mut self,
        record: Record<K, V>,
        ctx: &mut Context<'_, '_, K::Present, Change<A>>,
    ) -> Result<(), Fault> {
        let Record { key, value, timestamp: arrived, headers } = record;
        let (Some(key), Some(value)) = (key.present(), value.present()) else {
            ctx.dropped_because("null_key_or_value");
            return Ok(());
        };
        let store = ctx.store(self.store)?;
        let (before, timestamp) = match store.get(&key)? {
            Some(row) => (Some(row.value.clone()), row.timestamp.max(arrived)),
            None => (None, arrived),
        };
        let old = self.old.as_ref().and_then(|init| before.clone().or_else(|| init()));
        let new = (self.fold)(&key, value, before);
        // A deletion goes to the changelog with the time of the record that caused it.
        put_row(store, &key, new.clone(), if new.is_some() { timestamp } else { arrived })?;
        ctx.forward(Record { key, value: Change { old, new }, timestamp, headers })
    }
}
