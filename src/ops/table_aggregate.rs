//! `count`, `reduce`, `aggregate` on a regrouped table.

use std::marker::PhantomData;
use std::sync::Arc;

use super::Types;
use super::table_store::{Placed, TableStore};
use crate::data::{Change, Data};
use crate::fault::Fault;
use crate::processor::{Context, Processor};
use crate::record::Record;

/// Takes the old row out of its group's aggregate and puts the new one in, as one update. Where there is no aggregate
/// nothing is taken out, but the result goes on all the same.
pub(crate) struct TableAggregate<K, V, A, Add, Sub> {
    store: TableStore<K, A>,
    add: Arc<Add>,
    subtract: Arc<Sub>,
    old: bool,
    types: Types<V>,
}

impl<K, V, A, Add, Sub> TableAggregate<K, V, A, Add, Sub> {
    pub(crate) fn new(store: TableStore<K, A>, add: Arc<Add>, subtract: Arc<Sub>, old: bool) -> Self {
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
        let (before, timestamp) = match self.store.get(ctx.stores(), &key)? {
            Some((row, timestamp)) => (Some(row), timestamp.max(arrived)),
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
        let placed = self.store.put(ctx.stores(), &key, new.clone(), timestamp, arrived)?;
        if placed == Placed::Refused {
            ctx.dropped();
            return Ok(());
        }
        let record = Record { key, value: Change { old, new }, timestamp, headers };
        ctx.forward_update(record, placed == Placed::Past)
    }
}
