//! Final results: the windows that have closed since the last look, in order of time.
//!
//! The mark up to which results were given, and when to look again, are committed with the outputs, so each result is given
//! once, also across crashes. A look is made at most once per interval of wall-clock time, but never too late: before a put would make the
//! store forget windows whose results are still due, they are given.

use std::ops::RangeInclusive;

use topo_state::{SessionStore, Window, WindowStore, Windowed};

use crate::data::{Change, Data};
use crate::dsl::Windows;
use crate::fault::Fault;
use crate::processor::{Context, StoreHandle};
use crate::record::{Headers, Record};

/// The ends of the windows whose results are to be given now, if it is time to look. `last` is the latest end that is
/// closed.
fn ends<K: Data, V: Data>(
    interval_ms: i64,
    last: i64,
    must: bool,
    ctx: &mut Context<'_, '_, K, V>,
) -> Option<RangeInclusive<i64>> {
    let now = ctx.wall_clock();
    let given = ctx.given();
    let next = now.saturating_add(interval_ms);
    // A look that is due later than one interval from now was planned by a clock that has been set back.
    if !must && given.next_look.is_some_and(|due| now < due && due <= next) {
        return None;
    }
    given.next_look = Some(next);
    let first = given.until.map_or(i64::MIN, |end| end.saturating_add(1));
    (first <= last).then(|| {
        given.until = Some(last);
        first..=last
    })
}

/// Gives final results of tumbling, hopping and sliding windows.
pub(crate) struct CloseWindows<K, A> {
    store: StoreHandle<WindowStore<K, A>>,
    windows: Windows,
    /// Starts this far behind the highest one are no longer in the store.
    kept_ms: i64,
    interval_ms: i64,
}

impl<K: Data, A: Data> CloseWindows<K, A> {
    pub(crate) fn new(
        store: StoreHandle<WindowStore<K, A>>,
        windows: Windows,
        kept_ms: i64,
        interval_ms: i64,
    ) -> Self {
        Self { store, windows, kept_ms, interval_ms }
    }

    /// To be called before a put at `timestamp`.
    pub(super) fn before_put(
        &self,
        timestamp: i64,
        last: i64,
        headers: &Headers,
        ctx: &mut Context<'_, '_, Windowed<K>, Change<A>>,
    ) -> Result<(), Fault> {
        let given = ctx.given().until.map_or(i64::MIN, |end| end.saturating_sub(self.windows.size_ms()));
        let forgotten = timestamp.saturating_sub(self.kept_ms);
        let due = self.windows.any_start(given.saturating_add(1), forgotten.saturating_sub(1));
        if due { self.give(last, true, headers, ctx) } else { Ok(()) }
    }

    /// To be called after a record was processed.
    pub(super) fn after(
        &self,
        last: i64,
        headers: &Headers,
        ctx: &mut Context<'_, '_, Windowed<K>, Change<A>>,
    ) -> Result<(), Fault> {
        self.give(last, false, headers, ctx)
    }

    fn give(
        &self,
        last: i64,
        must: bool,
        headers: &Headers,
        ctx: &mut Context<'_, '_, Windowed<K>, Change<A>>,
    ) -> Result<(), Fault> {
        let Some(ends) = ends(self.interval_ms, last, must, ctx) else { return Ok(()) };
        let size_ms = self.windows.size_ms();
        let (first, last) = (ends.start().saturating_sub(size_ms), ends.end().saturating_sub(size_ms));
        if !self.windows.any_start(first, last) {
            return Ok(());
        }
        for (key, start, row) in ctx.store(self.store)?.in_time_order(first..=last)? {
            let key = Windowed { key, window: Window { start, end: start.saturating_add(size_ms) } };
            let (value, timestamp) = (Change { old: None, new: Some(row.value) }, row.timestamp);
            ctx.forward(Record { key, value, timestamp, headers: headers.clone() })?;
        }
        Ok(())
    }
}

/// Gives final results of sessions.
pub(crate) struct CloseSessions<K, A> {
    store: StoreHandle<SessionStore<K, A>>,
    /// Ends this far behind the highest one are no longer in the store.
    kept_ms: i64,
    interval_ms: i64,
}

impl<K: Data, A: Data> CloseSessions<K, A> {
    pub(crate) fn new(store: StoreHandle<SessionStore<K, A>>, kept_ms: i64, interval_ms: i64) -> Self {
        Self { store, kept_ms, interval_ms }
    }

    /// To be called before a put at `timestamp`. A record that moves the store's time belongs to no session that is closed,
    /// so what it merges is not given here.
    pub(super) fn before_put(
        &self,
        timestamp: i64,
        last: i64,
        headers: &Headers,
        ctx: &mut Context<'_, '_, Windowed<K>, Change<A>>,
    ) -> Result<(), Fault> {
        let forgotten = timestamp.saturating_sub(self.kept_ms);
        let given = ctx.given().until.unwrap_or(i64::MIN);
        if given < forgotten { self.give(last, true, headers, ctx) } else { Ok(()) }
    }

    /// To be called after a record was processed.
    pub(super) fn after(
        &self,
        last: i64,
        headers: &Headers,
        ctx: &mut Context<'_, '_, Windowed<K>, Change<A>>,
    ) -> Result<(), Fault> {
        self.give(last, false, headers, ctx)
    }

    fn give(
        &self,
        last: i64,
        must: bool,
        headers: &Headers,
        ctx: &mut Context<'_, '_, Windowed<K>, Change<A>>,
    ) -> Result<(), Fault> {
        let Some(ends) = ends(self.interval_ms, last, must, ctx) else { return Ok(()) };
        for (key, value) in ctx.store(self.store)?.in_time_order(ends)? {
            let (timestamp, value) = (key.window.end, Change { old: None, new: Some(value) });
            ctx.forward(Record { key, value, timestamp, headers: headers.clone() })?;
        }
        Ok(())
    }
}
