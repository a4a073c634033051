//! A record becomes a table's row.

use std::marker::PhantomData;

use topo_state::KeyValueStore;

use super::Types;
use super::keep::put_row;
use crate::data::{Change, Data};
use crate::fault::Fault;
use crate::processor::{Context, Processor, StoreHandle};
use crate::record::Record;

/// Applies records in the order they come: a value replaces its key's row, a null value deletes it, a null key is dropped.
pub(crate) struct TableUpdate<K: Data, V: Data> {
    store: Option<StoreHandle<KeyValueStore<K::Present, V::Present>>>,
    old: bool,
    types: Types<(K, V)>,
}

impl<K: Data, V: Data> TableUpdate<K, V> {
    pub(crate) fn new(store: Option<StoreHandle<KeyValueStore<K::Present, V::Present>>>, old: bool) -> Self {
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
        let mut old = None;
        if let Some(store) = self.store {
            let store = ctx.store(store)?;
            if self.old {
                old = store.get(&key)?.map(|row| row.value.clone());
            }
            put_row(store, &key, new.clone(), timestamp)?;
        }
        ctx.forward(Record { key, value: Change { old, new }, timestamp, headers })
    }
}
