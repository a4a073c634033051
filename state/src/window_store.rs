//! Values by key and window start, forgotten when stream time has passed.
//!
//! The store's own time is the highest start it was asked to put, the *observed* time. Rows with a start of
//! `observed - retention` or less are hidden from every read and refused by every put; their segments are removed at the
//! next commit.

use std::any::Any;
use std::ops::{Bound, ControlFlow, RangeInclusive};
use std::sync::Arc;

use crate::backend::{Backend, Direction};
use crate::batch::WriteBatch;
use crate::codec::CodecRef;
use crate::error::StateError;
use crate::key::{WINDOW_SUFFIX, split_window_key};
use crate::merge::{Range, Step};
use crate::observed::Time;
use crate::rows::Rows;
use crate::segment::{SEGMENT_PREFIX, Segments, segment_bytes};
use crate::spec::StoreSpec;
use crate::store::{Change, NO_TIME, Store, Timestamped};

/// What became of a put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PutOutcome {
    /// The row is set.
    Stored,
    /// The start is older than the retention allows; nothing changed.
    Expired,
}

/// A typed window store, plain or timestamped, with or without duplicates, as its spec says.
pub struct WindowStore<K, V> {
    rows: Rows<V>,
    key: CodecRef<K>,
    segments: Segments,
    time: Time,
    refused: u64,
    sequence: Sequence,
    /// The row key of the current call.
    row: Vec<u8>,
}

/// With duplicates: the number of the last put, and how much of the counting is committed.
#[derive(Default)]
struct Sequence {
    last: u32,
    drained: u32,
    committed: u32,
    known: bool,
}

/// What a scan over all keys shows: key, start and value, until the visitor breaks.
type Visit<'a, K, V> = dyn FnMut(K, i64, &Timestamped<V>) -> ControlFlow<()> + 'a;

impl<K: 'static, V: 'static> WindowStore<K, V> {
    /// The store with index `index` in `backend`. A spec of another kind keeps its rows for ever.
    pub fn new(
        spec: StoreSpec,
        index: usize,
        backend: Arc<dyn Backend>,
        key: CodecRef<K>,
        value: CodecRef<V>,
    ) -> Self {
        let segments = Segments::of(&spec.kind).unwrap_or_else(Segments::endless);
        Self {
            rows: Rows::new(spec, index, backend, value),
            key,
            segments,
            time: Time::unknown(),
            refused: 0,
            sequence: Sequence::default(),
            row: Vec::new(),
        }
    }

    /// Bounds the bytes of committed entries kept decoded for reads (8 MiB unless set).
    #[must_use]
    pub fn with_cache_bytes(mut self, bytes: usize) -> Self {
        self.rows.set_cache_bytes(bytes);
        self
    }

    /// The value of a key in the window that begins at `start`. With duplicates: the first one put.
    ///
    /// # Errors
    /// The key cannot be encoded, the stored value cannot be decoded, or the backend failed.
    pub fn fetch(&mut self, key: &K, start: i64) -> Result<Option<&Timestamped<V>>, StateError> {
        self.ensure_time()?;
        if self.segments.is_expired(start, self.time.observed) {
            return Ok(None);
        }
        self.encode(key, start, 0)?;
        if self.segments.retain_duplicates && !self.find_first()? {
            return Ok(None);
        }
        self.rows.get(&self.row)
    }

    /// Sets (`Some`) or removes (`None`) the value of a key in the window that begins at `start`. With duplicates a value
    /// is added beside those that are there, and `None` does nothing, as in Kafka Streams.
    ///
    /// # Errors
    /// The key cannot be encoded, or the backend failed.
    pub fn put(
        &mut self,
        key: &K,
        start: i64,
        value: Option<V>,
        timestamp: i64,
    ) -> Result<PutOutcome, StateError> {
        self.ensure_time()?;
        let mut sequence = 0;
        if self.segments.retain_duplicates {
            sequence = self.next_sequence()?;
            if value.is_none() {
                return Ok(PutOutcome::Stored);
            }
        }
        self.time.observed = self.time.observed.max(start);
        if self.segments.refuses(start, self.time.observed) {
            self.refused += 1;
            return Ok(PutOutcome::Expired);
        }
        self.encode(key, start, sequence)?;
        self.rows.put(&self.row, value, timestamp);
        Ok(PutOutcome::Stored)
    }

    /// Shows the values of one key whose window begins within `starts`, oldest first.
    ///
    /// # Errors
    /// As [`fetch`](Self::fetch).
    pub fn fetch_range(
        &mut self,
        key: &K,
        starts: RangeInclusive<i64>,
        visit: &mut dyn FnMut(i64, &Timestamped<V>) -> ControlFlow<()>,
    ) -> Result<(), StateError> {
        let Some((first, last)) = self.visible(&starts)? else { return Ok(()) };
        self.encode(key, 0, 0)?;
        let wanted_key = self.row[SEGMENT_PREFIX..self.row.len() - WINDOW_SUFFIX].to_vec();
        let mut go_on = true;
        for segment in self.segments.segment(first)..=self.segments.segment(last) {
            // Within one segment all starts have the same sign, so their bytes are in time order.
            let (low, high) = self.segments.clamp(segment, first, last);
            let from = row_key(segment, &wanted_key, low, 0);
            let to = row_key(segment, &wanted_key, high, u32::MAX);
            let range = Range {
                from: Bound::Included(&from),
                to: Bound::Included(&to),
                direction: Direction::Forward,
            };
            // The bytes between may belong to a longer key.
            let mut wanted = |row: &[u8]| split_row(row).is_some_and(|(key, _)| key == wanted_key);
            self.rows.scan(range, &mut wanted, &mut |row, value| -> Step {
                let Some((_, start)) = split_row(row) else { return Ok(ControlFlow::Continue(())) };
                let flow = visit(start, value);
                go_on = flow.is_continue();
                Ok(flow)
            })?;
            if !go_on {
                break;
            }
        }
        Ok(())
    }

    /// Shows the values of all keys whose window begins within `starts`: segment by segment, within one by key bytes,
    /// then by start.
    ///
    /// # Errors
    /// As [`fetch`](Self::fetch).
    pub fn fetch_all(
        &mut self,
        starts: RangeInclusive<i64>,
        visit: &mut Visit<'_, K, V>,
    ) -> Result<(), StateError> {
        let Some((first, last)) = self.visible(&starts)? else { return Ok(()) };
        let (from, to) = self.segments.bounds(first, last);
        let range = Range {
            from: Bound::Included(&from),
            to: to.as_ref().map_or(Bound::Unbounded, |to| Bound::Excluded(to)),
            direction: Direction::Forward,
        };
        let codec = self.key.clone();
        let store = self.rows.spec.name.clone();
        let mut wanted =
            |row: &[u8]| split_row(row).is_some_and(|(_, start)| (first..=last).contains(&start));
        self.rows.scan(range, &mut wanted, &mut |row, value| -> Step {
            let Some((key, start)) = split_row(row) else { return Ok(ControlFlow::Continue(())) };
            match codec.decode(key) {
                Ok(key) => Ok(visit(key, start, value)),
                Err(source) => Err(StateError::Codec { store: store.clone(), source }),
            }
        })
    }

    /// The values of all keys whose window begins within `starts`, by start, then by key bytes.
    ///
    /// # Errors
    /// As [`fetch`](Self::fetch).
    pub fn in_time_order(
        &mut self,
        starts: RangeInclusive<i64>,
    ) -> Result<Vec<(K, i64, Timestamped<V>)>, StateError>
    where
        V: Clone,
    {
        let Some((first, last)) = self.visible(&starts)? else { return Ok(Vec::new()) };
        let (from, to) = self.segments.bounds(first, last);
        let range = Range {
            from: Bound::Included(&from),
            to: to.as_ref().map_or(Bound::Unbounded, |to| Bound::Excluded(to)),
            direction: Direction::Forward,
        };
        let mut found: Vec<(i64, Vec<u8>, Timestamped<V>)> = Vec::new();
        let mut wanted =
            |row: &[u8]| split_row(row).is_some_and(|(_, start)| (first..=last).contains(&start));
        self.rows.scan(range, &mut wanted, &mut |row, value| -> Step {
            if let Some((key, start)) = split_row(row) {
                found.push((start, key.to_vec(), value.clone()));
            }
            Ok(ControlFlow::Continue(()))
        })?;
        // Stable: duplicates stay in the order of their puts.
        found.sort_by(|one, other| (one.0, &one.1).cmp(&(other.0, &other.1)));
        let decode = |(start, key, value): (i64, Vec<u8>, Timestamped<V>)| {
            let key = self.key.decode(&key).map_err(|source| self.rows.error(source))?;
            Ok((key, start, value))
        };
        found.into_iter().map(decode).collect()
    }

    /// Highest start put so far, [`NO_TIME`] before the first one.
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

    /// The part of `starts` in which rows can be visible.
    fn visible(&mut self, starts: &RangeInclusive<i64>) -> Result<Option<(i64, i64)>, StateError> {
        self.ensure_time()?;
        if self.time.observed == NO_TIME {
            return Ok(None);
        }
        let first = *starts.start().max(&self.segments.visible_from(self.time.observed));
        let last = *starts.end().min(&self.time.observed);
        Ok((first <= last).then_some((first, last)))
    }

    /// Finds the highest stored start when nobody told the observed time: a look at the last segment.
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
            highest = highest.max(split_row(row).map_or(NO_TIME, |(_, start)| start));
            ControlFlow::Continue(())
        })?;
        self.time = Time::known(highest);
        Ok(())
    }

    /// The number of this put. Puts are numbered through all keys, refused ones too, as Kafka Streams does it; a store that
    /// was not told where it stands looks at all its rows, once.
    fn next_sequence(&mut self) -> Result<u32, StateError> {
        if !self.sequence.known {
            let mut highest = 0;
            let range = Range { from: Bound::Unbounded, to: Bound::Unbounded, direction: Direction::Forward };
            self.rows.scan_keys(range, &mut |row| {
                highest = highest.max(split_window_key(row).map_or(0, |(_, _, sequence)| sequence));
                ControlFlow::Continue(())
            })?;
            self.sequence = Sequence::known(highest);
        }
        self.sequence.last = following(self.sequence.last);
        Ok(self.sequence.last)
    }

    /// Moves `self.row` to the first row of its key and start; whether there is one.
    fn find_first(&mut self) -> Result<bool, StateError> {
        let from = self.row.clone();
        if let Some(sequence) = self.row.last_chunk_mut::<4>() {
            *sequence = u32::MAX.to_be_bytes();
        }
        let range = Range {
            from: Bound::Included(&from),
            to: Bound::Included(&self.row),
            direction: Direction::Forward,
        };
        let mut first = None;
        self.rows.scan_keys(range, &mut |row| {
            if row.len() != from.len() {
                return ControlFlow::Continue(());
            }
            first = Some(row.to_vec());
            ControlFlow::Break(())
        })?;
        Ok(first.map(|row| self.row = row).is_some())
    }

    fn encode(&mut self, key: &K, start: i64, sequence: u32) -> Result<(), StateError> {
        self.row.clear();
        self.row.extend_from_slice(&segment_bytes(self.segments.segment(start)));
        self.key.encode(key, &mut self.row).map_err(|source| self.rows.error(source))?;
        self.row.extend_from_slice(&start.to_be_bytes());
        self.row.extend_from_slice(&sequence.to_be_bytes());
        Ok(())
    }
}

impl<K: 'static, V: Send + 'static> Store for WindowStore<K, V> {
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
        self.sequence.drained = self.sequence.last;
        Ok(())
    }

    fn committed(&mut self) {
        self.rows.committed();
        self.sequence.committed = self.sequence.drained;
        self.time.commit();
    }

    fn discard(&mut self) {
        self.rows.discard();
        self.sequence.last = self.sequence.committed;
        self.sequence.drained = self.sequence.committed;
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

    fn show_key(&self, key: &[u8]) -> serde_json::Value {
        self.key.show(key)
    }

    fn show_value(&self, value: &[u8]) -> serde_json::Value {
        self.rows.show(value)
    }

    fn sequence(&self) -> u32 {
        self.sequence.last
    }

    fn set_sequence(&mut self, last: u32) {
        self.sequence = Sequence::known(last);
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

impl Sequence {
    fn known(last: u32) -> Self {
        Self { last, drained: last, committed: last, known: true }
    }
}

/// Numbers go round before the sign bit: Kafka Streams does not see rows behind it.
fn following(sequence: u32) -> u32 {
    sequence.wrapping_add(1) & (u32::MAX >> 1)
}

fn row_key(segment: i64, key: &[u8], start: i64, sequence: u32) -> Vec<u8> {
    let parts = [&segment_bytes(segment)[..], key, &start.to_be_bytes(), &sequence.to_be_bytes()];
    parts.concat()
}

/// Key bytes and start of a row key.
fn split_row(row: &[u8]) -> Option<(&[u8], i64)> {
    let (key, start, _) = split_window_key(row.get(SEGMENT_PREFIX..)?)?;
    Some((key, start))
}
