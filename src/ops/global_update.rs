//! A record becomes a row of a global table.

use std::marker::PhantomData;

use topo_state::KeyValueStore;

use super::Types;
use super::keep::put_row;
use crate::data::Data;
use crate::fault::Fault;
use crate::processor::{Context, Processor, StoreHandle};
use crate::record::Record;

/// Applies records in the order they come; passes nothing on.
pub(crate) struct GlobalUpdate<K, V> {
    store: StoreHandle<KeyValueStore<K, V>>,
    types: Types<(K, V)>,
}

impl<K, V> GlobalUpdate<K, V> {
    pub(crate) fn new(store: StoreHandle<KeyValueStore<K, V>>) -> Self {
        Self { store, types: PhantomData }
    }
}

impl<K: Data<Present = K>, V: Data<Present = V>> Processor for GlobalUpdate<K, V> {
    type KeyIn = Option<K>;
    type ValueIn = Option<V>;
    type KeyOut = K;
    type ValueOut = V;

    fn process(
        &mut self,
        record: Record<Option<K>, Option<V>>,
        ctx: &mut Context<'_, '_, K, V>,
    ) -> Result<(), Fault> {
        match &record.key {
            Some(key) => put_row(ctx.store(self.store)?, key, record.value, record.timestamp),
            None => {
                ctx.dropped_because("null_key");
                Ok(())
            }
        }
    }
}
