//! Rows that have a time and expire: what window and session stores have in common.
//!
//! The store's own time is the highest one it was asked to put, the *observed* time. Rows of a time of `observed - retention`
//! or less are hidden from every read and refused by every put; their segments are removed at the next commit.

use std::ops::{Bound, ControlFlow, RangeInclusive};
use std::sync::Arc;

use crate::backend::{Backend, Direction};
use crate::batch::WriteBatch;
use crate::codec::CodecRef;
use crate::error::StateError;
use crate::merge::{Range, Step};
use crate::observed::Time;
use crate::rows::Rows;
use crate::segment::{SEGMENT_PREFIX, Segments, segment_bytes};
use crate::spec::StoreSpec;
use crate::store::{Change, NO_TIME, Timestamped};

/// The rows of a window or session store.
pub(crate) struct Expiring<V> {
    pub(crate) rows: Rows<V>,
    pub(crate) segments: Segments,
    pub(crate) time: Time,
    pub(crate) refused: u64,
    /// Key bytes and time of a row key.
    split: Split,
}

/// Takes a row key apart: the bytes of its key, and its time.
pub(crate) type Split = fn(&[u8]) -> Option<(&[u8], i64)>;

/// What a scan shows: row key and value.
type Visit<'a, V> = dyn FnMut(&[u8], &Timestamped<V>) -> Step + 'a;

impl<V: 'static> Expiring<V> {
    /// Rows of a spec of another kind are kept for ever.
    pub(crate) fn new(
        spec: StoreSpec,
        index: usize,
        backend: Arc<dyn Backend>,
        value: CodecRef<V>,
        split: Split,
    ) -> Self {
        let segments = Segments::of(&spec.kind).unwrap_or_else(Segments::endless);
        let rows = Rows::new(spec, index, backend, value);
        Self { rows, segments, time: Time::unknown(), refused: 0, split }
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
        let Some((first, last)) = self.visible(times)? else { return Ok(()) };
        let (split, mut go_on) = (self.split, true);
        for segment in self.segments.segment(first)..=self.segments.segment(last) {
            // Within one segment all times have the same sign, so their bytes are in time order.
            let (low, high) = self.segments.clamp(segment, first, last);
            let segment = segment_bytes(segment);
            let from = [&segment[..], key, &low.to_be_bytes()].concat();
            let to = [&segment[..], key, &high.to_be_bytes(), &[u8::MAX; 8]].concat();
            let range = Range {
                from: Bound::Included(&from),
                to: Bound::Included(&to),
                direction: Direction::Forward,
            };
            // The bytes between may belong to a longer key.
            let mut wanted = |row: &[u8]| split(row).is_some_and(|(of, _)| of == key) && wanted(row);
            self.rows.scan(range, &mut wanted, &mut |row, value| -> Step {
                let flow = visit(row, value)?;
                go_on = flow.is_continue();
                Ok(flow)
            })?;
            if !go_on {
                break;
            }
        }
        Ok(())
    }

    /// Shows the visible rows of all keys within `times`: segment by segment, within one by key bytes, then by time.
    pub(crate) fn of_all(
        &mut self,
        times: &RangeInclusive<i64>,
        visit: &mut Visit<'_, V>,
    ) -> Result<(), StateError> {
        let Some((first, last)) = self.visible(times)? else { return Ok(()) };
        let (split, (from, to)) = (self.split, self.segments.bounds(first, last));
        let range = Range {
            from: Bound::Included(&from),
            to: to.as_ref().map_or(Bound::Unbounded, |to| Bound::Excluded(to)),
            direction: Direction::Forward,
        };
        let mut wanted = |row: &[u8]| split(row).is_some_and(|(_, time)| (first..=last).contains(&time));
        self.rows.scan(range, &mut wanted, visit)
    }

    /// Finds the highest stored time when nobody told it: a look at the last segment.
    fn ensure_time(&mut self) -> Result<(), StateError> {
        if self.time.known {
            return Ok(());
        }
        let (split, mut last_segment, mut highest) = (self.split, None, NO_TIME);
        let range = Range { from: Bound::Unbounded, to: Bound::Unbounded, direction: Direction::Reverse };
        self.rows.scan_keys(range, &mut |row| {
            let segment = row.first_chunk::<SEGMENT_PREFIX>().copied();
            if *last_segment.get_or_insert(segment) != segment {
                return ControlFlow::Break(());
            }
            highest = highest.max(split(row).map_or(NO_TIME, |(_, time)| time));
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
    }
}
