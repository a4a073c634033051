//! A right row's update answers everybody who subscribed to it.

use std::ops::ControlFlow;

use topo_state::CodecRef;

use super::wire::Response;
use super::{Subscriptions, prefix};
use crate::data::{Change, Data};
use crate::fault::Fault;
use crate::ops::Types;
use crate::processor::{Context, Processor, StoreHandle};
use crate::record::Record;

/// Finds the subscriptions of the right key, by ascending left-key bytes, and answers each with the right row's timestamp.
pub(crate) struct ForeignChange<FK, K, VR> {
    store: StoreHandle<Subscriptions<K>>,
    foreign: CodecRef<FK>,
    types: Types<VR>,
}

impl<FK, K, VR> ForeignChange<FK, K, VR> {
    pub(crate) fn new(store: StoreHandle<Subscriptions<K>>, foreign: CodecRef<FK>) -> Self {
        Self { store, foreign, types: std::marker::PhantomData }
    }
}

impl<FK: Data, K: Data, VR: Data> Processor for ForeignChange<FK, K, VR> {
    type KeyIn = FK;
    type ValueIn = Change<VR>;
    type KeyOut = K;
    type ValueOut = Response<VR>;

    fn process(
        &mut self,
        record: Record<FK, Change<VR>>,
        ctx: &mut Context<'_, '_, K, Response<VR>>,
    ) -> Result<(), Fault> {
        if ctx.is_outdated() {
            ctx.dropped();
            return Ok(());
        }
        let Record { key: foreign, value, timestamp, headers } = record;
        let mut subscribed = Vec::new();
        ctx.store(self.store)?.prefix(&prefix(&foreign, &self.foreign)?, &mut |_, subscription| {
            let subscription = &subscription.value;
            subscribed.push((subscription.key.clone(), subscription.hash, subscription.partition));
            ControlFlow::Continue(())
        })?;
        for (key, hash, partition) in subscribed {
            let value = Response { hash, row: value.new.clone(), partition };
            ctx.forward(Record { key, value, timestamp, headers: headers.clone() })?;
        }
        Ok(())
    }
}
