//! `count`, `reduce`, `aggregate` on a stream: one get, one put.

use std::marker::PhantomData;
use std::sync::Arc;

use super::Types;
use super::table_store::{Placed, TableStore};
use crate::data::{Change, Data};
use crate::fault::Fault;
use crate::processor::{Context, Processor};
use crate::record::Record;

/// What an aggregate is before its first record. Kafka Streams shows this as the old row of the first update, where a
/// reduction shows none.
pub(crate) type Init<A> = dyn Fn() -> Option<A> + Send + Sync;

/// Folds each record into its key's aggregate. Null keys and null values are dropped; the result has the latest of all
/// timestamps that went into the aggregate; an aggregate that becomes null is deleted.
pub(crate) struct Aggregate<K: Data, V: Data, A, F> {
    store: TableStore<K::Present, A>,
    fold: Arc<F>,
    old: Option<Arc<Init<A>>>,
    deletes_at_cause: bool,
    types: Types<(K, V)>,
}

impl<K: Data, V: Data, A, F> Aggregate<K, V, A, F> {
    /// `old` is given when updates must carry old rows.
    pub(crate) fn new(store: TableStore<K::Present, A>, fold: Arc<F>, old: Option<Arc<Init<A>>>) -> Self {
        Self { store, fold, old, deletes_at_cause: false, types: PhantomData }
    }

    /// Whether a deletion goes on with the time of the record that caused it, as in the changelog.
    pub(crate) fn deleting_at_cause(mut self, deletes_at_cause: bool) -> Self {
        self.deletes_at_cause = deletes_at_cause;
        self
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
        let (before, timestamp) = match self.store.get(ctx.stores(), &key)? {
            Some((row, timestamp)) => (Some(row), timestamp.max(arrived)),
            None => (None, arrived),
        };
        let old = self.old.as_ref().and_then(|init| before.clone().or_else(|| init()));
        let new = (self.fold)(&key, value, before);
        let placed = self.store.put(ctx.stores(), &key, new.clone(), timestamp, arrived)?;
        if placed == Placed::Refused {
            ctx.dropped();
            return Ok(());
        }
        let timestamp = if new.is_none() && self.deletes_at_cause { arrived } else { timestamp };
        let record = Record { key, value: Change { old, new }, timestamp, headers };
        ctx.forward_update(record, placed == Placed::Past)
    }
}
