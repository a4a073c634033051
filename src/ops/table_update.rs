//! A record becomes a table's row.

use std::marker::PhantomData;

use super::Types;
use super::table_store::{Placed, TableStore};
use crate::data::{Change, Data};
use crate::fault::Fault;
use crate::processor::{Context, Processor};
use crate::record::Record;

/// Applies records in the order they come: a value replaces its key's row, a null value deletes it, a null key is dropped. In
/// a history a record says what its key is worth from its own time on; one beyond the history is dropped.
pub(crate) struct TableUpdate<K: Data, V: Data> {
    store: Option<TableStore<K::Present, V::Present>>,
    old: bool,
    types: Types<(K, V)>,
}

impl<K: Data, V: Data> TableUpdate<K, V> {
    pub(crate) fn new(store: Option<TableStore<K::Present, V::Present>>, old: bool) -> Self {
        Self { store, old, types: PhantomData }
    }
}

impl<K: Data, V: Data> Processor for TableUpdate<K, V> {
    type KeyIn = K;
    type ValueIn = V;
    type KeyOut = K::Present;
    type ValueOut = Change<V::Present>;

    fn process(
        &mut self,
        record: Record<K, V>,
        ctx: &mut Context<'_, '_, K::Present, Change<V::Present>>,
    ) -> Result<(), Fault> {
        let Record { key, value, timestamp, headers } = record;
        let Some(key) = key.present() else {
            ctx.dropped_because("null_key");
            return Ok(());
        };
        let new = value.present();
        let (mut old, mut placed) = (None, Placed::Newest);
        if let Some(store) = self.store {
            if self.old {
                old = store.get(ctx.stores(), &key)?.map(|(row, _)| row);
            }
            placed = store.put(ctx.stores(), &key, new.clone(), timestamp, timestamp)?;
        }
        if placed == Placed::Refused {
            ctx.dropped();
            return Ok(());
        }
        let record = Record { key, value: Change { old, new }, timestamp, headers };
        ctx.forward_update(record, placed == Placed::Past)
    }
}
