//! `map_values` on a table.

use std::marker::PhantomData;
use std::sync::Arc;

use super::Types;
use super::keep::Keep;
use crate::data::{Change, Data};
use crate::fault::Fault;
use crate::processor::{Context, Processor};
use crate::record::Record;

/// Computes the new row, and the old one where it is known.
pub(crate) struct TableMap<K, V, R, F> {
    map: Arc<F>,
    keep: Keep<K, R>,
    types: Types<V>,
}

impl<K: Data, V: Data, R: Data, F> TableMap<K, V, R, F> {
    pub(crate) fn new(map: Arc<F>, keep: Keep<K, R>) -> Self {
        Self { map, keep, types: PhantomData }
    }
}

impl<K: Data, V: Data, R: Data, F> Processor for TableMap<K, V, R, F>
where
    F: Fn(&K, &V) -> Option<R> + Send + Sync + 'static,
{
    type KeyIn = K;
    type ValueIn = Change<V>;
    type KeyOut = K;
    type ValueOut = Change<R>;

    fn process(
        &mut self,
        record: Record<K, Change<V>>,
        ctx: &mut Context<'_, '_, K, Change<R>>,
    ) -> Result<(), Fault> {
        let Record { key, value, timestamp, headers } = record;
        let new = value.new.and_then(|row| (self.map)(&key, &row));
        let before = value.old;
        let old = self.keep.old(&key, || before.and_then(|row| (self.map)(&key, &row)), ctx)?;
        self.keep.pass(Record { key, value: Change { old, new }, timestamp, headers }, ctx)
    }
}
