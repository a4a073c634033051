//! Values by key and session, forgotten when stream time has passed.
//!
//! A session is a span of time with both ends inside. The store's own time is the highest end it was asked to put, the
//! *observed* time. Sessions with an end of `observed - retention` or less are hidden from every read and refused by every
//! put; their segments are removed at the next commit. Rows carry no timestamp: a session's is its end.

use std::any::Any;
use std::ops::{Bound, ControlFlow, RangeInclusive};
use std::sync::Arc;

use crate::backend::{Backend, Direction};
use crate::batch::WriteBatch;
use crate::codec::CodecRef;
use crate::error::StateError;
use crate::key::{SESSION_SUFFIX, Window, Windowed, push_session, split_session_key};
use crate::merge::{Range, Step};
use crate::observed::Time;
use crate::rows::Rows;
use crate::segment::{SEGMENT_PREFIX, Segments, segment_bytes};
use crate::spec::StoreSpec;
use crate::store::{Change, NO_TIME, Store};
use crate::window_store::PutOutcome;

/// A typed session store.
pub struct SessionStore<K, V> {
    rows: Rows<V>,
    key: CodecRef<K>,
    segments: Segments,
    time: Time,
    refused: u64,
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
        let segments = Segments::of(&spec.kind).unwrap_or_else(Segments::endless);
        let rows = Rows::new(spec, index, backend, value);
        Self { rows, key, segments, time: Time::unknown(), refused: 0, row: Vec::new() }
    }

    /// Bounds the bytes of committed entries kept decoded for reads (8 MiB unless set).
    #[must_use]
    pub fn with_cache_bytes(mut self, bytes: usize) -> Self {
        self.rows.set_cache_bytes(bytes);
        self
    }

    /// The value of a key's session with exactly these ends.
    ///
    /// # Errors
    /// The key cannot be encoded, the stored value cannot be decoded, or the backend failed.
    pub fn fetch_session(&mut self, key: &K, session: Window) -> Result<Option<&V>, StateError> {
        self.ensure_time()?;
        if self.segments.is_expired(session.end, self.time.observed) {
            return Ok(None);
        }
        self.encode(key, session)?;
        Ok(self.rows.get(&self.row)?.map(|found| &found.value))
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
        self.ensure_time()?;
        self.time.observed = self.time.observed.max(session.end);
        if self.segments.is_expired(session.end, self.time.observed) {
            self.refused += 1;
            return Ok(PutOutcome::Expired);
        }
        self.encode(key, session)?;
        match value {
            Some(value) => self.rows.put(&self.row, Some(value), timestamp),
            None => self.rows.remove(&self.row, timestamp)?,
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
        let Some((first, last)) = self.visible(&(earliest_end..=i64::MAX))? else { return Ok(()) };
        self.encode(key, Window { start: 0, end: 0 })?;
        let wanted_key = self.row[SEGMENT_PREFIX..self.row.len() - SESSION_SUFFIX].to_vec();
        let mut go_on = true;
        for segment in self.segments.segment(first)..=self.segments.segment(last) {
            // Within one segment all ends have the same sign, so their bytes are in time order.
            let (low, high) = self.segments.clamp(segment, first, last);
            let from = row_key(segment, &wanted_key, low, 0);
            let to = row_key(segment, &wanted_key, high, -1);
            let range = Range {
                from: Bound::Included(&from),
                to: Bound::Included(&to),
                direction: Direction::Forward,
            };
            // The bytes between may belong to a longer key.
            let mut wanted = |row: &[u8]| {
                split_row(row)
                    .is_some_and(|(key, session)| key == wanted_key && session.start <= latest_start)
            };
            self.rows.scan(range, &mut wanted, &mut |row, value| -> Step {
                let Some((_, session)) = split_row(row) else { return Ok(ControlFlow::Continue(())) };
                let flow = visit(session, &value.value);
                go_on = flow.is_continue();
                Ok(flow)
            })?;
            if !go_on {
                break;
            }
        }
        Ok(())
    }

    /// The sessions of all keys that end within `ends`, by end, then by start, then by key bytes.
    ///
    /// # Errors
    /// As [`fetch_session`](Self::fetch_session).
    pub fn in_time_order(&mut self, ends: RangeInclusive<i64>) -> Result<Vec<(Windowed<K>, V)>, StateError>
    where
        V: Clone,
    {
        let Some((first, last)) = self.visible(&ends)? else { return Ok(Vec::new()) };
        let (from, to) = self.segments.bounds(first, last);
        let range = Range {
            from: Bound::Included(&from),
            to: to.as_ref().map_or(Bound::Unbounded, |to| Bound::Excluded(to)),
            direction: Direction::Forward,
        };
        let mut found: Vec<(Window, Vec<u8>, V)> = Vec::new();
        let mut wanted =
            |row: &[u8]| split_row(row).is_some_and(|(_, session)| (first..=last).contains(&session.end));
        self.rows.scan(range, &mut wanted, &mut |row, value| -> Step {
            if let Some((key, session)) = split_row(row) {
                found.push((session, key.to_vec(), value.value.clone()));
            }
            Ok(ControlFlow::Continue(()))
        })?;
        found.sort_by(|(one, one_key, _), (other, other_key, _)| {
            (one.end, one.start, one_key).cmp(&(other.end, other.start, other_key))
        });
        let decode = |(window, key, value): (Window, Vec<u8>, V)| {
            let key = self.key.decode(&key).map_err(|source| self.rows.error(source))?;
            Ok((Windowed { key, window }, value))
        };
        found.into_iter().map(decode).collect()
    }

    /// Highest end put so far, [`NO_TIME`] before the first one.
    pub fn observed_time(&self) -> i64 {
        self.time.observed
    }

    /// Sets the observed time, as the checkpoint had it. A store that was not told looks it up in its rows.
    pub fn set_observed_time(&mut self, time: i64) {
        if time != NO_TIME {
            self.time = Time::known(time);
        }
    }

    /// How many puts were refused because they were expired.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// The part of `ends` in which rows can be visible.
    fn visible(&mut self, ends: &RangeInclusive<i64>) -> Result<Option<(i64, i64)>, StateError> {
        self.ensure_time()?;
        if self.time.observed == NO_TIME {
            return Ok(None);
        }
        let first = *ends.start().max(&self.segments.visible_from(self.time.observed));
        let last = *ends.end().min(&self.time.observed);
        Ok((first <= last).then_some((first, last)))
    }

    /// Finds the highest stored end when nobody told the observed time: a look at the last segment.
    fn ensure_time(&mut self) -> Result<(), StateError> {
        if self.time.known {
            return Ok(());
        }
        let mut last_segment = None;
        let mut highest = NO_TIME;
        let range = Range { from: Bound::Unbounded, to: Bound::Unbounded, direction: Direction::Reverse };
        self.rows.scan_keys(range, &mut |row| {
            let segment = row.first_chunk::<SEGMENT_PREFIX>().copied();
            if *last_segment.get_or_insert(segment) != segment {
                return ControlFlow::Break(());
            }
            highest = highest.max(split_row(row).map_or(NO_TIME, |(_, session)| session.end));
            ControlFlow::Continue(())
        })?;
        self.time = Time::known(highest);
        Ok(())
    }

    fn encode(&mut self, key: &K, session: Window) -> Result<(), StateError> {
        self.row.clear();
        self.row.extend_from_slice(&segment_bytes(self.segments.segment(session.end)));
        self.key.encode(key, &mut self.row).map_err(|source| self.rows.error(source))?;
        push_session(session, &mut self.row);
        Ok(())
    }
}

impl<K: 'static, V: Send + 'static> Store for SessionStore<K, V> {
    fn spec(&self) -> &StoreSpec {
        &self.rows.spec
    }

    fn drain(
        &mut self,
        batch: &mut WriteBatch,
        changelog: &mut dyn FnMut(Change<'_>),
    ) -> Result<(), StateError> {
        self.rows.drain(SEGMENT_PREFIX, batch, changelog)?;
        // Behind the puts: a row that expired within the interval goes as well.
        self.segments.expire(self.time.expired, self.time.observed, self.rows.index, batch);
        self.time.drain();
        Ok(())
    }

    fn committed(&mut self) {
        self.rows.committed();
        self.time.commit();
    }

    fn discard(&mut self) {
        self.rows.discard();
        self.time.discard();
    }

    fn dirty_bytes(&self) -> usize {
        self.rows.dirty_bytes()
    }

    fn observed_time(&self) -> i64 {
        self.time.observed
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

fn row_key(segment: i64, key: &[u8], end: i64, start: i64) -> Vec<u8> {
    let mut row = [&segment_bytes(segment)[..], key].concat();
    push_session(Window { start, end }, &mut row);
    row
}

/// Key bytes and session of a row key.
fn split_row(row: &[u8]) -> Option<(&[u8], Window)> {
    split_session_key(row.get(SEGMENT_PREFIX..)?)
}
