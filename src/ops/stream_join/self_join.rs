//! A stream joined with itself over one store.

use std::marker::PhantomData;
use std::ops::ControlFlow;
use std::sync::Arc;

use topo_state::WindowStore;

use crate::data::Data;
use crate::dsl::{JoinWindows, SelfJoins};
use crate::fault::Fault;
use crate::ops::Types;
use crate::processor::{Context, Processor, StoreHandle};
use crate::record::Record;

/// Joins each record with the earlier ones as their left, then as their right partner, and with itself, in the order in
/// which a join over two stores would: that one has stored the record on the left when it looks for left partners. This one
/// finds the record not stored yet, so it takes its own place by time.
pub(crate) struct SelfJoin<K: Data, V: Data, R, F> {
    store: StoreHandle<WindowStore<K::Present, V::Present>>,
    windows: JoinWindows,
    mode: SelfJoins,
    join: Arc<F>,
    types: Types<R>,
}

impl<K: Data, V: Data, R, F> SelfJoin<K, V, R, F> {
    pub(crate) fn new(
        store: StoreHandle<WindowStore<K::Present, V::Present>>,
        windows: JoinWindows,
        mode: SelfJoins,
        join: Arc<F>,
    ) -> Self {
        Self { store, windows, mode, join, types: PhantomData }
    }

    /// The lowest timestamps that a left partner may have, and the record itself, once the record is stored.
    fn visible_from(&self, newest: i64) -> (i64, i64) {
        let first = newest.saturating_sub(self.windows.retention_ms()).saturating_add(1);
        match self.mode {
            // Kafka Streams looks before the record is stored, and is one short for the record itself.
            SelfJoins::AsKafkaStreams => (i64::MIN, first.saturating_add(1)),
            SelfJoins::OneStore | SelfJoins::TwoStores => (first, first),
        }
    }
}

impl<K: Data, V: Data, R: Data, F> Processor for SelfJoin<K, V, R, F>
where
    F: Fn(&K, Option<&V::Present>, Option<&V::Present>) -> Option<R> + Send + Sync + 'static,
{
    type KeyIn = K;
    type ValueIn = V;
    type KeyOut = K;
    type ValueOut = R;

    fn process(&mut self, record: Record<K, V>, ctx: &mut Context<'_, '_, K, R>) -> Result<(), Fault> {
        let Record { key, value, timestamp, headers } = record;
        let (Some(present), Some(value)) = (key.as_present(), value.present()) else {
            ctx.dropped_because("null_key_or_value");
            return Ok(());
        };
        let mut results = Vec::new();
        let store = ctx.store(self.store)?;
        store.fetch_range(present, self.windows.partners(timestamp), &mut |time, other| {
            results.push((time, (self.join)(&key, Some(&value), Some(&other.value))));
            ControlFlow::Continue(())
        })?;
        let (left_from, own_from) = self.visible_from(store.observed_time().max(timestamp));
        let mut own = (timestamp >= own_from).then(|| (self.join)(&key, Some(&value), Some(&value)));
        store.fetch_range(present, self.windows.mirrored().partners(timestamp), &mut |time, other| {
            if time > timestamp {
                results.extend(own.take().map(|own| (timestamp, own)));
            }
            if time >= left_from {
                results.push((time, (self.join)(&key, Some(&other.value), Some(&value))));
            }
            ControlFlow::Continue(())
        })?;
        results.extend(own.map(|own| (timestamp, own)));
        for (time, value) in results {
            let Some(value) = value else { continue };
            let (key, timestamp, headers) = (key.clone(), timestamp.max(time), headers.clone());
            ctx.forward(Record { key, value, timestamp, headers })?;
        }
        Ok(())
    }
}
