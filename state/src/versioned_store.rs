//! Values by key and time: what a key was worth then.
//!
//! The store's own time is the highest timestamp it was asked to put, the *observed* time. A version counts from its
//! timestamp until that of the next version of its key. Whoever asks for a time more than the history behind the observed
//! time gets the newest version or nothing; versions that can answer nobody are removed at a commit.

use std::any::Any;
use std::ops::{Bound, ControlFlow};
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::backend::{Backend, Direction};
use crate::batch::WriteBatch;
use crate::codec::CodecRef;
use crate::error::StateError;
use crate::merge::Range;
use crate::rows::Rows;
use crate::spec::{StoreKind, StoreSpec};
use crate::store::{Change, NO_TIME, Store, Timestamped};
use crate::version;

/// Newest timestamps of keys that are remembered between reads.
const REMEMBERED: usize = 64 << 10;

/// What became of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VersionOutcome {
    /// It is the newest version of its key.
    Newest,
    /// The key has a newer version; this one counts until then.
    Older,
    /// It is older than the history allows; nothing changed.
    Expired,
}

/// A typed store that keeps older values of its keys for a time.
///
/// Reads see own writes. Deletions are versions: between a deletion and the next version the key has no value.
pub struct VersionedStore<K, V> {
    rows: Rows<Option<V>>,
    backend: Arc<dyn Backend>,
    key: CodecRef<K>,
    history_ms: i64,
    observed: i64,
    drained: i64,
    committed: i64,
    /// Whether `observed` is certain; before that it is looked up in the rows.
    known: bool,
    refused: u64,
    /// The time of the newest version per key, as far as it was looked up.
    newest: FxHashMap<Vec<u8>, Option<i64>>,
}

impl<K: 'static, V: Clone + 'static> VersionedStore<K, V> {
    /// The store with index `index` in `backend`. A spec of another kind keeps its versions for ever.
    pub fn new(
        spec: StoreSpec,
        index: usize,
        backend: Arc<dyn Backend>,
        key: CodecRef<K>,
        value: CodecRef<V>,
    ) -> Self {
        let history_ms = match spec.kind {
            StoreKind::Versioned { history_ms } => history_ms.max(0),
            _ => i64::MAX,
        };
        Self {
            rows: Rows::new(spec, index, backend.clone(), version::version_codec(value)),
            backend,
            key,
            history_ms,
            observed: NO_TIME,
            drained: NO_TIME,
            committed: NO_TIME,
            known: false,
            refused: 0,
            newest: FxHashMap::default(),
        }
    }

    /// The present value of a key, with the time from which on it counts.
    ///
    /// # Errors
    /// The key cannot be encoded, the stored value cannot be decoded, or the backend failed.
    pub fn get(&mut self, key: &K) -> Result<Option<Timestamped<V>>, StateError> {
        let key = self.encode(key)?;
        match self.newest_of(&key)? {
            Some(newest) => self.version(&key, newest),
            None => Ok(None),
        }
    }

    /// What `key` was worth at `as_of`, with the time from which on it was. Times more than the history behind the highest
    /// put are answered by the newest version only.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn get_as_of(&mut self, key: &K, as_of: i64) -> Result<Option<Timestamped<V>>, StateError> {
        self.ensure_time()?;
        let key = self.encode(key)?;
        match self.newest_of(&key)? {
            Some(newest) if newest <= as_of => self.version(&key, newest),
            Some(_) if as_of >= self.horizon() => match self.newest_until(&key, as_of)? {
                Some(time) => self.version(&key, time),
                None => Ok(None),
            },
            _ => Ok(None),
        }
    }

    /// Says what `key` is worth from `timestamp` on, until its next version; `None` = nothing. A version of the same time is
    /// replaced.
    ///
    /// # Errors
    /// The key cannot be encoded, or the backend failed.
    pub fn put(&mut self, key: &K, value: Option<V>, timestamp: i64) -> Result<VersionOutcome, StateError> {
        self.ensure_time()?;
        self.observed = self.observed.max(timestamp);
        if timestamp < self.horizon() {
            self.refused += 1;
            return Ok(VersionOutcome::Expired);
        }
        let key = self.encode(key)?;
        let newest = self.newest_of(&key)?;
        let row = version::version_at(version::versions_of(&key), timestamp);
        self.rows.put(&row, Some(value), timestamp);
        if newest.is_some_and(|newest| newest > timestamp) {
            return Ok(VersionOutcome::Older);
        }
        self.newest.insert(key, Some(timestamp));
        Ok(VersionOutcome::Newest)
    }

    /// Highest timestamp put so far, [`NO_TIME`] before the first one.
    pub fn observed_time(&self) -> i64 {
        self.observed
    }

    /// How many versions were refused because they were expired.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// Times before this are history.
    fn horizon(&self) -> i64 {
        if self.observed == NO_TIME { i64::MIN } else { self.observed.saturating_sub(self.history_ms) }
    }

    /// The value of the version of exactly this time.
    fn version(&mut self, key: &[u8], timestamp: i64) -> Result<Option<Timestamped<V>>, StateError> {
        let row = version::version_at(version::versions_of(key), timestamp);
        let found = self.rows.get(&row)?;
        Ok(found.and_then(|row| row.value.clone()).map(|value| Timestamped { value, timestamp }))
    }

    /// The time of the newest version of a key, deletions included.
    fn newest_of(&mut self, key: &[u8]) -> Result<Option<i64>, StateError> {
        if let Some(newest) = self.newest.get(key) {
            return Ok(*newest);
        }
        let newest = self.newest_until(key, i64::MAX)?;
        if self.newest.len() >= REMEMBERED {
            self.newest.clear();
        }
        self.newest.insert(key.to_vec(), newest);
        Ok(newest)
    }

    /// The time of the newest version that is not younger than `timestamp`.
    fn newest_until(&mut self, key: &[u8], timestamp: i64) -> Result<Option<i64>, StateError> {
        let from = version::versions_of(key);
        let to = version::version_at(from.clone(), timestamp);
        let range =
            Range { from: Bound::Included(&from), to: Bound::Included(&to), direction: Direction::Reverse };
        let mut found = None;
        self.rows.scan_keys(range, &mut |row| {
            found = version::split_version(row).map(|(_, time)| time);
            ControlFlow::Break(())
        })?;
        Ok(found)
    }

    /// Finds the highest timestamp when nobody told the observed time: a look at all rows.
    fn ensure_time(&mut self) -> Result<(), StateError> {
        if !self.known {
            let mut highest = NO_TIME;
            let range = Range { from: Bound::Unbounded, to: Bound::Unbounded, direction: Direction::Forward };
            self.rows.scan_keys(range, &mut |row| {
                highest = highest.max(version::split_version(row).map_or(NO_TIME, |(_, time)| time));
                ControlFlow::Continue(())
            })?;
            self.set_time(highest);
        }
        Ok(())
    }

    fn set_time(&mut self, time: i64) {
        (self.observed, self.drained, self.committed, self.known) = (time, time, time, true);
    }

    fn encode(&self, key: &K) -> Result<Vec<u8>, StateError> {
        let mut bytes = Vec::new();
        self.key.encode(key, &mut bytes).map_err(|source| self.rows.error(source))?;
        Ok(bytes)
    }

    /// Removes committed versions that were replaced before the horizon.
    fn expire(&self, batch: &mut WriteBatch) -> Result<(), StateError> {
        let index = self.rows.index;
        let (from, to) = version::replaces_until(self.horizon());
        let mut due = Vec::new();
        let bounds = (Bound::Included(&from[..]), Bound::Excluded(&to[..]));
        self.backend.scan(index, bounds.0, bounds.1, Direction::Forward, &mut |row, _| {
            due.push(row.to_vec());
            ControlFlow::Continue(())
        })?;
        for row in due {
            batch.delete(index, &row);
            let Some((time, key)) = version::split_replaces(&row) else { continue };
            let from = version::versions_of(key);
            let to = version::version_at(from.clone(), time);
            let bounds = (Bound::Included(&from[..]), Bound::Excluded(&to[..]));
            self.backend.scan(index, bounds.0, bounds.1, Direction::Forward, &mut |version, _| {
                batch.delete(index, version);
                ControlFlow::Continue(())
            })?;
        }
        Ok(())
    }
}

impl<K: 'static, V: Clone + Send + 'static> Store for VersionedStore<K, V> {
    fn spec(&self) -> &StoreSpec {
        &self.rows.spec
    }

    fn drain(
        &mut self,
        batch: &mut WriteBatch,
        changelog: &mut dyn FnMut(Change<'_>),
    ) -> Result<(), StateError> {
        if self.observed != NO_TIME {
            self.expire(batch)?;
        }
        let index = self.rows.index;
        self.rows.encoded(&mut |row, encoded, _| {
            let Some(((key, timestamp), encoded)) = version::split_version(row).zip(encoded) else { return };
            let value = version::bare_value(encoded);
            changelog(Change { key, value, timestamp });
            version::put_version(batch, index, key, timestamp, value);
        })?;
        self.drained = self.observed;
        Ok(())
    }

    fn committed(&mut self) {
        self.rows.committed();
        self.committed = self.drained;
    }

    fn discard(&mut self) {
        self.rows.discard();
        self.newest.clear();
        (self.observed, self.drained) = (self.committed, self.committed);
    }

    fn dirty_bytes(&self) -> usize {
        self.rows.dirty_bytes()
    }

    fn observed_time(&self) -> i64 {
        self.observed
    }

    fn set_observed_time(&mut self, time: i64) {
        if time != NO_TIME {
            self.set_time(time);
        }
    }

    fn read_through(&mut self) {
        self.rows.read_through();
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}
