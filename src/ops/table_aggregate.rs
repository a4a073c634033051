//! `count`, `reduce`, `aggregate` on a regrouped table.

use std::marker::PhantomData;
use std::sync::Arc;

use topo_state::KeyValueStore;

use super::Types;
use super::keep::put_row;
use crate::data::{Change, Data};
use crate::fault::Fault;
use crate::processor::{Context, Processor, StoreHandle};
use crate::record::Record;

/// Takes the old row out of its group's aggregate and puts the new one in, as one update. Where there is no aggregate
/// nothing is taken out, but the result goes on all the same.
pub(crate) struct TableAggregate<K, V, A, Add, Sub> {
    store: StoreHandle<KeyValueStore<K, A>>,
    add: Arc<Add>,
    subtract: Arc<Sub>,
    old: bool,
    types: Types<V>,
}

impl<K, V, A, Add, Sub> TableAggregate<K, V, A, Add, Sub> {
    pub(crate) fn new(
        store: StoreHandle<KeyValueStore<K, A>>,
        add: Arc<Add>,
        subtract: Arc<Sub>,
        old: bool,
    ) -> Self {
        Self { store, add, subtract, old, types: PhantomData }
    }
}

impl<K: Data, V: Data, A: Data, Add, Sub> Processor for TableAggregate<K, V, A, Add, Sub>
where
    Add: Fn(&K, V, Option<A>) -> Option<A> + Send + Sync + 'static,
    Sub: Fn(&K, V, A) -> Option<A> + Send + Sync + 'static,
{
    type KeyIn = K;
    type ValueIn = Change<V>;
    type KeyOut = K;
    type ValueOut = Change<A>;

    fn process(
        &mut self,
        record: Record<K, Change<V>>,
        ctx: &mut Context<'_, '_, K, Change<A>>,
    ) -> Result<(), Fault> {
        let Record { key, value, timestamp: arrived, headers } = record;
        let store = ctx.store(self.store)?;
        let (before, timestamp) = match store.get(&key)? {
            Some(row) => (Some(row.value.clone()), row.timestamp.max(arrived)),
            None => (None, arrived),
        };
        let old = if self.old { before.clone() } else { None };
        let remaining = match (value.old, before) {
            (Some(row), Some(aggregate)) => (self.subtract)(&key, row, aggregate),
            (_, before) => before,
        };
        let new = match value.new {
            Some(row) => (self.add)(&key, row, remaining),
            None => remaining,
        };
        // A deletion goes to the changelog with the time of the record that caused it.
        put_row(store, &key, new.clone(), if new.is_some() { timestamp } else { arrived })?;
        ctx.forward(Record { key, value: Change { old, new }, timestamp, headers })
    }
}
