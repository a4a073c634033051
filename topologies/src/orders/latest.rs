//! What was written last about an order, so that nothing is said twice and every change knows what it changed.

use topo::state::KeyValueStore;
use topo::{Change, Context, Fault, Processor, Record, StoreHandle};

use super::model::Enriched;

/// States of orders to changes of what was written: the same state again is nothing (a new `source_ts` alone does not
/// make it another), nor is the end of an order that was never written.
pub(crate) struct Latest {
    /// What was written last.
    pub written: StoreHandle<KeyValueStore<i64, Enriched>>,
}

impl Processor for Latest {
    type KeyIn = i64;
    type ValueIn = Option<Enriched>;
    type KeyOut = i64;
    type ValueOut = Change<Enriched>;

    fn process(
        &mut self,
        record: Record<i64, Option<Enriched>>,
        ctx: &mut Context<'_, '_, i64, Change<Enriched>>,
    ) -> Result<(), Fault> {
        let written = ctx.store(self.written)?;
        let old = written.get(&record.key)?.map(|found| found.value.clone());
        match (&old, &record.value) {
            (None, None) => return Ok(()),
            (Some(old), Some(new)) if old.says_the_same_as(new) => return Ok(()),
            (_, Some(new)) => written.put(&record.key, new.clone(), record.timestamp)?,
            (_, None) => written.delete(&record.key, record.timestamp)?,
        }
        let new = record.value.clone();
        ctx.forward(record.with_value(Change { old, new }))
    }
}
