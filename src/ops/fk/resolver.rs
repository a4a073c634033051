//! An answer meets its left row, and becomes a row of the result.

use std::sync::Arc;

use topo_state::CodecRef;

use super::encode;
use super::hash::hash;
use super::wire::Response;
use crate::data::{Change, Data};
use crate::fault::Fault;
use crate::ops::Types;
use crate::ops::keep::Keep;
use crate::ops::rows::RowsRef;
use crate::processor::{Context, Processor};
use crate::record::Record;

/// Joins an answer with the left row it was meant for; discards it if that row has been replaced.
pub(crate) struct Resolver<K, V, VR, R, F> {
    rows: RowsRef<K, V>,
    row: CodecRef<V>,
    left_join: bool,
    join: Arc<F>,
    types: Types<(VR, R)>,
}

impl<K, V, VR, R, F> Resolver<K, V, VR, R, F> {
    pub(crate) fn new(rows: RowsRef<K, V>, row: CodecRef<V>, left_join: bool, join: Arc<F>) -> Self {
        Self { rows, row, left_join, join, types: std::marker::PhantomData }
    }
}

impl<K: Data, V: Data, VR: Data, R: Data<Present = R>, F> Processor for Resolver<K, V, VR, R, F>
where
    F: Fn(&K, &V, Option<&VR>) -> Option<R> + Send + Sync + 'static,
{
    type KeyIn = K;
    type ValueIn = Response<VR>;
    type KeyOut = K;
    type ValueOut = Option<R>;

    fn process(
        &mut self,
        record: Record<K, Response<VR>>,
        ctx: &mut Context<'_, '_, K, Option<R>>,
    ) -> Result<(), Fault> {
        let Record { key, value: answer, timestamp, headers } = record;
        let mut result = Ok(None);
        self.rows.read(ctx.stores(), &key, &mut |row| {
            result = self.resolve(&key, row.map(|(row, _)| row), &answer);
        })?;
        match result? {
            Some(value) => ctx.forward(Record { key, value, timestamp, headers }),
            None => Ok(()),
        }
    }
}

impl<K: Data, V: Data, VR: Data, R: Data, F> Resolver<K, V, VR, R, F>
where
    F: Fn(&K, &V, Option<&VR>) -> Option<R> + Send + Sync + 'static,
{
    /// The new row of the result (`None` inside: none), or nothing at all for an answer that came too late.
    fn resolve(&self, key: &K, row: Option<&V>, answer: &Response<VR>) -> Result<Option<Option<R>>, Fault> {
        let current = match row {
            Some(row) => {
                let mut bytes = Vec::new();
                encode(row, &self.row, &mut bytes)?;
                Some(hash(&bytes))
            }
            None => None,
        };
        if current != answer.hash {
            return Ok(None);
        }
        Ok(Some(match row {
            Some(row) if self.left_join || answer.row.is_some() => (self.join)(key, row, answer.row.as_ref()),
            _ => None,
        }))
    }
}

/// The result as a table: kept if it was given a store.
pub(crate) struct Answered<K, R>(Keep<K, R>);

impl<K, R> Answered<K, R> {
    pub(crate) fn new(keep: Keep<K, R>) -> Self {
        Self(keep)
    }
}

impl<K: Data, R: Data<Present = R>> Processor for Answered<K, R> {
    type KeyIn = K;
    type ValueIn = Option<R>;
    type KeyOut = K;
    type ValueOut = Change<R>;

    fn process(
        &mut self,
        record: Record<K, Option<R>>,
        ctx: &mut Context<'_, '_, K, Change<R>>,
    ) -> Result<(), Fault> {
        let Record { key, value: new, timestamp, headers } = record;
        let old = self.0.old(&key, || None, ctx)?;
        self.0.pass(Record { key, value: Change { old, new }, timestamp, headers }, ctx)
    }
}
