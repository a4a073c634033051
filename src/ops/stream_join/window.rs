//! Keeps the records of one side of a join.

use std::marker::PhantomData;

use topo_state::{PutOutcome, WindowStore};

use crate::data::Data;
use crate::fault::Fault;
use crate::ops::Types;
use crate::processor::{Context, Processor, StoreHandle};
use crate::record::Record;

/// Passes a record on to the join and stores it then: what the join refuses as poison is not kept. A record with a null key
/// or value is only passed on; one that the store refuses as too old counts as dropped.
pub(crate) struct JoinWindow<K: Data, V: Data, P> {
    store: StoreHandle<WindowStore<P, V::Present>>,
    key: fn(K::Present) -> P,
    types: Types<K>,
}

impl<K: Data, V: Data, P> JoinWindow<K, V, P> {
    /// `key` is the join's name for the key.
    pub(crate) fn new(store: StoreHandle<WindowStore<P, V::Present>>, key: fn(K::Present) -> P) -> Self {
        Self { store, key, types: PhantomData }
    }
}

impl<K: Data, V: Data, P: Data> Processor for JoinWindow<K, V, P> {
    type KeyIn = K;
    type ValueIn = V;
    type KeyOut = K;
    type ValueOut = V;

    fn process(&mut self, record: Record<K, V>, ctx: &mut Context<'_, '_, K, V>) -> Result<(), Fault> {
        let timestamp = record.timestamp;
        let kept = record.key.as_present().cloned().map(|key| (key, record.value.as_present().cloned()));
        ctx.forward(record)?;
        let Some((key, value)) = kept else { return Ok(()) };
        let put = ctx.store(self.store)?.put(&(self.key)(key), timestamp, value, timestamp)?;
        if put == PutOutcome::Expired {
            ctx.dropped_because("expired");
        }
        Ok(())
    }
}
