//! The buffer of `suppress`: a logged store, ordered by the time at which updates are due.

use std::marker::PhantomData;
use std::ops::ControlFlow;

use topo_state::{CodecRef, KeyValueStore, NO_TIME, bytes};

use super::row::{COUNT, Row, UPDATES, held_at, row_codec, split_update, update_at};
use crate::data::{Change, Data};
use crate::dsl::Codecs;
use crate::fault::Fault;
use crate::ops::rows::{Rows, RowsRef, Seen, TaskStores};
use crate::processor::{StoreHandle, typed};
use crate::record::{Headers, Record};

pub(crate) type BufferStore<V> = KeyValueStore<Vec<u8>, Row<V>>;

/// A way to the buffer's store.
pub(crate) struct Buffer<K, V> {
    pub(super) store: StoreHandle<BufferStore<V>>,
    key: CodecRef<K>,
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
        Self { store, key }
    }

    /// The codecs of the buffer's store.
    pub(crate) fn codecs(codecs: &Codecs<K, V>) -> (CodecRef<Vec<u8>>, CodecRef<Row<V>>) {
        (bytes(), row_codec(codecs.value.clone()))
    }

    /// Holds an update back, in the place of one to the same key if there is one; that one's due time stays.
    pub(super) fn hold(
        &self,
        store: &mut BufferStore<V>,
        record: Record<K, Change<V>>,
        due: i64,
    ) -> Result<(), Fault> {
        let Record { key, value: Change { old, new }, timestamp, headers } = record;
        let key = encode(&key, &self.key)?;
        let held = held_at(&key);
        let due = match store.get(&held)?.map(|row| &row.value) {
            Some(Row::Held { due, .. }) => *due,
            _ => {
                store.put(&held, Row::Held { due, old: old.clone() }, timestamp)?;
                let count = self.count(store)? + 1;
                store.put(&COUNT.to_vec(), Row::Count(count), timestamp)?;
                due
            }
        };
        store.put(&update_at(due, &key), Row::Update { old, new, timestamp, headers }, timestamp)?;
        Ok(())
    }

    /// How many updates are held back.
    pub(super) fn count(&self, store: &mut BufferStore<V>) -> Result<u64, Fault> {
        match store.get(&COUNT.to_vec())?.map(|row| &row.value) {
            Some(Row::Count(count)) => Ok(*count),
            _ => Ok(0),
        }
    }

    /// Takes out what is due at `now`, and what there is beyond `allowed`, in order.
    pub(super) fn release(
        &self,
        store: &mut BufferStore<V>,
        now: i64,
        allowed: u64,
    ) -> Result<Vec<Released<K, V>>, Fault> {
        let count = self.count(store)?;
        let mut beyond = count.saturating_sub(allowed);
        let mut leaving = Vec::new();
        store.prefix(UPDATES, &mut |at, row| {
            let due = split_update(&at).is_none_or(|(due, _)| due <= now);
            if !due && beyond == 0 {
                return ControlFlow::Break(());
            }
            beyond = beyond.saturating_sub(1);
            leaving.push((at, row.value.clone()));
            ControlFlow::Continue(())
        })?;
        if leaving.is_empty() {
            return Ok(Vec::new());
        }
        let remaining = count.saturating_sub(leaving.len() as u64);
        let mut released = Vec::with_capacity(leaving.len());
        for (at, row) in leaving {
            released.extend(self.remove(store, &at, row)?);
        }
        store.put(&COUNT.to_vec(), Row::Count(remaining), 0)?;
        Ok(released)
    }

    fn remove(
        &self,
        store: &mut BufferStore<V>,
        at: &Vec<u8>,
        row: Row<V>,
    ) -> Result<Option<Released<K, V>>, Fault> {
        let (Row::Update { old, new, timestamp, headers }, Some((_, key))) = (row, split_update(at)) else {
            return Ok(None);
        };
        store.delete(&held_at(key), timestamp)?;
        store.delete(at, timestamp)?;
        let key = self.key.decode(key).map_err(|error| {
            Fault::fatal("STATE_STORE", format!("a key held back cannot be read: {error}"))
        })?;
        Ok(Some(Released { key, change: Change { old, new }, timestamp, headers }))
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
    buffer: Buffer<K, V>,
    below: RowsRef<K, V>,
    types: PhantomData<fn() -> K>,
}

impl<K: Data, V: Data> BufferedRows<K, V> {
    pub(crate) fn new(store: StoreHandle<BufferStore<V>>, key: CodecRef<K>, below: RowsRef<K, V>) -> Self {
        Self { buffer: Buffer::new(store, key), below, types: PhantomData }
    }
}

impl<K: Data, V: Data> Rows<K, V> for BufferedRows<K, V> {
    fn read(&self, stores: &mut TaskStores, key: &K, seen: &mut Seen<'_, V>) -> Result<(), Fault> {
        let held = held_at(&encode(key, &self.buffer.key)?);
        if let Some(Row::Held { old, .. }) =
            typed(stores, self.buffer.store)?.get(&held)?.map(|row| &row.value)
        {
            seen(old.as_ref().map(|old| (old, NO_TIME)));
            return Ok(());
        }
        self.below.read(stores, key, seen)
    }
}
