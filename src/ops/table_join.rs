//! Joins of two tables of one key: each side looks the other up, then both flow together.

use std::marker::PhantomData;

use super::Types;
use super::keep::Keep;
use super::rows::RowsRef;
use crate::data::{Change, Data};
use crate::fault::Fault;
use crate::processor::{Context, Processor};
use crate::record::Record;

/// One side: takes its own updates and looks up the other side's row. An update that is out of date is dropped.
pub(crate) struct TableJoin<K, V, VO, R, F> {
    other: RowsRef<K, VO>,
    /// Whether a row of this side gives a result without the other's.
    keeps_own: bool,
    /// Whether a row of the other side gives a result without this one's.
    keeps_other: bool,
    join: F,
    types: Types<(V, R)>,
}

impl<K, V, VO, R, F> TableJoin<K, V, VO, R, F>
where
    F: Fn(Option<&V>, Option<&VO>) -> Option<R>,
{
    pub(crate) fn new(other: RowsRef<K, VO>, keeps_own: bool, keeps_other: bool, join: F) -> Self {
        Self { other, keeps_own, keeps_other, join, types: PhantomData }
    }
}

impl<K: Data, V: Data, VO: Data, R: Data, F> Processor for TableJoin<K, V, VO, R, F>
where
    F: Fn(Option<&V>, Option<&VO>) -> Option<R> + Send + 'static,
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
        if ctx.is_outdated() {
            ctx.dropped();
            return Ok(());
        }
        let Record { key, value: Change { old, new }, mut timestamp, headers } = record;
        let mut result = None;
        self.other.read(ctx.stores(), &key, &mut |row| {
            let Some((row, time)) = row else {
                if self.keeps_own && (old.is_some() || new.is_some()) {
                    let join = |own: &Option<V>| own.as_ref().and_then(|own| (self.join)(Some(own), None));
                    result = Some(Change { old: join(&old), new: join(&new) });
                }
                return;
            };
            timestamp = timestamp.max(time);
            let join = |own: &Option<V>| {
                if own.is_some() || self.keeps_other { (self.join)(own.as_ref(), Some(row)) } else { None }
            };
            result = Some(Change { old: join(&old), new: join(&new) });
        })?;
        match result {
            Some(value) => ctx.forward(Record { key, value, timestamp, headers }),
            None => Ok(()),
        }
    }
}

/// Where both sides meet: keeps the result if it is stored.
pub(crate) struct TableMerge<K, R>(Keep<K, R>);

impl<K, R> TableMerge<K, R> {
    pub(crate) fn new(keep: Keep<K, R>) -> Self {
        Self(keep)
    }
}

impl<K: Data, R: Data> Processor for TableMerge<K, R> {
    type KeyIn = K;
    type ValueIn = Change<R>;
    type KeyOut = K;
    type ValueOut = Change<R>;

    fn process(
        &mut self,
        record: Record<K, Change<R>>,
        ctx: &mut Context<'_, '_, K, Change<R>>,
    ) -> Result<(), Fault> {
        self.0.pass(record, ctx)
    }
}
