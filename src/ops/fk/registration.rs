//! A left row's update becomes instructions to the tasks of the right table.

use std::sync::Arc;

use topo_state::CodecRef;

use super::encode;
use super::hash::hash;
use super::wire::{Instruction, Subscription};
use crate::data::{Change, Data};
use crate::fault::Fault;
use crate::processor::{Context, Processor};
use crate::record::Record;

/// Subscribes to the foreign key of the new row, unsubscribes from that of the old one. An update that is out of date is
/// dropped.
pub(crate) struct Registration<K, V, FK, F> {
    foreign: Arc<F>,
    row: CodecRef<V>,
    left_join: bool,
    types: super::super::Types<(K, FK)>,
}

impl<K, V, FK, F> Registration<K, V, FK, F> {
    pub(crate) fn new(foreign: Arc<F>, row: CodecRef<V>, left_join: bool) -> Self {
        Self { foreign, row, left_join, types: std::marker::PhantomData }
    }
}

/// Up to two instructions, each to the task of a foreign key.
type Plan<FK> = [Option<(Option<FK>, Instruction)>; 2];

impl<K: Data, V: Data, FK: Data<Present = FK> + PartialEq, F> Registration<K, V, FK, F>
where
    F: Fn(&K, &V) -> Option<FK> + Send + Sync + 'static,
{
    /// What an inner join tells. A row without a foreign key only deletes; `None` in its place means "counted as dropped".
    fn inner(old: Option<FK>, new: Option<FK>) -> Plan<FK> {
        match (old, new) {
            (None, None) => [None, None],
            (None, Some(new)) => [Some((Some(new), Instruction::AnswerIfPresent)), None],
            (Some(old), None) => [Some((Some(old), Instruction::DeleteAndAnswer)), None],
            (Some(old), Some(new)) if old == new => [Some((Some(new), Instruction::AnswerIfPresent)), None],
            (Some(old), Some(new)) => {
                [Some((Some(old), Instruction::Delete)), Some((Some(new), Instruction::AnswerAlways))]
            }
        }
    }

    /// What a left join tells: an answer is always due, be it with nothing.
    fn left(old: Option<FK>, new: Option<FK>) -> Plan<FK> {
        let moved = old.filter(|old| new.as_ref() != Some(old));
        [moved.map(|old| (Some(old), Instruction::Delete)), Some((new, Instruction::AnswerAlways))]
    }
}

impl<K: Data<Present = K>, V: Data, FK: Data<Present = FK> + PartialEq, F> Processor
    for Registration<K, V, FK, F>
where
    F: Fn(&K, &V) -> Option<FK> + Send + Sync + 'static,
{
    type KeyIn = K;
    type ValueIn = Change<V>;
    type KeyOut = Option<FK>;
    type ValueOut = Subscription<K>;

    fn process(
        &mut self,
        record: Record<K, Change<V>>,
        ctx: &mut Context<'_, '_, Option<FK>, Subscription<K>>,
    ) -> Result<(), Fault> {
        if ctx.is_outdated() {
            ctx.dropped();
            return Ok(());
        }
        let Record { key, value: Change { old, new }, timestamp, headers } = record;
        if old.is_none() && new.is_none() {
            return Ok(());
        }
        let foreign = |row: &Option<V>| row.as_ref().and_then(|row| (self.foreign)(&key, row));
        let (before, after) = (foreign(&old), foreign(&new));
        if !self.left_join && new.is_some() && after.is_none() {
            ctx.dropped_because("null_foreign_key");
        }
        let hash = match &new {
            Some(row) => {
                let mut bytes = Vec::new();
                encode(row, &self.row, &mut bytes)?;
                Some(hash(&bytes))
            }
            None => None,
        };
        let plan = if self.left_join { Self::left(before, after) } else { Self::inner(before, after) };
        let partition = ctx.partition();
        for (foreign, instruction) in plan.into_iter().flatten() {
            let value = Subscription { instruction, hash, key: key.clone(), partition };
            ctx.forward(Record { key: foreign, value, timestamp, headers: headers.clone() })?;
        }
        Ok(())
    }
}
