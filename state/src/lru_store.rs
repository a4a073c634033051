//! A key-value store that holds so many keys and no more: the one that was not used for the longest time makes room.

use std::any::Any;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::backend::Backend;
use crate::batch::WriteBatch;
use crate::codec::CodecRef;
use crate::error::StateError;
use crate::key_value::KeyValueStore;
use crate::spec::StoreSpec;
use crate::store::{Change, Store, Timestamped};

/// A bounded key-value store. A key that makes room is deleted as by hand: the changelog has its tombstone. Which keys were used
/// when is known from the opening on; before that the order is that of their timestamps, where the store keeps them.
///
/// Kafka Streams: `Stores.lruMap`.
pub struct LruStore<K, V> {
    rows: KeyValueStore<K, V>,
    name: String,
    key: CodecRef<K>,
    capacity: usize,
    /// `None`: to be found from the rows.
    uses: Option<Uses>,
}

/// Keys by when they were used last.
#[derive(Default)]
struct Uses {
    next: u64,
    of: FxHashMap<Arc<[u8]>, u64>,
    order: BTreeMap<u64, Arc<[u8]>>,
}

impl Uses {
    fn touch(&mut self, key: &[u8]) {
        let key = self.forget(key).unwrap_or_else(|| key.into());
        self.order.insert(self.next, key.clone());
        self.of.insert(key, self.next);
        self.next += 1;
    }

    fn forget(&mut self, key: &[u8]) -> Option<Arc<[u8]>> {
        let (key, at) = self.of.remove_entry(key)?;
        self.order.remove(&at);
        Some(key)
    }

    /// The key that makes room when there are more than `capacity`.
    fn surplus(&self, capacity: usize) -> Option<Arc<[u8]>> {
        let (_, key) = self.order.first_key_value().filter(|_| self.order.len() > capacity)?;
        Some(key.clone())
    }
}

impl<K: 'static, V: 'static> LruStore<K, V> {
    /// A store at `index` of a backend, of `capacity` keys, one at least.
    pub fn new(
        spec: StoreSpec,
        index: usize,
        backend: Arc<dyn Backend>,
        key: CodecRef<K>,
        value: CodecRef<V>,
        capacity: usize,
    ) -> Self {
        let name = spec.name.clone();
        let rows = KeyValueStore::new(spec, index, backend, key.clone(), value);
        Self { rows, name, key, capacity: capacity.max(1), uses: None }
    }

    /// The value of a key, which is used by that.
    ///
    /// # Errors
    /// As [`KeyValueStore::get`].
    pub fn get(&mut self, key: &K) -> Result<Option<&Timestamped<V>>, StateError> {
        let bytes = self.encoded(key)?;
        if self.rows.get(key)?.is_some() {
            self.uses()?.touch(&bytes);
        }
        self.rows.get(key)
    }

    /// The value of a key, without using it.
    ///
    /// # Errors
    /// As [`KeyValueStore::get`].
    pub fn peek(&mut self, key: &K) -> Result<Option<&Timestamped<V>>, StateError> {
        self.rows.get(key)
    }

    /// Sets the value of a key. If there are too many then, the one that was not used for the longest time is deleted.
    ///
    /// # Errors
    /// As [`KeyValueStore::get`].
    pub fn put(&mut self, key: &K, value: V, timestamp: i64) -> Result<(), StateError> {
        let (bytes, capacity) = (self.encoded(key)?, self.capacity);
        self.uses()?.touch(&bytes);
        self.rows.put(key, value, timestamp)?;
        while let Some(eldest) = self.uses()?.surplus(capacity) {
            let key = self.key.decode(&eldest).map_err(|source| self.error(source))?;
            self.rows.delete(&key, timestamp)?;
            self.uses()?.forget(&eldest);
        }
        Ok(())
    }

    /// Removes a key.
    ///
    /// # Errors
    /// As [`KeyValueStore::get`].
    pub fn delete(&mut self, key: &K, timestamp: i64) -> Result<(), StateError> {
        let bytes = self.encoded(key)?;
        self.uses()?.forget(&bytes);
        self.rows.delete(key, timestamp)
    }

    /// How many keys it has.
    ///
    /// # Errors
    /// As [`KeyValueStore::get`].
    pub fn len(&mut self) -> Result<usize, StateError> {
        Ok(self.uses()?.order.len())
    }

    /// Whether it has none.
    ///
    /// # Errors
    /// As [`KeyValueStore::get`].
    pub fn is_empty(&mut self) -> Result<bool, StateError> {
        Ok(self.len()? == 0)
    }

    fn uses(&mut self) -> Result<&mut Uses, StateError> {
        if self.uses.is_none() {
            let mut keys = Vec::new();
            self.rows.all(&mut |key, row| {
                keys.push((row.timestamp, key));
                ControlFlow::Continue(())
            })?;
            // Stable: equal times stay in the order of their bytes.
            keys.sort_by_key(|(timestamp, _)| *timestamp);
            let mut uses = Uses::default();
            for (_, key) in keys {
                uses.touch(&self.encoded(&key)?);
            }
            self.uses = Some(uses);
        }
        Ok(self.uses.get_or_insert_default())
    }

    fn encoded(&self, key: &K) -> Result<Vec<u8>, StateError> {
        let mut bytes = Vec::new();
        self.key.encode(key, &mut bytes).map_err(|source| self.error(source))?;
        Ok(bytes)
    }

    fn error(&self, source: crate::codec::CodecError) -> StateError {
        StateError::Codec { store: self.name.clone(), source }
    }
}

impl<K: 'static, V: Send + 'static> Store for LruStore<K, V> {
    fn spec(&self) -> &StoreSpec {
        self.rows.spec()
    }

    fn drain(
        &mut self,
        batch: &mut WriteBatch,
        changelog: &mut dyn FnMut(Change<'_>),
    ) -> Result<(), StateError> {
        self.rows.drain(batch, changelog)
    }

    fn value_version(&self) -> Option<u8> {
        self.rows.value_version()
    }

    fn committed(&mut self) {
        self.rows.committed();
    }

    fn discard(&mut self) {
        self.rows.discard();
        self.uses = None;
    }

    fn dirty_bytes(&self) -> usize {
        self.rows.dirty_bytes()
    }

    fn read_through(&mut self) {
        self.rows.read_through();
    }

    fn show_key(&self, key: &[u8]) -> serde_json::Value {
        self.rows.show_key(key)
    }

    fn show_value(&self, value: &[u8]) -> serde_json::Value {
        self.rows.show_value(value)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}
