//! One value per key.

use std::any::Any;
use std::ops::{Bound, ControlFlow};
use std::sync::Arc;

use crate::backend::{Backend, Direction};
use crate::batch::WriteBatch;
use crate::codec::CodecRef;
use crate::error::StateError;
use crate::merge::{Range, Step};
use crate::rows::Rows;
use crate::spec::StoreSpec;
use crate::store::{Change, Store, Timestamped};

/// A typed key-value store, plain or timestamped as its spec says.
///
/// Reads see own writes. A plain store does not persist timestamps: until the commit an entry has the one it was put with,
/// afterwards -1. Scans run in the byte order of encoded keys over committed rows and own writes together.
pub struct KeyValueStore<K, V> {
    rows: Rows<V>,
    key: CodecRef<K>,
    /// The encoded key of the current call.
    row: Vec<u8>,
}

/// What a scan shows: key and value, until the visitor breaks.
type Visit<'a, K, V> = dyn FnMut(K, &Timestamped<V>) -> ControlFlow<()> + 'a;

impl<K: 'static, V: 'static> KeyValueStore<K, V> {
    /// The store with index `index` in `backend`.
    pub fn new(
        spec: StoreSpec,
        index: usize,
        backend: Arc<dyn Backend>,
        key: CodecRef<K>,
        value: CodecRef<V>,
    ) -> Self {
        Self { rows: Rows::new(spec, index, backend, value), key, row: Vec::new() }
    }

    /// Bounds the bytes of committed entries kept decoded for reads (8 MiB unless set).
    #[must_use]
    pub fn with_cache_bytes(mut self, bytes: usize) -> Self {
        self.rows.set_cache_bytes(bytes);
        self
    }

    /// The value of a key.
    ///
    /// # Errors
    /// The key cannot be encoded, the stored value cannot be decoded, or the backend failed.
    pub fn get(&mut self, key: &K) -> Result<Option<&Timestamped<V>>, StateError> {
        self.encode(key)?;
        self.rows.get(&self.row)
    }

    /// Sets the value of a key.
    ///
    /// # Errors
    /// The key cannot be encoded. (The value is encoded at the commit.)
    pub fn put(&mut self, key: &K, value: V, timestamp: i64) -> Result<(), StateError> {
        self.encode(key)?;
        self.rows.put(&self.row, Some(value), timestamp);
        Ok(())
    }

    /// Replaces the value of a key, if any, by what `change` makes of it; `None` removes it. Values that grow with each write
    /// need not be copied for it.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn update(
        &mut self,
        key: &K,
        timestamp: i64,
        change: impl FnOnce(Option<V>) -> Option<V>,
    ) -> Result<(), StateError> {
        self.encode(key)?;
        self.rows.update(&self.row, timestamp, change)
    }

    /// Removes a key. The changelog gets a tombstone, also when there was no value.
    ///
    /// # Errors
    /// The key cannot be encoded.
    pub fn delete(&mut self, key: &K, timestamp: i64) -> Result<(), StateError> {
        self.encode(key)?;
        self.rows.put(&self.row, None, timestamp);
        Ok(())
    }

    /// Shows the entries between two keys.
    ///
    /// # Errors
    /// A key or value cannot be encoded or decoded, or the backend failed.
    pub fn range(
        &mut self,
        from: Bound<&K>,
        to: Bound<&K>,
        direction: Direction,
        visit: &mut Visit<'_, K, V>,
    ) -> Result<(), StateError> {
        let from = self.encode_bound(from)?;
        let to = self.encode_bound(to)?;
        let range = Range { from: as_slice(&from), to: as_slice(&to), direction };
        self.scan(range, visit)
    }

    /// Shows the entries whose encoded key begins with `prefix`, in byte order.
    ///
    /// # Errors
    /// As [`range`](Self::range).
    pub fn prefix(&mut self, prefix: &[u8], visit: &mut Visit<'_, K, V>) -> Result<(), StateError> {
        let end = prefix_end(prefix);
        let to = end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        self.scan(Range { from: Bound::Included(prefix), to, direction: Direction::Forward }, visit)
    }

    /// Shows all entries in byte order.
    ///
    /// # Errors
    /// As [`range`](Self::range).
    pub fn all(&mut self, visit: &mut Visit<'_, K, V>) -> Result<(), StateError> {
        self.prefix(&[], visit)
    }

    /// About how many entries are committed: quick, and off by what was written or deleted lately. Kafka Streams:
    /// `approximateNumEntries`.
    ///
    /// # Errors
    /// The backend failed.
    pub fn approximate_len(&self) -> Result<u64, StateError> {
        self.rows.approximate_len()
    }

    fn scan(&mut self, range: Range<'_>, visit: &mut Visit<'_, K, V>) -> Result<(), StateError> {
        let codec = self.key.clone();
        let store = self.rows.spec.name.clone();
        self.rows.scan(range, &mut |_| true, &mut |row, value| -> Step {
            match codec.decode(row) {
                Ok(key) => Ok(visit(key, value)),
                Err(source) => Err(StateError::Codec { store: store.clone(), source }),
            }
        })
    }

    fn encode(&mut self, key: &K) -> Result<(), StateError> {
        self.row.clear();
        self.key.encode(key, &mut self.row).map_err(|source| self.rows.error(source))
    }

    fn encode_bound(&mut self, bound: Bound<&K>) -> Result<Bound<Vec<u8>>, StateError> {
        if let Bound::Included(key) | Bound::Excluded(key) = bound {
            self.encode(key)?;
        }
        Ok(bound.map(|_| self.row.clone()))
    }
}

impl<K: 'static, V: Send + 'static> Store for KeyValueStore<K, V> {
    fn spec(&self) -> &StoreSpec {
        &self.rows.spec
    }

    fn drain(
        &mut self,
        batch: &mut WriteBatch,
        changelog: &mut dyn FnMut(Change<'_>),
    ) -> Result<(), StateError> {
        self.rows.drain(0, batch, changelog)
    }

    fn value_version(&self) -> Option<u8> {
        self.rows.value_version()
    }

    fn committed(&mut self) {
        self.rows.committed();
    }

    fn discard(&mut self) {
        self.rows.discard();
    }

    fn dirty_bytes(&self) -> usize {
        self.rows.dirty_bytes()
    }

    fn read_through(&mut self) {
        self.rows.read_through();
    }

    fn show_key(&self, key: &[u8]) -> serde_json::Value {
        self.key.show(key)
    }

    fn show_value(&self, value: &[u8]) -> serde_json::Value {
        self.rows.show(value)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

fn as_slice(bound: &Bound<Vec<u8>>) -> Bound<&[u8]> {
    bound.as_ref().map(Vec::as_slice)
}

/// The lowest bytes behind all that begin with `prefix`; `None` = there are none.
fn prefix_end(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != u8::MAX)?;
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    Some(end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::StoreKind;
    use crate::{Checkpoint, Identity, Place, TaskState, i64_be, utf8};

    #[test]
    fn a_store_that_reads_through_sees_what_another_store_commits() {
        let spec = StoreSpec::new("s", StoreKind::KeyValue { timestamped: true }, &*utf8(), &*i64_be());
        let mut state =
            TaskState::open(&Place::Memory, &Identity::default(), vec![spec.clone()]).unwrap().state;
        let open = || KeyValueStore::new(spec.clone(), 0, state.backend(), utf8(), i64_be());
        let (mut writer, mut reader, key) = (open(), open(), "k".to_owned());
        reader.read_through();
        for round in 1..3 {
            assert_eq!(reader.get(&key).unwrap().map(|it| it.value), (round > 1).then_some(round - 1));
            writer.put(&key, round, 0).unwrap();
            let mut batch = WriteBatch::new();
            writer.drain(&mut batch, &mut |_| {}).unwrap();
            state.apply(batch, Checkpoint::default()).unwrap();
            writer.committed();
        }
        assert_eq!(reader.get(&key).unwrap().map(|it| it.value), Some(2));
    }

    #[test]
    fn the_end_of_a_prefix_is_the_next_bytes_that_do_not_begin_with_it() {
        assert_eq!(prefix_end(b"ab"), Some(b"ac".to_vec()));
        assert_eq!(prefix_end(&[1, 0xff, 0xff]), Some(vec![2]));
        assert_eq!(prefix_end(&[0xff, 0xff]), None);
        assert_eq!(prefix_end(&[]), None);
    }
}
