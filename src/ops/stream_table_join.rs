//! A stream's record beside a table's row.

use std::marker::PhantomData;
use std::sync::Arc;

use super::Types;
use super::rows::RowsRef;
use crate::data::Data;
use crate::fault::Fault;
use crate::processor::{Context, Processor};
use crate::record::Record;

/// What becomes of a record without a key or a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// There is no result (inner join).
    Drop,
    /// It is joined with nothing (left join).
    Join,
}

/// Looks the record's key up, as of the record's time where the table has a history, and joins. Null values are dropped, null keys too unless the join keeps them.
pub(crate) struct StreamTableJoin<K: Data, V, VT, R, F> {
    rows: RowsRef<K::Present, VT>,
    missing: Missing,
    join: Arc<F>,
    types: Types<(V, R)>,
}

impl<K: Data, V, VT, R, F> StreamTableJoin<K, V, VT, R, F> {
    pub(crate) fn new(rows: RowsRef<K::Present, VT>, missing: Missing, join: Arc<F>) -> Self {
        Self { rows, missing, join, types: PhantomData }
    }
}

impl<K: Data, V: Data, VT: Data, R: Data, F> Processor for StreamTableJoin<K, V, VT, R, F>
where
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
        match record.key.as_present() {
            Some(key) => self.rows.read_as_of(ctx.stores(), key, record.timestamp, &mut |row| {
                result = (self.join)(&record.key, value, row.map(|(row, _)| row));
            })?,
            None if self.missing == Missing::Drop => ctx.dropped_because("null_key"),
            None => result = (self.join)(&record.key, value, None),
        }
        match result {
            Some(result) => ctx.forward(record.with_value(result)),
            None => Ok(()),
        }
    }
}
