//! Records that have found no partner yet, until their span is over.
//!
//! The rules are Kafka Streams': what is over is looked for only by records that carry the join's stream time, only when
//! the marker says that there may be something, and at most once in an interval of the wall clock. The marker is the
//! timestamp of the last row that the walk through the rows, ordered by (timestamp, right before left, key), has visited: it
//! ends one behind the first rows of both sides that are not over. The marker stands beside the stream time in the
//! checkpoint, not in the store: the store's rows and their changelog are Kafka Streams' to the byte.

use std::ops::{Bound, ControlFlow};

use topo_state::{CodecRef, Direction, KeyValueStore, StateError};

use super::row::{BEFORE, Row, split_at, write_at};
use super::sides::{LEFT, RIGHT, Side};
use crate::data::Data;
use crate::dsl::JoinWindows;
use crate::fault::Fault;
use crate::processor::{Context, SharedTime, StoreHandle};

pub(crate) type WaitingStore<V1, V2> = KeyValueStore<Vec<u8>, Row<V1, V2>>;

/// A way to the store of waiting records.
pub(crate) struct Waiting<P, V1, V2> {
    pub(super) store: StoreHandle<WaitingStore<V1, V2>>,
    pub(super) times: WaitingTimes,
    key: CodecRef<P>,
    windows: JoinWindows,
    emit_interval_ms: i64,
    /// Whether records of both sides wait.
    outer: bool,
    /// The row key of the current call.
    at: Vec<u8>,
}

/// Times that both sides of a join share.
#[derive(Clone, Copy)]
pub(crate) struct WaitingTimes {
    /// The stream time.
    pub(crate) stream: SharedTime,
    /// The timestamp that the next look waits for. It may go back, and of two checkpoints the higher number of a time counts:
    /// the bits are turned over, so that it is the lower timestamp, which at worst makes for a look too many.
    pub(crate) lowest: SharedTime,
    /// The next look is not before this time of the wall clock.
    pub(crate) due: SharedTime,
}

/// Values of one side, time and key whose span is over.
pub(super) struct Over<P, V1, V2> {
    pub(super) place: Place,
    pub(super) key: P,
    pub(super) values: Row<V1, V2>,
}

/// Where a row stands in the order in which results leave.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) time: i64,
    /// The row's key.
    at: Vec<u8>,
}

/// What a walk has come to: the timestamp of the last row it has visited, and the rows that are over.
type Walked<V1, V2> = (Option<i64>, Vec<(Place, Row<V1, V2>)>);

impl<P: 'static, V1, V2> Waiting<P, V1, V2>
where
    V1: Clone + Send + Sync + 'static,
    V2: Clone + Send + Sync + 'static,
{
    pub(crate) fn new(
        store: StoreHandle<WaitingStore<V1, V2>>,
        times: WaitingTimes,
        key: CodecRef<P>,
        windows: JoinWindows,
        emit_interval_ms: i64,
        outer: bool,
    ) -> Self {
        Self { store, times, key, windows, emit_interval_ms, outer, at: Vec::new() }
    }

    /// At the start of a task: refuses a store that an older version has laid out, and sets the marker where it is not known
    /// or says that nothing waits, as a store does that Kafka Streams has filled since.
    pub(super) fn open<K: Data, R: Data>(&self, ctx: &mut Context<'_, '_, K, R>) -> Result<(), Fault> {
        let store = ctx.store(self.store)?;
        store.get(&BEFORE.to_vec())?;
        if self.lowest(ctx).is_none() {
            let lowest = end(ctx.store(self.store)?, Direction::Forward)?;
            self.set_lowest(lowest, ctx);
        }
        Ok(())
    }

    /// Lets a record wait.
    pub(super) fn add<S: Side<V1, V2>, K: Data, R: Data>(
        &mut self,
        key: &P,
        timestamp: i64,
        value: S::Own,
        ctx: &mut Context<'_, '_, K, R>,
    ) -> Result<(), Fault> {
        if self.lowest(ctx).is_none_or(|lowest| timestamp < lowest) {
            self.set_lowest(Some(timestamp), ctx);
        }
        self.write(timestamp, S::OWN, key)?;
        let store = ctx.store(self.store)?;
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
        self.write(time, side, key)?;
        if store.get(&self.at)?.is_some() {
            store.delete(&self.at, now)?;
        }
        Ok(())
    }

    /// The values whose span is over at stream time `now`, in the order in which they leave, if a record of side `S` looks
    /// for them now. They stay until [`left`](Self::left).
    pub(super) fn over<S: Side<V1, V2>, K: Data, R: Data>(
        &self,
        now: i64,
        ctx: &mut Context<'_, '_, K, R>,
    ) -> Result<Vec<Over<P, V1, V2>>, Fault> {
        let (before, wall_clock) = (self.lowest(ctx), ctx.wall_clock());
        let reach = S::windows(self.windows).after_ms.saturating_add(self.windows.grace_ms);
        let worth = match before {
            Some(lowest) => lowest.saturating_add(reach) < now,
            // Kafka Streams adds to an infinite marker, which overflows: it looks, finds nothing, and waits an interval.
            None => reach > 0,
        };
        let due = ctx.shared(self.times.due).unwrap_or(i64::MIN);
        // A clock that was turned back must not hold results up for longer than the interval.
        let early = wall_clock < due && due.saturating_sub(wall_clock) <= self.emit_interval_ms;
        if !worth || early {
            return Ok(Vec::new());
        }
        if self.emit_interval_ms > 0 {
            ctx.set_shared(self.times.due, wall_clock.saturating_add(self.emit_interval_ms));
        }
        if before.is_none() {
            return Ok(Vec::new());
        }
        let (lowest, rows) = self.walk(ctx.store(self.store)?, now)?;
        self.set_lowest(lowest, ctx);
        let read = |(place, values): (Place, Row<V1, V2>)| {
            let key = split_at(&place.at).map_or(&[][..], |(.., key)| key);
            let key = self.key.decode(key).map_err(|error| {
                Fault::fatal("STATE_STORE", format!("the key of a waiting record cannot be read: {error}"))
            })?;
            Ok(Over { place, key, values })
        };
        rows.into_iter().map(read).collect()
    }

    /// Takes out what is about to leave with a record of `now`.
    pub(super) fn left(store: &mut WaitingStore<V1, V2>, place: &Place, now: i64) -> Result<(), Fault> {
        Ok(store.delete(&place.at, now)?)
    }

    /// The lowest timestamp of a side whose span is not over.
    fn open_from(&self, side: u8, now: i64) -> i64 {
        let reach = if side == LEFT { self.windows.after_ms } else { self.windows.before_ms };
        now.saturating_sub(self.windows.grace_ms).saturating_sub(reach)
    }

    fn walk(&self, store: &mut WaitingStore<V1, V2>, now: i64) -> Result<Walked<V1, V2>, StateError> {
        let (mut lowest, mut over) = (None, Vec::new());
        let (mut open_left, mut open_right) = (false, false);
        store.all(&mut |at, row| {
            let Some((time, side, _)) = split_at(&at) else { return ControlFlow::Continue(()) };
            let is_open = time >= self.open_from(side, now);
            // Kafka Streams sees each value of a row as a row.
            for _ in 0..row.value.len() {
                lowest = Some(time);
                if open_left && open_right {
                    return ControlFlow::Break(());
                }
                open_left |= is_open && side == LEFT;
                open_right |= is_open && side == RIGHT;
            }
            if is_open {
                return if self.outer { ControlFlow::Continue(()) } else { ControlFlow::Break(()) };
            }
            over.push((Place { time, at }, row.value.clone()));
            ControlFlow::Continue(())
        })?;
        // Where one side waits alone the walk would go on to the end.
        if !self.outer && open_left {
            lowest = end(store, Direction::Reverse)?;
        }
        Ok((lowest, over))
    }

    /// The marker: the timestamp that the next look waits for. `None`: nothing waits.
    fn lowest<K: Data, R: Data>(&self, ctx: &Context<'_, '_, K, R>) -> Option<i64> {
        ctx.shared(self.times.lowest).map(|turned| !turned).filter(|lowest| *lowest != i64::MAX)
    }

    fn set_lowest<K: Data, R: Data>(&self, lowest: Option<i64>, ctx: &mut Context<'_, '_, K, R>) {
        ctx.set_shared(self.times.lowest, !lowest.unwrap_or(i64::MAX));
    }

    fn write(&mut self, time: i64, side: u8, key: &P) -> Result<(), Fault> {
        write_at(&mut self.at, time, side);
        self.key.encode(key, &mut self.at).map_err(|error| {
            Fault::poison("UNWRITABLE", format!("the key of a record that waits cannot be written: {error}"))
        })
    }
}

/// The timestamp of the first row, or of the last.
fn end<V1: 'static, V2: 'static>(
    store: &mut WaitingStore<V1, V2>,
    direction: Direction,
) -> Result<Option<i64>, StateError> {
    let mut found = None;
    store.range(Bound::Unbounded, Bound::Unbounded, direction, &mut |at, _| {
        found = split_at(&at).map(|(time, ..)| time);
        ControlFlow::Break(())
    })?;
    Ok(found)
}
