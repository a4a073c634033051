//! `group_by` on a table: an update becomes updates of other keys.

use std::marker::PhantomData;
use std::sync::Arc;

use super::Types;
use crate::data::{Change, Data};
use crate::fault::Fault;
use crate::processor::{Context, Processor};
use crate::record::Record;

/// Places the old and the new row under their new keys: one record when the keys are equal, otherwise the old row is
/// withdrawn before the new one is added. An update that is out of date ends here, uncounted, as in Kafka
/// Streams.
pub(crate) struct Regroup<K, V, K2, V2, F> {
    group: Arc<F>,
    types: Types<(K, V, K2, V2)>,
}

impl<K, V, K2, V2, F> Regroup<K, V, K2, V2, F> {
    pub(crate) fn new(group: Arc<F>) -> Self {
        Self { group, types: PhantomData }
    }
}

impl<K: Data, V: Data, K2: Data + PartialEq, V2: Data, F> Processor for Regroup<K, V, K2, V2, F>
where
    F: Fn(&K, &V) -> Option<(K2, V2)> + Send + Sync + 'static,
{
    type KeyIn = K;
    type ValueIn = Change<V>;
    type KeyOut = K2;
    type ValueOut = Change<V2>;

    fn process(
        &mut self,
        record: Record<K, Change<V>>,
        ctx: &mut Context<'_, '_, K2, Change<V2>>,
    ) -> Result<(), Fault> {
        if ctx.is_outdated() {
            return Ok(());
        }
        let Record { key, value, timestamp, headers } = record;
        let group = |row: &V| (self.group)(&key, row);
        let old = value.old.as_ref().and_then(group);
        let new = value.new.as_ref().and_then(group);
        let (withdrawn, added) = match (old, new) {
            (Some((old_key, old)), Some((key, new))) if old_key == key => {
                (None, Some((key, Change { old: Some(old), new: Some(new) })))
            }
            (old, new) => (
                old.map(|(key, row)| (key, Change { old: Some(row), new: None })),
                new.map(|(key, row)| (key, Change { old: None, new: Some(row) })),
            ),
        };
        for (key, value) in withdrawn.into_iter().chain(added) {
            ctx.forward(Record { key, value, timestamp, headers: headers.clone() })?;
        }
        Ok(())
    }
}
