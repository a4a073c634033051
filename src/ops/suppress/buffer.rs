//! The buffer of `suppress`: a logged store with one row per key, and the order in which keys leave it.
//!
//! The order is derived from the store: it is made when it is first needed, and again after an abort, because nodes are made
//! anew then.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use topo_state::{CodecRef, KeyValueStore, NO_TIME, bytes};

use super::row::{Held, held_codec};
use crate::data::{Change, Data};
use crate::dsl::Codecs;
use crate::fault::Fault;
use crate::ops::rows::{Rows, RowsRef, Seen, TaskStores};
use crate::processor::{Position, StoreHandle, typed};
use crate::record::{Headers, Record};

pub(crate) type BufferStore<V> = KeyValueStore<Vec<u8>, Held<V>>;

/// When each key is due, and its bytes.
type Order = BTreeSet<(i64, Vec<u8>)>;

/// A way to the buffer's store.
pub(crate) struct Buffer<K, V> {
    pub(super) store: StoreHandle<BufferStore<V>>,
    key: CodecRef<K>,
    order: Option<Order>,
}

/// An update that leaves the buffer.
pub(super) struct Released<K, V> {
    pub(super) key: K,
    pub(super) change: Change<V>,
    pub(super) timestamp: i64,
    pub(super) headers: Headers,
}

impl<K: Data, V: Data> Buffer<K, V> {
    pub(crate) fn new(store: StoreHandle<BufferStore<V>>, key: CodecRef<K>) -> Self {
        Self { store, key, order: None }
    }

    /// The codecs of the buffer's store.
    pub(crate) fn codecs(codecs: &Codecs<K, V>) -> (CodecRef<Vec<u8>>, CodecRef<Held<V>>) {
        (bytes(), held_codec(codecs.value.clone()))
    }

    fn order<'o>(order: &'o mut Option<Order>, store: &mut BufferStore<V>) -> Result<&'o mut Order, Fault> {
        if order.is_none() {
            let mut waiting = Order::new();
            store.all(&mut |key, held| {
                waiting.insert((held.value.due, key));
                ControlFlow::Continue(())
            })?;
            *order = Some(waiting);
        }
        Ok(order.get_or_insert_default())
    }

    /// Holds an update back, in the place of one to the same key if there is one; that one's due time stays.
    pub(super) fn hold(
        &mut self,
        store: &mut BufferStore<V>,
        record: Record<K, Change<V>>,
        source: Option<Position>,
        due: i64,
    ) -> Result<(), Fault> {
        let Record { key, value: Change { old, new }, timestamp, headers } = record;
        let key = encode(&key, &self.key)?;
        let order = Self::order(&mut self.order, store)?;
        let (prior, due) = match store.get(&key)? {
            Some(held) => (held.value.prior.clone(), held.value.due),
            None => (old.clone(), due),
        };
        store.put(&key, Held { prior, old, new, timestamp, headers, source, due }, timestamp)?;
        order.insert((due, key));
        Ok(())
    }

    /// How many updates are held back.
    pub(super) fn count(&mut self, store: &mut BufferStore<V>) -> Result<usize, Fault> {
        Ok(Self::order(&mut self.order, store)?.len())
    }

    /// Takes out what is due at `now`, and what there is beyond `allowed`, in order.
    pub(super) fn release(
        &mut self,
        store: &mut BufferStore<V>,
        now: i64,
        allowed: usize,
    ) -> Result<Vec<Released<K, V>>, Fault> {
        let order = Self::order(&mut self.order, store)?;
        let mut released = Vec::new();
        while let Some((due, _)) = order.first()
            && (*due <= now || order.len() > allowed)
        {
            let Some((_, at)) = order.pop_first() else { break };
            let Some(held) = store.get(&at)?.map(|row| row.value.clone()) else { continue };
            store.delete(&at, held.timestamp)?;
            let key = self.key.decode(&at).map_err(|error| {
                Fault::fatal("STATE_STORE", format!("a key held back cannot be read: {error}"))
            })?;
            let Held { old, new, timestamp, headers, .. } = held;
            released.push(Released { key, change: Change { old, new }, timestamp, headers });
        }
        Ok(released)
    }
}

fn encode<K: 'static>(key: &K, codec: &CodecRef<K>) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::new();
    codec.encode(key, &mut bytes).map_err(|error| {
        Fault::poison("UNWRITABLE", format!("a key to hold back cannot be written: {error}"))
    })?;
    Ok(bytes)
}

/// The rows behind `suppress`: a row that is held back is still what it was before.
pub(crate) struct BufferedRows<K, V> {
    store: StoreHandle<BufferStore<V>>,
    key: CodecRef<K>,
    below: RowsRef<K, V>,
}

impl<K: Data, V: Data> BufferedRows<K, V> {
    pub(crate) fn new(store: StoreHandle<BufferStore<V>>, key: CodecRef<K>, below: RowsRef<K, V>) -> Self {
        Self { store, key, below }
    }
}

impl<K: Data, V: Data> Rows<K, V> for BufferedRows<K, V> {
    fn read(&self, stores: &mut TaskStores, key: &K, seen: &mut Seen<'_, V>) -> Result<(), Fault> {
        let at = encode(key, &self.key)?;
        if let Some(held) = typed(stores, self.store)?.get(&at)? {
            seen(held.value.prior.as_ref().map(|row| (row, NO_TIME)));
            return Ok(());
        }
        self.below.read(stores, key, seen)
    }
}
