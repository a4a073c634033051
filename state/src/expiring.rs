//! Rows that have a time and expire: what window and session stores have in common.
//!
//! The store's own time is the highest one it was asked to put, the *observed* time. Rows of a time of `observed - retention`
//! or less are hidden from every read and refused by every put; their segments are removed at the next commit.
//!
//! Where rows of a key are searched for, an index of recent rows ([`Recent`]) says which there are: few are read one by one,
//! which costs a fraction of a scan, and mostly there are none.

use std::ops::{Bound, ControlFlow, RangeInclusive};
use std::sync::Arc;

use crate::backend::{Backend, Direction};
use crate::batch::WriteBatch;
use crate::codec::CodecRef;
use crate::error::StateError;
use crate::merge::{Range, Step};
use crate::observed::Time;
use crate::recent::{Place, Recent};
use crate::rows::Rows;
use crate::segment::{SEGMENT_PREFIX, Segments, segment_bytes};
use crate::spec::StoreSpec;
use crate::store::{Change, NO_TIME, Timestamped};

/// More rows than this are scanned for, not read one by one.
const FEW_ROWS: usize = 8;

/// The rows of a window or session store.
pub(crate) struct Expiring<V> {
    pub(crate) rows: Rows<V>,
    pub(crate) segments: Segments,
    pub(crate) time: Time,
    pub(crate) refused: u64,
    /// Bytes behind the key in a row key; the first eight of them are its time.
    suffix: usize,
    recent: Recent,
    /// The rows of the current search.
    places: Vec<Place>,
    /// A row key in the making.
    row: Vec<u8>,
}

/// What a scan shows: row key and value.
type Visit<'a, V> = dyn FnMut(&[u8], &Timestamped<V>) -> Step + 'a;

impl<V: 'static> Expiring<V> {
    /// Rows of a spec of another kind are kept for ever.
    pub(crate) fn new(
        spec: StoreSpec,
        index: usize,
        backend: Arc<dyn Backend>,
        value: CodecRef<V>,
        suffix: usize,
    ) -> Self {
        let segments = Segments::of(&spec.kind).unwrap_or_else(Segments::endless);
        let mut rows = Rows::new(spec, index, backend, value);
        // A window or session that was removed is hardly ever asked for again.
        rows.forget_deleted();
        Self {
            rows,
            segments,
            time: Time::unknown(),
            refused: 0,
            suffix,
            recent: Recent::new(),
            places: Vec::new(),
            row: Vec::new(),
        }
    }

    /// Sets a row, or says that it is removed.
    pub(crate) fn put(&mut self, row: &[u8], value: Option<V>, timestamp: i64) {
        let visible_from = self.segments.visible_from(self.time.observed);
        let new = match split(row, self.suffix) {
            Some((key, place)) if value.is_some() => self.recent.add(key, place, visible_from),
            Some((key, place)) => {
                self.recent.remove(key, place);
                false
            }
            None => false,
        };
        self.rows.put_row(row, value, timestamp, new);
    }

    /// Removes a row; one that came in this very interval leaves nothing behind.
    pub(crate) fn remove(&mut self, row: &[u8], timestamp: i64) -> Result<(), StateError> {
        if let Some((key, place)) = split(row, self.suffix) {
            self.recent.remove(key, place);
        }
        self.rows.remove(row, timestamp)
    }

    pub(crate) fn set_observed_time(&mut self, time: i64) {
        if time != NO_TIME {
            self.time = Time::known(time);
        }
    }

    /// Whether a row of this time is hidden.
    pub(crate) fn is_hidden(&mut self, time: i64) -> Result<bool, StateError> {
        self.ensure_time()?;
        Ok(self.segments.is_expired(time, self.time.observed))
    }

    /// Moves the store's time on, for a put.
    pub(crate) fn observe(&mut self, time: i64) -> Result<(), StateError> {
        self.ensure_time()?;
        self.time.observed = self.time.observed.max(time);
        Ok(())
    }

    /// The part of `times` in which rows can be visible.
    pub(crate) fn visible(&mut self, times: &RangeInclusive<i64>) -> Result<Option<(i64, i64)>, StateError> {
        self.ensure_time()?;
        if self.time.observed == NO_TIME {
            return Ok(None);
        }
        let first = *times.start().max(&self.segments.visible_from(self.time.observed));
        let last = *times.end().min(&self.time.observed);
        Ok((first <= last).then_some((first, last)))
    }

    /// Shows the visible rows of one key within `times`, by time, that pass `wanted`.
    pub(crate) fn of_key(
        &mut self,
        key: &[u8],
        times: &RangeInclusive<i64>,
        wanted: &mut dyn FnMut(&[u8]) -> bool,
        visit: &mut Visit<'_, V>,
    ) -> Result<(), StateError> {
        self.ensure_time()?;
        self.recent.begin(self.time.observed);
        let Some((first, last)) = self.visible(times)? else { return Ok(()) };
        let since = self.recent.since().unwrap_or(i64::MAX);
        if first < since {
            let before = (first, last.min(since - 1));
            if self.scan_key(key, before, Direction::Forward, wanted, visit)?.is_break() {
                return Ok(());
            }
        }
        if last < since {
            return Ok(());
        }
        let known = self.recent.between(key, first.max(since), last);
        if known.len() > FEW_ROWS {
            let recent = (first.max(since), last);
            return self.scan_key(key, recent, Direction::Forward, wanted, visit).map(|_| ());
        }
        self.places.clear();
        self.places.extend_from_slice(known);
        let Self { rows, segments, suffix, places, row, .. } = self;
        for place in places {
            join(row, segments.segment(place.time), key, *place, *suffix);
            if wanted(row)
                && let Some(value) = rows.get(row)?
                && visit(row, value)?.is_break()
            {
                break;
            }
        }
        Ok(())
    }

    /// The same from the highest time down.
    pub(crate) fn of_key_backward(
        &mut self,
        key: &[u8],
        times: &RangeInclusive<i64>,
        visit: &mut Visit<'_, V>,
    ) -> Result<(), StateError> {
        self.ensure_time()?;
        let Some(visible) = self.visible(times)? else { return Ok(()) };
        self.scan_key(key, visible, Direction::Reverse, &mut |_| true, visit).map(|_| ())
    }

    /// The same by scans, one per segment; whether to go on.
    fn scan_key(
        &mut self,
        key: &[u8],
        (first, last): (i64, i64),
        direction: Direction,
        wanted: &mut dyn FnMut(&[u8]) -> bool,
        visit: &mut Visit<'_, V>,
    ) -> Step {
        let (suffix, mut flow) = (self.suffix, ControlFlow::Continue(()));
        let (low, high) = (self.segments.segment(first), self.segments.segment(last));
        for nth in low..=high {
            let segment = match direction {
                Direction::Forward => nth,
                Direction::Reverse => high - (nth - low),
            };
            // Within one segment all times have the same sign, so their bytes are in time order.
            let (low, high) = self.segments.clamp(segment, first, last);
            let segment = segment_bytes(segment);
            let from = [&segment[..], key, &low.to_be_bytes()].concat();
            let to = [&segment[..], key, &high.to_be_bytes(), &[u8::MAX; 8]].concat();
            let range = Range { from: Bound::Included(&from), to: Bound::Included(&to), direction };
            // The bytes between may belong to a longer key.
            let mut wanted = |row: &[u8]| split(row, suffix).is_some_and(|(of, _)| of == key) && wanted(row);
            self.rows.scan(range, &mut wanted, &mut |row, value| -> Step {
                flow = visit(row, value)?;
                Ok(flow)
            })?;
            if flow.is_break() {
                break;
            }
        }
        Ok(flow)
    }

    /// Shows the visible rows of all keys within `times`: segment by segment, within one by key bytes, then by time.
    pub(crate) fn of_all(
        &mut self,
        times: &RangeInclusive<i64>,
        visit: &mut Visit<'_, V>,
    ) -> Result<(), StateError> {
        let Some((first, last)) = self.visible(times)? else { return Ok(()) };
        let (suffix, (from, to)) = (self.suffix, self.segments.bounds(first, last));
        let range = Range {
            from: Bound::Included(&from),
            to: to.as_ref().map_or(Bound::Unbounded, |to| Bound::Excluded(to)),
            direction: Direction::Forward,
        };
        let mut wanted =
            |row: &[u8]| split(row, suffix).is_some_and(|(_, place)| (first..=last).contains(&place.time));
        self.rows.scan(range, &mut wanted, visit)
    }

    /// Finds the highest stored time when nobody told it: a look at the last segment.
    fn ensure_time(&mut self) -> Result<(), StateError> {
        if self.time.known {
            return Ok(());
        }
        let (suffix, mut last_segment, mut highest) = (self.suffix, None, NO_TIME);
        let range = Range { from: Bound::Unbounded, to: Bound::Unbounded, direction: Direction::Reverse };
        self.rows.scan_keys(range, &mut |row| {
            let segment = row.first_chunk::<SEGMENT_PREFIX>().copied();
            if *last_segment.get_or_insert(segment) != segment {
                return ControlFlow::Break(());
            }
            highest = highest.max(split(row, suffix).map_or(NO_TIME, |(_, place)| place.time));
            ControlFlow::Continue(())
        })?;
        self.time = Time::known(highest);
        Ok(())
    }

    pub(crate) fn drain(
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

    pub(crate) fn committed(&mut self) {
        self.rows.committed();
        self.time.commit();
    }

    pub(crate) fn discard(&mut self) {
        self.rows.discard();
        self.time.discard();
        self.recent.restart(self.time.observed);
    }
}

/// Takes a row key apart: the bytes of its key, and its place among that key's rows.
fn split(row: &[u8], suffix: usize) -> Option<(&[u8], Place)> {
    let rest = row.get(SEGMENT_PREFIX..)?;
    let (key, suffix) = rest.split_at_checked(rest.len().checked_sub(suffix)?)?;
    let (time, rest) = suffix.split_first_chunk::<8>()?;
    let rest = rest.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
    Some((key, Place { time: i64::from_be_bytes(*time), rest }))
}

/// Puts a row key together.
fn join(row: &mut Vec<u8>, segment: i64, key: &[u8], place: Place, suffix: usize) {
    row.clear();
    row.extend_from_slice(&segment_bytes(segment));
    row.extend_from_slice(key);
    row.extend_from_slice(&place.time.to_be_bytes());
    let rest = place.rest.to_be_bytes();
    row.extend_from_slice(rest.get(16 - suffix..).unwrap_or_default());
}
