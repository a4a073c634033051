//! Stores that may be read and not written.

use std::ops::{Bound, ControlFlow, RangeInclusive};

use topo_state::{
    Direction, KeyValueStore, LruStore, SessionStore, Timestamped, VersionedStore, Window, WindowStore,
    Windowed,
};

use super::StoreHandle;
use crate::fault::Fault;

/// Names a store that the processor may read and not write: that of a table, whose rows only the table's own records change, or
/// any for which [`StoreHandle::read_only`] was asked. Look into it with [`Context::read`](crate::Context::read).
pub struct ReadHandle<S>(pub(crate) StoreHandle<S>);

impl<S> StoreHandle<S> {
    /// The same store for a processor that must not write it: connect and use the answer in place of the handle. Kafka
    /// Streams: `addReadOnlyStateStore` (KIP-813), for a store that is filled from a topic: [`Builder::table`] and
    /// [`Table::store`] are that.
    ///
    /// [`Builder::table`]: crate::Builder::table
    /// [`Table::store`]: crate::Table::store
    pub fn read_only(self) -> ReadHandle<S> {
        ReadHandle(self)
    }
}

impl<S> Clone for ReadHandle<S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for ReadHandle<S> {}

/// A store, without the ways to write it.
pub struct ReadOnly<'s, S>(pub(crate) &'s mut S);

impl<K: 'static, V: 'static> ReadOnly<'_, KeyValueStore<K, V>> {
    /// The value of a key.
    ///
    /// # Errors
    /// As [`KeyValueStore::get`].
    pub fn get(&mut self, key: &K) -> Result<Option<&Timestamped<V>>, Fault> {
        Ok(self.0.get(key)?)
    }

    /// Shows the entries between two keys.
    ///
    /// # Errors
    /// As [`KeyValueStore::range`].
    pub fn range(
        &mut self,
        from: Bound<&K>,
        to: Bound<&K>,
        direction: Direction,
        visit: &mut dyn FnMut(K, &Timestamped<V>) -> ControlFlow<()>,
    ) -> Result<(), Fault> {
        Ok(self.0.range(from, to, direction, visit)?)
    }

    /// Shows the entries whose encoded key begins with `prefix`, in byte order.
    ///
    /// # Errors
    /// As [`KeyValueStore::prefix`].
    pub fn prefix(
        &mut self,
        prefix: &[u8],
        visit: &mut dyn FnMut(K, &Timestamped<V>) -> ControlFlow<()>,
    ) -> Result<(), Fault> {
        Ok(self.0.prefix(prefix, visit)?)
    }

    /// Shows all entries in byte order.
    ///
    /// # Errors
    /// As [`KeyValueStore::all`].
    pub fn all(&mut self, visit: &mut dyn FnMut(K, &Timestamped<V>) -> ControlFlow<()>) -> Result<(), Fault> {
        Ok(self.0.all(visit)?)
    }

    /// About how many entries are committed.
    ///
    /// # Errors
    /// As [`KeyValueStore::approximate_len`].
    pub fn approximate_len(&self) -> Result<u64, Fault> {
        Ok(self.0.approximate_len()?)
    }
}

impl<K: 'static, V: 'static> ReadOnly<'_, LruStore<K, V>> {
    /// The value of a key, which is not used by that.
    ///
    /// # Errors
    /// As [`LruStore::peek`].
    pub fn get(&mut self, key: &K) -> Result<Option<&Timestamped<V>>, Fault> {
        Ok(self.0.peek(key)?)
    }
}

impl<K: 'static, V: 'static> ReadOnly<'_, VersionedStore<K, V>> {
    /// What a key is worth now, and since when.
    ///
    /// # Errors
    /// As [`VersionedStore::get`].
    pub fn get(&mut self, key: &K) -> Result<Option<Timestamped<V>>, Fault>
    where
        V: Clone,
    {
        Ok(self.0.get(key)?)
    }

    /// What a key was worth at a time, and since when.
    ///
    /// # Errors
    /// As [`VersionedStore::get_as_of`].
    pub fn get_as_of(&mut self, key: &K, as_of: i64) -> Result<Option<Timestamped<V>>, Fault>
    where
        V: Clone,
    {
        Ok(self.0.get_as_of(key, as_of)?)
    }
}

impl<K: 'static, V: 'static> ReadOnly<'_, WindowStore<K, V>> {
    /// The value of a key and window start.
    ///
    /// # Errors
    /// As [`WindowStore::fetch`].
    pub fn fetch(&mut self, key: &K, start: i64) -> Result<Option<&Timestamped<V>>, Fault> {
        Ok(self.0.fetch(key, start)?)
    }

    /// Shows the entries of a key whose window starts in a span, by start.
    ///
    /// # Errors
    /// As [`WindowStore::fetch_range`].
    pub fn fetch_range(
        &mut self,
        key: &K,
        starts: RangeInclusive<i64>,
        visit: &mut dyn FnMut(i64, &Timestamped<V>) -> ControlFlow<()>,
    ) -> Result<(), Fault> {
        Ok(self.0.fetch_range(key, starts, visit)?)
    }

    /// The same, newest first.
    ///
    /// # Errors
    /// As [`WindowStore::fetch_backward`].
    pub fn fetch_backward(
        &mut self,
        key: &K,
        starts: RangeInclusive<i64>,
        visit: &mut dyn FnMut(i64, &Timestamped<V>) -> ControlFlow<()>,
    ) -> Result<(), Fault> {
        Ok(self.0.fetch_backward(key, starts, visit)?)
    }
}

impl<K: 'static, V: 'static> ReadOnly<'_, SessionStore<K, V>> {
    /// The value of a key and session.
    ///
    /// # Errors
    /// As [`SessionStore::fetch_session`].
    pub fn fetch_session(&mut self, key: &K, session: Window) -> Result<Option<&V>, Fault> {
        Ok(self.0.fetch_session(key, session)?)
    }

    /// The sessions whose end lies in a span, by end, start, then key bytes.
    ///
    /// # Errors
    /// As [`SessionStore::in_time_order`].
    pub fn in_time_order(&mut self, ends: RangeInclusive<i64>) -> Result<Vec<(Windowed<K>, V)>, Fault>
    where
        V: Clone,
    {
        Ok(self.0.in_time_order(ends)?)
    }
}
