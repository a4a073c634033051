//! `filter` on a table.

use std::sync::Arc;

use super::keep::Keep;
use crate::data::{Change, Data};
use crate::fault::Fault;
use crate::processor::{Context, Processor};
use crate::record::Record;

/// Turns rows that a predicate refuses into absent ones. An update from absent to absent stops here where old rows are
/// looked at; otherwise the deletion goes on to be safe.
pub(crate) struct TableFilter<K, V, F> {
    wanted: Arc<F>,
    keep: Keep<K, V>,
    knows_old: bool,
}

impl<K: Data, V: Data, F> TableFilter<K, V, F> {
    /// With a history every update goes on.
    pub(crate) fn new(wanted: Arc<F>, keep: Keep<K, V>, knows_old: bool, history: bool) -> Self {
        let knows_old = !history && (if keep.is_stored() { keep.knows_old() } else { knows_old });
        Self { wanted, keep, knows_old }
    }
}

impl<K: Data, V: Data, F> Processor for TableFilter<K, V, F>
where
    F: Fn(&K, &V) -> bool + Send + Sync + 'static,
{
    type KeyIn = K;
    type ValueIn = Change<V>;
    type KeyOut = K;
    type ValueOut = Change<V>;

    fn process(
        &mut self,
        mut record: Record<K, Change<V>>,
        ctx: &mut Context<'_, '_, K, Change<V>>,
    ) -> Result<(), Fault> {
        let Change { old, new } = record.value;
        let key = &record.key;
        let new = new.filter(|row| (self.wanted)(key, row));
        let old = self.keep.old(key, || old.filter(|row| (self.wanted)(key, row)), ctx)?;
        if self.knows_old && new.is_none() && old.is_none() {
            return Ok(());
        }
        record.value = Change { old, new };
        self.keep.pass(record, ctx)
    }
}
