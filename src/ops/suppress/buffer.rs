//! The buffer of `suppress`: a logged store with one row per key, and the order in which keys leave it.
//!
//! The order is derived from the store: it is made when it is first needed, and again after an abort, because nodes are made
//! anew then.

use std::collections::BTreeMap;
use std::fmt;
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

/// How much may be held back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Most {
    pub(super) records: usize,
    pub(super) bytes: usize,
}

impl Most {
    /// No limit.
    pub(super) const ALL: Self = Self { records: usize::MAX, bytes: usize::MAX };

    /// What is not given has no limit.
    pub(crate) fn of(records: Option<u64>, bytes: Option<u64>) -> Self {
        let limit =
            |most: Option<u64>| most.map_or(usize::MAX, |most| usize::try_from(most).unwrap_or(usize::MAX));
        Self { records: limit(records), bytes: limit(bytes) }
    }
}

impl fmt::Display for Most {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self { records, bytes: usize::MAX } => write!(out, "{records} updates"),
            Self { records: usize::MAX, bytes } => write!(out, "{bytes} bytes"),
            Self { records, bytes } => write!(out, "{records} updates or {bytes} bytes"),
        }
    }
}

/// Which keys are due when, and how much is held back.
#[derive(Default)]
struct Order {
    /// By due time and key bytes: the bytes held back for the key; 0 when nobody asks.
    waiting: BTreeMap<(i64, Vec<u8>), usize>,
    bytes: usize,
}

impl Order {
    fn insert(&mut self, at: (i64, Vec<u8>), bytes: usize) {
        self.bytes += bytes;
        self.bytes -= self.waiting.insert(at, bytes).unwrap_or(0);
    }

    fn exceeds(&self, most: Most) -> bool {
        self.waiting.len() > most.records || self.bytes > most.bytes
    }

    /// Takes out the first key, if it is due or there is too much.
    fn pop(&mut self, now: i64, most: Most) -> Option<Vec<u8>> {
        let (due, _) = self.waiting.first_key_value()?.0;
        if *due > now && !self.exceeds(most) {
            return None;
        }
        let ((_, key), bytes) = self.waiting.pop_first()?;
        self.bytes -= bytes;
        Some(key)
    }
}

/// A way to the buffer's store.
pub(crate) struct Buffer<K, V> {
    pub(super) store: StoreHandle<BufferStore<V>>,
    key: CodecRef<K>,
    /// To count bytes with; `None` when there is no limit to them.
    held: Option<CodecRef<Held<V>>>,
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
    /// `held` counts the bytes of what is held back, if they have a limit.
    pub(crate) fn new(
        store: StoreHandle<BufferStore<V>>,
        key: CodecRef<K>,
        held: Option<CodecRef<Held<V>>>,
    ) -> Self {
        Self { store, key, held, order: None }
    }

    /// The codecs of the buffer's store.
    pub(crate) fn codecs(codecs: &Codecs<K, V>) -> (CodecRef<Vec<u8>>, CodecRef<Held<V>>) {
        (bytes(), held_codec(codecs.value.clone()))
    }

    /// The order, made of the store's rows when it is needed first.
    fn order(&mut self, store: &mut BufferStore<V>) -> Result<&mut Order, Fault> {
        if self.order.is_none() {
            let (mut order, mut failed) = (Order::default(), None);
            store.all(&mut |key, held| match size(&key, &held.value, self.held.as_ref()) {
                Ok(bytes) => {
                    order.insert((held.value.due, key), bytes);
                    ControlFlow::Continue(())
                }
                Err(fault) => {
                    failed = Some(fault);
                    ControlFlow::Break(())
                }
            })?;
            if let Some(fault) = failed {
                return Err(fault);
            }
            self.order = Some(order);
        }
        Ok(self.order.get_or_insert_default())
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
        self.order(store)?;
        let (prior, due) = match store.get(&key)? {
            Some(held) => (held.value.prior.clone(), held.value.due),
            None => (old.clone(), due),
        };
        let held = Held { prior, old, new, timestamp, headers, source, due };
        let bytes = size(&key, &held, self.held.as_ref())?;
        store.put(&key, held, timestamp)?;
        self.order(store)?.insert((due, key), bytes);
        Ok(())
    }

    /// Whether more is held back than this.
    pub(super) fn exceeds(&mut self, store: &mut BufferStore<V>, most: Most) -> Result<bool, Fault> {
        Ok(self.order(store)?.exceeds(most))
    }

    /// Takes out what is due at `now`, and what there is beyond `most`, in order.
    pub(super) fn release(
        &mut self,
        store: &mut BufferStore<V>,
        now: i64,
        most: Most,
    ) -> Result<Vec<Released<K, V>>, Fault> {
        let mut released = Vec::new();
        while let Some(at) = self.order(store)?.pop(now, most) {
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

/// What Kafka Streams counts for a row: all of its bytes but their lengths and its due time. 0 when nobody asks.
fn size<V: 'static>(key: &[u8], held: &Held<V>, codec: Option<&CodecRef<Held<V>>>) -> Result<usize, Fault> {
    /// Lengths of topic, headers and three rows, and the due time.
    const FRAME: usize = 5 * 4 + 8;
    let Some(codec) = codec else { return Ok(0) };
    let mut bytes = Vec::new();
    codec.encode(held, &mut bytes).map_err(|error| {
        Fault::poison("UNWRITABLE", format!("an update to hold back cannot be written: {error}"))
    })?;
    Ok(key.len() + bytes.len() - FRAME - 8 * held.headers.len())
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
