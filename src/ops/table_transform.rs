//! `transform_values` on a table.

use std::convert::Infallible;
use std::marker::PhantomData;
use std::sync::Arc;

use super::Types;
use super::keep::Keep;
use crate::data::{Change, Data};
use crate::fault::Fault;
use crate::processor::{Context, Processor};
use crate::record::Record;

/// Asks a function with stores and time for the new row. What it said of the old one is known from the store, if there is one.
pub(crate) struct TableTransform<K, V, R, F> {
    transform: Arc<F>,
    keep: Keep<K, R>,
    types: Types<V>,
}

impl<K: Data, V: Data, R: Data, F> TableTransform<K, V, R, F> {
    pub(crate) fn new(transform: Arc<F>, keep: Keep<K, R>) -> Self {
        Self { transform, keep, types: PhantomData }
    }
}

impl<K: Data, V: Data, R: Data, F> Processor for TableTransform<K, V, R, F>
where
    F: Fn(&Record<K, Option<V>>, &mut Context<'_, '_, K, Infallible>) -> Result<Option<R>, Fault>
        + Send
        + Sync
        + 'static,
    Option<V>: Data,
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
        let record = Record { key, value: value.new, timestamp, headers };
        let new = ctx.without_forwarding(|ctx| (self.transform)(&record, ctx))?;
        let old = self.keep.old(&record.key, || None, ctx)?;
        self.keep.pass(record.with_value(Change { old, new }), ctx)
    }
}
