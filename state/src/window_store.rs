//! Values by key and window start, forgotten when stream time has passed.
//!
//! The time of a row is its window's start.

use std::any::Any;
use std::ops::{Bound, ControlFlow, RangeInclusive};
use std::sync::Arc;

use crate::backend::{Backend, Direction};
use crate::batch::WriteBatch;
use crate::codec::CodecRef;
use crate::error::StateError;
use crate::expiring::Expiring;
use crate::key::{WINDOW_SUFFIX, split_window_key};
use crate::merge::{Range, Step};
use crate::segment::{SEGMENT_PREFIX, segment_bytes};
use crate::spec::StoreSpec;
use crate::store::{Change, Store, Timestamped};

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
    kept: Expiring<V>,
    key: CodecRef<K>,
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
        let kept = Expiring::new(spec, index, backend, value, WINDOW_SUFFIX);
        Self { kept, key, sequence: Sequence::default(), row: Vec::new() }
    }

    /// Bounds the bytes of committed entries kept decoded for reads (8 MiB unless set).
    #[must_use]
    pub fn with_cache_bytes(mut self, bytes: usize) -> Self {
        self.kept.rows.set_cache_bytes(bytes);
        self
    }

    /// The value of a key in the window that begins at `start`. With duplicates: the first one put.
    ///
    /// # Errors
    /// The key cannot be encoded, the stored value cannot be decoded, or the backend failed.
    pub fn fetch(&mut self, key: &K, start: i64) -> Result<Option<&Timestamped<V>>, StateError> {
        if self.kept.is_hidden(start)? {
            return Ok(None);
        }
        self.encode(key, start, 0)?;
        if self.kept.segments.retain_duplicates && !self.find_first()? {
            return Ok(None);
        }
        self.kept.rows.get(&self.row)
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
        let mut sequence = 0;
        if self.kept.segments.retain_duplicates {
            sequence = self.next_sequence()?;
            if value.is_none() {
                return Ok(PutOutcome::Stored);
            }
        }
        self.kept.observe(start)?;
        if self.kept.segments.refuses(start, self.kept.time.observed) {
            self.kept.refused += 1;
            return Ok(PutOutcome::Expired);
        }
        self.encode(key, start, sequence)?;
        self.kept.put(&self.row, value, timestamp);
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
        self.encode(key, 0, 0)?;
        let wanted_key = &self.row[SEGMENT_PREFIX..self.row.len() - WINDOW_SUFFIX];
        self.kept.of_key(wanted_key, &starts, &mut |_| true, &mut |row, value| -> Step {
            let Some((_, start)) = split_row(row) else { return Ok(ControlFlow::Continue(())) };
            Ok(visit(start, value))
        })
    }

    /// The same, newest first. Kafka Streams: `backwardFetch` (KIP-617).
    ///
    /// # Errors
    /// As [`fetch`](Self::fetch).
    pub fn fetch_backward(
        &mut self,
        key: &K,
        starts: RangeInclusive<i64>,
        visit: &mut dyn FnMut(i64, &Timestamped<V>) -> ControlFlow<()>,
    ) -> Result<(), StateError> {
        self.encode(key, 0, 0)?;
        let wanted_key = &self.row[SEGMENT_PREFIX..self.row.len() - WINDOW_SUFFIX];
        self.kept.of_key_backward(wanted_key, &starts, &mut |row, value| -> Step {
            let Some((_, start)) = split_row(row) else { return Ok(ControlFlow::Continue(())) };
            Ok(visit(start, value))
        })
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
        let (codec, store) = (self.key.clone(), self.kept.rows.spec.name.clone());
        self.kept.of_all(&starts, &mut |row, value| -> Step {
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
        let mut found: Vec<(i64, Vec<u8>, Timestamped<V>)> = Vec::new();
        self.kept.of_all(&starts, &mut |row, value| -> Step {
            if let Some((key, start)) = split_row(row) {
                found.push((start, key.to_vec(), value.clone()));
            }
            Ok(ControlFlow::Continue(()))
        })?;
        // Stable: duplicates stay in the order of their puts.
        found.sort_by(|one, other| (one.0, &one.1).cmp(&(other.0, &other.1)));
        let decode = |(start, key, value): (i64, Vec<u8>, Timestamped<V>)| {
            let key = self.key.decode(&key).map_err(|source| self.kept.rows.error(source))?;
            Ok((key, start, value))
        };
        found.into_iter().map(decode).collect()
    }

    /// Highest start put so far, [`NO_TIME`](crate::NO_TIME) before the first one.
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

    /// The number of this put. Puts are numbered through all keys, refused ones too, as Kafka Streams does it; a store that
    /// was not told where it stands looks at all its rows, once.
    fn next_sequence(&mut self) -> Result<u32, StateError> {
        if !self.sequence.known {
            let mut highest = 0;
            let range = Range { from: Bound::Unbounded, to: Bound::Unbounded, direction: Direction::Forward };
            self.kept.rows.scan_keys(range, &mut |row| {
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
        self.kept.rows.scan_keys(range, &mut |row| {
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
        self.row.extend_from_slice(&segment_bytes(self.kept.segments.segment(start)));
        self.key.encode(key, &mut self.row).map_err(|source| self.kept.rows.error(source))?;
        self.row.extend_from_slice(&start.to_be_bytes());
        self.row.extend_from_slice(&sequence.to_be_bytes());
        Ok(())
    }
}

impl<K: 'static, V: Send + 'static> Store for WindowStore<K, V> {
    fn spec(&self) -> &StoreSpec {
        &self.kept.rows.spec
    }

    fn drain(
        &mut self,
        batch: &mut WriteBatch,
        changelog: &mut dyn FnMut(Change<'_>),
    ) -> Result<(), StateError> {
        self.kept.drain(batch, changelog)?;
        self.sequence.drained = self.sequence.last;
        Ok(())
    }

    fn committed(&mut self) {
        self.kept.committed();
        self.sequence.committed = self.sequence.drained;
    }

    fn discard(&mut self) {
        self.kept.discard();
        self.sequence.last = self.sequence.committed;
        self.sequence.drained = self.sequence.committed;
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

    fn show_key(&self, key: &[u8]) -> serde_json::Value {
        self.key.show(key)
    }

    fn show_value(&self, value: &[u8]) -> serde_json::Value {
        self.kept.rows.show(value)
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

/// Key bytes and start of a row key.
fn split_row(row: &[u8]) -> Option<(&[u8], i64)> {
    let (key, start, _) = split_window_key(row.get(SEGMENT_PREFIX..)?)?;
    Some((key, start))
}
