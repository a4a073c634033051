//! Records that have found no partner yet, until their span is over.
//!
//! The rules are Kafka Streams': what is over is looked for only by records that carry the join's stream time, only when
//! the marker says that there may be something, and at most once in an interval of the wall clock. The marker is the
//! timestamp of the last row that Kafka's walk through the rows of both sides, ordered by (timestamp, right before left,
//! key), would have visited. We keep the sides apart, so that rows that are not over are not walked through, and seek the row
//! that Kafka would have stopped at.

use std::ops::{Bound, ControlFlow};

use topo_state::{CodecRef, Direction, KeyValueStore, StateError};

use super::row::{MARKER, Marker, Row, split_at, write_at};
use super::sides::{LEFT, RIGHT, Side};
use crate::dsl::JoinWindows;
use crate::fault::Fault;
use crate::processor::{SharedTime, StoreHandle};

pub(crate) type WaitingStore<V1, V2> = KeyValueStore<Vec<u8>, Row<V1, V2>>;

/// A way to the store of waiting records.
pub(crate) struct Waiting<P, V1, V2> {
    pub(super) store: StoreHandle<WaitingStore<V1, V2>>,
    /// The stream time that both sides share.
    pub(super) time: SharedTime,
    key: CodecRef<P>,
    windows: JoinWindows,
    emit_interval_ms: i64,
    /// The row key of the current call.
    at: Vec<u8>,
}

/// Values of one side, time and key whose span is over.
pub(super) struct Over<P, V1, V2> {
    pub(super) place: Place,
    pub(super) key: P,
    pub(super) values: Row<V1, V2>,
}

/// Where a row stands in the order in which results leave.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) time: i64,
    side: u8,
    key: Vec<u8>,
}

impl<P: 'static, V1, V2> Waiting<P, V1, V2>
where
    V1: Clone + Send + Sync + 'static,
    V2: Clone + Send + Sync + 'static,
{
    pub(crate) fn new(
        store: StoreHandle<WaitingStore<V1, V2>>,
        time: SharedTime,
        key: CodecRef<P>,
        windows: JoinWindows,
        emit_interval_ms: i64,
    ) -> Self {
        Self { store, time, key, windows, emit_interval_ms, at: Vec::new() }
    }

    /// Lets a record wait.
    pub(super) fn add<S: Side<V1, V2>>(
        &mut self,
        store: &mut WaitingStore<V1, V2>,
        key: &P,
        timestamp: i64,
        value: S::Own,
    ) -> Result<(), Fault> {
        let marker = marker(store)?;
        if marker.lowest.is_none_or(|lowest| timestamp < lowest) {
            let marker = Marker { lowest: Some(timestamp), ..marker };
            store.put(&MARKER.to_vec(), Row::Marker(marker), timestamp)?;
        }
        self.write(S::OWN, timestamp, key)?;
        Ok(store.update(&self.at, timestamp, |row| Some(S::push(row, value)))?)
    }

    /// Takes a partner's row out, if it waits: it has been met by a record of `now`.
    pub(super) fn met(
        &mut self,
        store: &mut WaitingStore<V1, V2>,
        (side, time): (u8, i64),
        key: &P,
        now: i64,
    ) -> Result<(), Fault> {
        self.write(side, time, key)?;
        if store.get(&self.at)?.is_some() {
            store.delete(&self.at, now)?;
        }
        Ok(())
    }

    /// The values whose span is over at stream time `now`, in the order in which they leave, if a record of side `S` looks
    /// for them at `wall_clock`. They stay until [`left`](Self::left).
    pub(super) fn over<S: Side<V1, V2>>(
        &self,
        store: &mut WaitingStore<V1, V2>,
        now: i64,
        wall_clock: i64,
    ) -> Result<Vec<Over<P, V1, V2>>, Fault> {
        let before = marker(store)?;
        let reach = S::windows(self.windows).after_ms.saturating_add(self.windows.grace_ms);
        let worth = match before.lowest {
            Some(lowest) => lowest.saturating_add(reach) < now,
            // Kafka Streams adds to an infinite marker, which overflows: it looks, finds nothing, and waits an interval.
            None => reach > 0,
        };
        // A clock that was turned back must not hold results up for longer than the interval.
        let early = wall_clock < before.due && before.due.saturating_sub(wall_clock) <= self.emit_interval_ms;
        if !worth || early {
            return Ok(Vec::new());
        }
        let due = match self.emit_interval_ms {
            0 => i64::MIN,
            interval => wall_clock.saturating_add(interval),
        };
        let lowest = if before.lowest.is_some() { self.last_visited(store, now)? } else { None };
        let over = if before.lowest.is_some() { self.closed(store, now)? } else { Vec::new() };
        let after = Marker { lowest, due };
        if after != before {
            store.put(&MARKER.to_vec(), Row::Marker(after), now)?;
        }
        Ok(over)
    }

    /// Takes out what is about to leave with a record of `now`.
    pub(super) fn left(store: &mut WaitingStore<V1, V2>, place: &Place, now: i64) -> Result<(), Fault> {
        Ok(store.delete(&place.at(), now)?)
    }

    /// The lowest timestamp of a side whose span is not over.
    fn open_from(&self, side: u8, now: i64) -> i64 {
        let reach = if side == LEFT { self.windows.after_ms } else { self.windows.before_ms };
        now.saturating_sub(self.windows.grace_ms).saturating_sub(reach)
    }

    fn closed(&self, store: &mut WaitingStore<V1, V2>, now: i64) -> Result<Vec<Over<P, V1, V2>>, Fault> {
        let mut rows = Vec::new();
        for side in [RIGHT, LEFT] {
            let (from, to) = (start(side, i64::MIN), start(side, self.open_from(side, now)));
            store.range(
                Bound::Included(&from),
                Bound::Excluded(&to),
                Direction::Forward,
                &mut |at, row| {
                    rows.extend(Place::of(&at).map(|place| (place, row.value.clone())));
                    ControlFlow::Continue(())
                },
            )?;
        }
        rows.sort_by(|left, right| left.0.cmp(&right.0));
        let read = |(place, values): (Place, Row<V1, V2>)| {
            let key = self.key.decode(&place.key).map_err(|error| {
                Fault::fatal("STATE_STORE", format!("the key of a waiting record cannot be read: {error}"))
            })?;
            Ok(Over { place, key, values })
        };
        rows.into_iter().map(read).collect()
    }

    /// The timestamp of the last value that a walk through both sides would visit: it ends one behind the first values of
    /// both sides that are not over.
    fn last_visited(&self, store: &mut WaitingStore<V1, V2>, now: i64) -> Result<Option<i64>, StateError> {
        let mut open = [None, None];
        for (side, first) in [RIGHT, LEFT].into_iter().zip(&mut open) {
            *first = seek(store, side, Bound::Included(start(side, self.open_from(side, now))))?;
        }
        if let [Some(right), Some(left)] = open {
            let later = right.max(left);
            if store.get(&later.at())?.is_some_and(|row| row.value.len() > 1) {
                return Ok(Some(later.time));
            }
            let next = [behind(store, RIGHT, &later)?, behind(store, LEFT, &later)?];
            return Ok(Some(next.into_iter().flatten().min().unwrap_or(later).time));
        }
        Ok([last(store, RIGHT)?, last(store, LEFT)?].into_iter().flatten().max().map(|place| place.time))
    }

    fn write(&mut self, side: u8, time: i64, key: &P) -> Result<(), Fault> {
        write_at(&mut self.at, side, time);
        self.key.encode(key, &mut self.at).map_err(|error| {
            Fault::poison("UNWRITABLE", format!("the key of a record that waits cannot be written: {error}"))
        })
    }
}

impl Place {
    fn of(at: &[u8]) -> Option<Self> {
        let (time, key) = split_at(at)?;
        Some(Self { time, side: *at.first()?, key: key.to_vec() })
    }

    /// The row's key.
    fn at(&self) -> Vec<u8> {
        let mut at = Vec::new();
        write_at(&mut at, self.side, self.time);
        at.extend_from_slice(&self.key);
        at
    }
}

fn marker<V1, V2>(store: &mut WaitingStore<V1, V2>) -> Result<Marker, StateError>
where
    V1: 'static,
    V2: 'static,
{
    match store.get(&MARKER.to_vec())?.map(|row| &row.value) {
        Some(Row::Marker(marker)) => Ok(*marker),
        _ => Ok(Marker { lowest: None, due: i64::MIN }),
    }
}

/// What the rows of a side and time begin with.
fn start(side: u8, time: i64) -> Vec<u8> {
    let mut at = Vec::new();
    write_at(&mut at, side, time);
    at
}

/// The first row of a side from a bound on.
fn seek<V1: 'static, V2: 'static>(
    store: &mut WaitingStore<V1, V2>,
    side: u8,
    from: Bound<Vec<u8>>,
) -> Result<Option<Place>, StateError> {
    let mut found = None;
    let to = vec![side + 1];
    store.range(from.as_ref(), Bound::Excluded(&to), Direction::Forward, &mut |at, _| {
        found = Place::of(&at);
        ControlFlow::Break(())
    })?;
    Ok(found)
}

/// The first row of a side that stands behind a place in the order of both sides.
fn behind<V1: 'static, V2: 'static>(
    store: &mut WaitingStore<V1, V2>,
    side: u8,
    place: &Place,
) -> Result<Option<Place>, StateError> {
    let from = if side == place.side {
        Bound::Excluded(place.at())
    } else if side == LEFT {
        Bound::Included(start(LEFT, place.time))
    } else {
        Bound::Included(start(RIGHT, place.time.saturating_add(1)))
    };
    seek(store, side, from)
}

/// The last row of a side.
fn last<V1: 'static, V2: 'static>(
    store: &mut WaitingStore<V1, V2>,
    side: u8,
) -> Result<Option<Place>, StateError> {
    let mut found = None;
    let (from, to) = (vec![side], vec![side + 1]);
    store.range(Bound::Included(&from), Bound::Excluded(&to), Direction::Reverse, &mut |at, _| {
        found = Place::of(&at);
        ControlFlow::Break(())
    })?;
    Ok(found)
}
