//! Rows that end, each at a time of its own.

use std::marker::PhantomData;
use std::ops::{Bound, ControlFlow};
use std::sync::Arc;

use topo_state::{Codec, CodecError, CodecRef, Direction, KeyValueStore, Store};

use super::{StoreHandle, typed};
use crate::fault::Fault;

/// When rows are due, in time order: time, then key bytes.
pub(crate) type DueIndex = KeyValueStore<Vec<u8>, Vec<u8>>;

/// The beginning of an entry of a [`DueIndex`]: bytes whose order is that of times.
pub(crate) fn due_at(time: i64) -> Vec<u8> {
    (time ^ i64::MIN).to_be_bytes().to_vec()
}

/// The time of an entry, and the key behind it.
pub(crate) fn split_due(entry: &[u8]) -> Option<(i64, &[u8])> {
    let (time, key) = entry.split_first_chunk::<8>()?;
    Some((i64::from_be_bytes(*time) ^ i64::MIN, key))
}

/// A value and when it ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Until<V> {
    /// The value.
    pub value: V,
    /// From this time on it is due, by whatever clock the processor goes by.
    pub until: i64,
}

/// Names a store whose rows end, each at a time of its own; from [`Builder::expiring_store`](crate::Builder::expiring_store).
/// Connect a clone of it, and open it with [`Context::expiring`](crate::Context::expiring).
pub struct ExpiringHandle<K, V> {
    pub(crate) rows: StoreHandle<KeyValueStore<K, Until<V>>>,
    pub(crate) index: StoreHandle<DueIndex>,
    pub(crate) key: CodecRef<K>,
}

impl<K, V> Clone for ExpiringHandle<K, V> {
    fn clone(&self) -> Self {
        Self { key: self.key.clone(), ..*self }
    }
}

/// Rows by key, each with a time at which it is due. Nothing goes by itself: a processor takes what is due, in a punctuation or
/// when it sees a record, and says downstream what it will. Rows and due times have changelogs, so both are there after a
/// restore, and nothing that was taken comes back.
pub struct ExpiringStore<'c, K, V> {
    pub(super) stores: &'c mut [Option<Box<dyn Store>>],
    pub(super) handle: &'c ExpiringHandle<K, V>,
}

impl<K: 'static, V: Clone + Send + 'static> ExpiringStore<'_, K, V> {
    /// The row of a key, also one that is due and not taken yet.
    ///
    /// # Errors
    /// The store failed.
    pub fn get(&mut self, key: &K) -> Result<Option<&Until<V>>, Fault> {
        Ok(typed(self.stores, self.handle.rows)?.get(key)?.map(|row| &row.value))
    }

    /// Sets the row of a key, due from `until` on; the time of the row before it counts no more.
    ///
    /// # Errors
    /// As [`get`](Self::get); poison when the key cannot be written.
    pub fn put(&mut self, key: &K, value: V, timestamp: i64, until: i64) -> Result<(), Fault> {
        let before = self.get(key)?.map(|row| row.until);
        if before != Some(until) {
            self.forget(key, before, timestamp)?;
            let entry = self.entry(key, until)?;
            typed(self.stores, self.handle.index)?.put(&entry, Vec::new(), timestamp)?;
        }
        Ok(typed(self.stores, self.handle.rows)?.put(key, Until { value, until }, timestamp)?)
    }

    /// Removes the row of a key before its time.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub fn delete(&mut self, key: &K, timestamp: i64) -> Result<(), Fault> {
        let before = self.get(key)?.map(|row| row.until);
        self.forget(key, before, timestamp)?;
        Ok(typed(self.stores, self.handle.rows)?.delete(key, timestamp)?)
    }

    /// Takes out at most `max` rows that are due at `now`, the longest due first, equal ones by key bytes.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn take_due(&mut self, now: i64, max: usize) -> Result<Vec<(K, Until<V>)>, Fault> {
        let mut due = Vec::new();
        let (from, to) = (Bound::Unbounded, Bound::Unbounded);
        typed(self.stores, self.handle.index)?.range(from, to, Direction::Forward, &mut |entry, _| {
            if due.len() == max || split_due(&entry).is_none_or(|(time, _)| time > now) {
                return ControlFlow::Break(());
            }
            due.push(entry);
            ControlFlow::Continue(())
        })?;
        let mut rows = Vec::new();
        for entry in due {
            typed(self.stores, self.handle.index)?.delete(&entry, now)?;
            let Some((_, key)) = split_due(&entry) else { continue };
            let key = self.handle.key.decode(key).map_err(|error| {
                Fault::fatal("STATE_STORE", format!("a key that is due cannot be read: {error}"))
            })?;
            let store = typed(self.stores, self.handle.rows)?;
            if let Some(row) = store.get(&key)?.map(|row| row.value.clone()) {
                store.delete(&key, now)?;
                rows.push((key, row));
            }
        }
        Ok(rows)
    }

    fn forget(&mut self, key: &K, until: Option<i64>, timestamp: i64) -> Result<(), Fault> {
        let Some(until) = until else { return Ok(()) };
        let entry = self.entry(key, until)?;
        Ok(typed(self.stores, self.handle.index)?.delete(&entry, timestamp)?)
    }

    fn entry(&self, key: &K, until: i64) -> Result<Vec<u8>, Fault> {
        let mut entry = due_at(until);
        self.handle.key.encode(key, &mut entry).map_err(|error| {
            Fault::poison("UNWRITABLE", format!("a key that ends cannot be written: {error}"))
        })?;
        Ok(entry)
    }
}

/// Writes the time before the value.
struct UntilCodec<V> {
    value: CodecRef<V>,
    id: String,
    types: PhantomData<fn() -> V>,
}

/// How values that end are written: 8 bytes of time, then the value.
pub(crate) fn until_codec<V: 'static>(value: CodecRef<V>) -> CodecRef<Until<V>> {
    let id = format!("until <{}>", value.id());
    Arc::new(UntilCodec { value, id, types: PhantomData })
}

impl<V: 'static> Codec<Until<V>> for UntilCodec<V> {
    fn encode(&self, row: &Until<V>, out: &mut Vec<u8>) -> Result<(), CodecError> {
        out.extend_from_slice(&row.until.to_be_bytes());
        self.value.encode(&row.value, out)
    }

    fn decode(&self, bytes: &[u8]) -> Result<Until<V>, CodecError> {
        let Some((until, value)) = bytes.split_first_chunk::<8>() else {
            return Err(CodecError::new(&self.id, bytes.len(), "it has no time"));
        };
        Ok(Until { value: self.value.decode(value)?, until: i64::from_be_bytes(*until) })
    }

    fn id(&self) -> &str {
        &self.id
    }
}

#[cfg(test)]
mod tests {
    use topo_state::utf8;

    use super::*;

    #[test]
    fn entries_lie_by_time_and_values_survive_their_bytes() {
        let entries: Vec<Vec<u8>> = [-5, 0, 7, i64::MAX].map(due_at).to_vec();
        assert!(entries.is_sorted());
        assert_eq!(split_due(&[&due_at(7)[..], b"k"].concat()), Some((7, &b"k"[..])));
        let codec = until_codec(utf8());
        let row = Until { value: "v".to_owned(), until: -3 };
        let mut bytes = Vec::new();
        codec.encode(&row, &mut bytes).unwrap();
        assert_eq!((codec.decode(&bytes).unwrap(), codec.id()), (row, "until <utf8>"));
        assert!(codec.decode(&bytes[..7]).is_err());
    }
}
