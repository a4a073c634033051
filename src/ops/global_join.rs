//! A stream's record beside a row of a global table.

use std::marker::PhantomData;
use std::sync::Arc;

use super::Types;
use super::rows::RowsRef;
use super::stream_table_join::Missing;
use crate::data::Data;
use crate::fault::Fault;
use crate::processor::{Context, Processor};
use crate::record::Record;

/// Looks up the key that the record names and joins. Null values are dropped, null lookup keys too unless the join keeps
/// them.
pub(crate) struct GlobalJoin<K, V, GK: Data, VT, R, L, F> {
    rows: RowsRef<GK::Present, VT>,
    missing: Missing,
    lookup: Arc<L>,
    join: Arc<F>,
    types: Types<(K, V, R)>,
}

impl<K, V, GK: Data, VT, R, L, F> GlobalJoin<K, V, GK, VT, R, L, F> {
    pub(crate) fn new(
        rows: RowsRef<GK::Present, VT>,
        missing: Missing,
        lookup: Arc<L>,
        join: Arc<F>,
    ) -> Self {
        Self { rows, missing, lookup, join, types: PhantomData }
    }
}

impl<K: Data, V: Data, GK: Data, VT: Data, R: Data, L, F> Processor for GlobalJoin<K, V, GK, VT, R, L, F>
where
    L: Fn(&K, &V::Present) -> GK + Send + Sync + 'static,
    F: Fn(&K, &V::Present, Option<&VT>) -> Option<R> + Send + Sync + 'static,
{
    type KeyIn = K;
    type ValueIn = V;
    type KeyOut = K;
    type ValueOut = R;

    fn process(&mut self, record: Record<K, V>, ctx: &mut Context<'_, '_, K, R>) -> Result<(), Fault> {
        let Some(value) = record.value.as_present() else {
            ctx.dropped_because("null_value");
            return Ok(());
        };
        let mut result = None;
        match (self.lookup)(&record.key, value).as_present() {
            Some(key) => self.rows.read(ctx.stores(), key, &mut |row| {
                result = (self.join)(&record.key, value, row.map(|(row, _)| row));
            })?,
            None if self.missing == Missing::Drop => ctx.dropped_because("no_key_to_look_up"),
            None => result = (self.join)(&record.key, value, None),
        }
        match result {
            Some(result) => ctx.forward(record.with_value(result)),
            None => Ok(()),
        }
    }
}
