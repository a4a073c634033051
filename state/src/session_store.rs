//! Values by key and session, forgotten when stream time has passed.
//!
//! A session is a span of time with both ends inside. The time of a row is its session's end; rows carry no timestamp of
//! their own.

use std::any::Any;
use std::ops::{ControlFlow, RangeInclusive};
use std::sync::Arc;

use crate::backend::Backend;
use crate::batch::WriteBatch;
use crate::codec::CodecRef;
use crate::error::StateError;
use crate::expiring::Expiring;
use crate::key::{SESSION_SUFFIX, Window, Windowed, push_session, split_session_key};
use crate::merge::Step;
use crate::segment::{SEGMENT_PREFIX, segment_bytes};
use crate::spec::StoreSpec;
use crate::store::{Change, Store};
use crate::window_store::PutOutcome;

/// A typed session store.
pub struct SessionStore<K, V> {
    kept: Expiring<V>,
    key: CodecRef<K>,
    /// The row key of the current call.
    row: Vec<u8>,
}

impl<K: 'static, V: 'static> SessionStore<K, V> {
    /// The store with index `index` in `backend`. A spec of another kind keeps its rows for ever.
    pub fn new(
        spec: StoreSpec,
        index: usize,
        backend: Arc<dyn Backend>,
        key: CodecRef<K>,
        value: CodecRef<V>,
    ) -> Self {
        Self { kept: Expiring::new(spec, index, backend, value, SESSION_SUFFIX), key, row: Vec::new() }
    }

    /// Bounds the bytes of committed entries kept decoded for reads (8 MiB unless set).
    #[must_use]
    pub fn with_cache_bytes(mut self, bytes: usize) -> Self {
        self.kept.rows.set_cache_bytes(bytes);
        self
    }

    /// The value of a key's session with exactly these ends.
    ///
    /// # Errors
    /// The key cannot be encoded, the stored value cannot be decoded, or the backend failed.
    pub fn fetch_session(&mut self, key: &K, session: Window) -> Result<Option<&V>, StateError> {
        if self.kept.is_hidden(session.end)? {
            return Ok(None);
        }
        self.encode(key, session)?;
        Ok(self.kept.rows.get(&self.row)?.map(|found| &found.value))
    }

    /// Sets (`Some`) or removes (`None`) the value of a key's session. `timestamp` is that of the record that causes it; it
    /// goes to the changelog and is not kept. A session that came since the last commit and is removed leaves no trace: the
    /// sessions that a busy key grows through are neither logged nor met by scans.
    ///
    /// # Errors
    /// The key cannot be encoded, or the backend failed.
    pub fn put(
        &mut self,
        key: &K,
        session: Window,
        value: Option<V>,
        timestamp: i64,
    ) -> Result<PutOutcome, StateError> {
        self.kept.observe(session.end)?;
        if self.kept.is_hidden(session.end)? {
            self.kept.refused += 1;
            return Ok(PutOutcome::Expired);
        }
        self.encode(key, session)?;
        match value {
            Some(value) => self.kept.put(&self.row, Some(value), timestamp),
            None => self.kept.remove(&self.row, timestamp)?,
        }
        Ok(PutOutcome::Stored)
    }

    /// Removes a key's session.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub fn remove(&mut self, key: &K, session: Window, timestamp: i64) -> Result<PutOutcome, StateError> {
        self.put(key, session, None, timestamp)
    }

    /// Shows the sessions of one key that end at `earliest_end` or later and begin at `latest_start` or earlier, by end, of
    /// equal ends by the bytes of their start.
    ///
    /// # Errors
    /// As [`fetch_session`](Self::fetch_session).
    pub fn find_sessions(
        &mut self,
        key: &K,
        earliest_end: i64,
        latest_start: i64,
        visit: &mut dyn FnMut(Window, &V) -> ControlFlow<()>,
    ) -> Result<(), StateError> {
        self.encode(key, Window { start: 0, end: 0 })?;
        let wanted_key = &self.row[SEGMENT_PREFIX..self.row.len() - SESSION_SUFFIX];
        let mut wanted =
            |row: &[u8]| split_row(row).is_some_and(|(_, session)| session.start <= latest_start);
        self.kept.of_key(wanted_key, &(earliest_end..=i64::MAX), &mut wanted, &mut |row, value| -> Step {
            let Some((_, session)) = split_row(row) else { return Ok(ControlFlow::Continue(())) };
            Ok(visit(session, &value.value))
        })
    }

    /// The sessions of all keys that end within `ends`, by end, then by start, then by key bytes.
    ///
    /// # Errors
    /// As [`fetch_session`](Self::fetch_session).
    pub fn in_time_order(&mut self, ends: RangeInclusive<i64>) -> Result<Vec<(Windowed<K>, V)>, StateError>
    where
        V: Clone,
    {
        let mut found: Vec<(Window, Vec<u8>, V)> = Vec::new();
        self.kept.of_all(&ends, &mut |row, value| -> Step {
            if let Some((key, session)) = split_row(row) {
                found.push((session, key.to_vec(), value.value.clone()));
            }
            Ok(ControlFlow::Continue(()))
        })?;
        found.sort_by(|(one, one_key, _), (other, other_key, _)| {
            (one.end, one.start, one_key).cmp(&(other.end, other.start, other_key))
        });
        let decode = |(window, key, value): (Window, Vec<u8>, V)| {
            let key = self.key.decode(&key).map_err(|source| self.kept.rows.error(source))?;
            Ok((Windowed { key, window }, value))
        };
        found.into_iter().map(decode).collect()
    }

    /// Highest end put so far, [`NO_TIME`](crate::NO_TIME) before the first one.
    pub fn observed_time(&self) -> i64 {
        self.kept.time.observed
    }

    /// Sets the observed time, as the checkpoint had it. A store that was not told looks it up in its rows.
    pub fn set_observed_time(&mut self, time: i64) {
        self.kept.set_observed_time(time);
    }

    /// How many puts were refused because they were expired.
    pub fn refused(&self) -> u64 {
        self.kept.refused
    }

    fn encode(&mut self, key: &K, session: Window) -> Result<(), StateError> {
        self.row.clear();
        self.row.extend_from_slice(&segment_bytes(self.kept.segments.segment(session.end)));
        self.key.encode(key, &mut self.row).map_err(|source| self.kept.rows.error(source))?;
        push_session(session, &mut self.row);
        Ok(())
    }
}

impl<K: 'static, V: Send + 'static> Store for SessionStore<K, V> {
    fn spec(&self) -> &StoreSpec {
        &self.kept.rows.spec
    }

    fn drain(
        &mut self,
        batch: &mut WriteBatch,
        changelog: &mut dyn FnMut(Change<'_>),
    ) -> Result<(), StateError> {
        self.kept.drain(batch, changelog)
    }

    fn committed(&mut self) {
        self.kept.committed();
    }

    fn discard(&mut self) {
        self.kept.discard();
    }

    fn dirty_bytes(&self) -> usize {
        self.kept.rows.dirty_bytes()
    }

    fn observed_time(&self) -> i64 {
        self.kept.time.observed
    }

    fn set_observed_time(&mut self, time: i64) {
        Self::set_observed_time(self, time);
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

/// Key bytes and session of a row key.
fn split_row(row: &[u8]) -> Option<(&[u8], Window)> {
    split_session_key(row.get(SEGMENT_PREFIX..)?)
}
