//! `filter` on a table.

use std::sync::Arc;

use super::keep::Keep;
use crate::data::{Change, Data};
use crate::fault::Fault;
use crate::processor::{Context, Processor};
use crate::record::Record;

/// Turns rows that a predicate refuses into absent ones. An update from absent to absent stops here if the old row is
/// known; where nothing keeps it, the deletion goes on to be safe.
pub(crate) struct TableFilter<K, V, F> {
    wanted: Arc<F>,
    keep: Keep<K, V>,
    knows_old: bool,
}

impl<K: Data, V: Data, F> TableFilter<K, V, F> {
    pub(crate) fn new(wanted: Arc<F>, keep: Keep<K, V>, knows_old: bool) -> Self {
        let knows_old = knows_old || keep.knows_old();
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
        let old = old.filter(|row| (self.wanted)(key, row));
        if self.knows_old && new.is_none() && old.is_none() {
            return Ok(());
        }
        record.value = Change { old, new };
        self.keep.pass(record, ctx)
    }
}
