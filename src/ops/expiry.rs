//! Rows of a table that have not been updated for a time are deleted.
//!
//! When a row is due lies in a logged index: time of the row, then key bytes. A key has one entry, not one per update: it is
//! written when the key gets a row, and when it comes up and the row is newer by then, it moves to the row's time. So an
//! entry is never later than its row, a hot key costs one entry per time to live, and index and rows agree after every
//! restore, since both have changelogs in the same transactions.

use std::ops::{Bound, ControlFlow};

use topo_state::{CodecRef, Direction, KeyValueStore};

use crate::data::{Change, Data};
use crate::fault::Fault;
use crate::processor::{
    Clock, Context, DueIndex, Processor, Punctuation, ScheduleId, StoreHandle, due_at, split_due,
};
use crate::record::{Headers, Record};

/// Entries looked at in one go.
const BATCH: usize = 1_000;

/// How a table forgets.
pub(crate) struct Expiry<K, A> {
    pub(crate) rows: StoreHandle<KeyValueStore<K, A>>,
    pub(crate) index: StoreHandle<DueIndex>,
    pub(crate) key: CodecRef<K>,
    pub(crate) ttl_ms: i64,
    pub(crate) clock: Clock,
    /// Several nodes put rows of this table.
    pub(crate) shared: bool,
}

impl<K, A> Clone for Expiry<K, A> {
    fn clone(&self) -> Self {
        Self { key: self.key.clone(), ..*self }
    }
}

type Ctx<'a, 'h, 'p, K, A> = &'a mut Context<'h, 'p, K, Change<A>>;

impl<K: Data, A: Data> Expiry<K, A> {
    /// How often the clock is looked at between records.
    fn interval_ms(&self) -> i64 {
        (self.ttl_ms / 64).clamp(1, 60_000)
    }

    fn time_of(&self, key: &K, ctx: Ctx<'_, '_, '_, K, A>) -> Result<Option<i64>, Fault> {
        Ok(ctx.store(self.rows)?.get(key)?.map(|row| row.timestamp))
    }

    /// Notes that the row of a key is due from `time` on.
    fn note(&self, key: &K, time: i64, ctx: Ctx<'_, '_, '_, K, A>) -> Result<(), Fault> {
        let mut entry = due_at(time);
        self.key.encode(key, &mut entry).map_err(|error| {
            Fault::poison("UNWRITABLE", format!("a key that expires cannot be written: {error}"))
        })?;
        Ok(ctx.store(self.index)?.put(&entry, Vec::new(), time)?)
    }

    /// Up to so many entries from `from` to `last`, and the time of the first one behind them.
    fn entries(
        &self,
        from: i64,
        last: i64,
        ctx: Ctx<'_, '_, '_, K, A>,
    ) -> Result<(Vec<Vec<u8>>, Option<i64>), Fault> {
        let (mut due, mut next) = (Vec::new(), None);
        let from = due_at(from);
        let (from, to) = (Bound::Included(&from), Bound::Unbounded);
        ctx.store(self.index)?.range(from, to, Direction::Forward, &mut |entry, _| {
            match split_due(&entry).map(|(time, _)| time) {
                Some(time) if time <= last && due.len() < BATCH => due.push(entry),
                time => next = time,
            }
            if next.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        Ok((due, next))
    }

    /// Deals with an entry that came up: the row goes if it is as old as `last`, else it is noted anew, under the time that
    /// is returned.
    fn settle(&self, entry: &Vec<u8>, last: i64, ctx: Ctx<'_, '_, '_, K, A>) -> Result<Option<i64>, Fault> {
        // Before the deletion goes on: one that cannot be written must not come again and again.
        ctx.store(self.index)?.delete(entry, last)?;
        let Some((_, key)) = split_due(entry) else { return Ok(None) };
        let key = self.key.decode(key).map_err(|error| {
            Fault::fatal("STATE_STORE", format!("a key that expires cannot be read: {error}"))
        })?;
        let Some(row) = ctx.store(self.rows)?.get(&key)?.cloned() else { return Ok(None) };
        if row.timestamp > last {
            self.note(&key, row.timestamp, ctx)?;
            return Ok(Some(row.timestamp));
        }
        let timestamp = row.timestamp.saturating_add(self.ttl_ms);
        ctx.store(self.rows)?.delete(&key, timestamp)?;
        let value = Change { old: Some(row.value), new: None };
        ctx.forward(Record { key, value, timestamp, headers: Headers::new() })?;
        Ok(None)
    }
}

/// Runs the processor that keeps a table, and deletes rows whose time is over.
pub(crate) struct Expiring<P: Processor, A> {
    inner: P,
    expiry: Option<Expiry<P::KeyOut, A>>,
    schedule: Option<ScheduleId>,
    /// No entry has an earlier time than this; found again after a restart. Where other nodes put rows too: none had, when
    /// this one looked last. Theirs are later, unless a row was over when it was put, and such a row goes at once.
    first: i64,
}

impl<P, A> Expiring<P, A>
where
    P: Processor<ValueOut = Change<A>>,
    A: Data,
{
    pub(crate) fn new(inner: P, expiry: Option<Expiry<P::KeyOut, A>>) -> Self {
        Self { inner, expiry, schedule: None, first: i64::MIN }
    }

    /// Deletes what is over at `now`.
    fn sweep(&mut self, now: Option<i64>, ctx: Ctx<'_, '_, '_, P::KeyOut, A>) -> Result<(), Fault> {
        let (Some(expiry), Some(now)) = (&self.expiry, now) else { return Ok(()) };
        let last = now.saturating_sub(expiry.ttl_ms);
        while self.first <= last {
            let (due, next) = expiry.entries(self.first, last, ctx)?;
            let mut first = next.unwrap_or(i64::MAX);
            for entry in &due {
                first = first.min(expiry.settle(entry, last, ctx)?.unwrap_or(i64::MAX));
            }
            let beyond = if expiry.shared { last.saturating_add(1) } else { i64::MAX };
            self.first = first.min(beyond);
        }
        Ok(())
    }

    fn now(clock: Clock, ctx: &Context<'_, '_, P::KeyOut, Change<A>>) -> Option<i64> {
        match clock {
            Clock::Stream => ctx.stream_time(),
            Clock::Wall => Some(ctx.wall_clock()),
        }
    }
}

impl<P, A> Processor for Expiring<P, A>
where
    P: Processor<ValueOut = Change<A>>,
    P::KeyIn: Data<Present = P::KeyOut>,
    A: Data,
{
    type KeyIn = P::KeyIn;
    type ValueIn = P::ValueIn;
    type KeyOut = P::KeyOut;
    type ValueOut = Change<A>;

    fn init(&mut self, ctx: Ctx<'_, '_, '_, P::KeyOut, A>) -> Result<(), Fault> {
        self.inner.init(ctx)?;
        self.schedule = self.expiry.as_ref().map(|expiry| ctx.schedule(expiry.clock, expiry.interval_ms()));
        Ok(())
    }

    fn process(
        &mut self,
        record: Record<P::KeyIn, P::ValueIn>,
        ctx: Ctx<'_, '_, '_, P::KeyOut, A>,
    ) -> Result<(), Fault> {
        let Some((expiry, key)) = self.expiry.as_ref().zip(record.key.as_present()) else {
            return self.inner.process(record, ctx);
        };
        let (clock, key) = (expiry.clock, key.clone());
        self.sweep(Self::now(clock, ctx), ctx)?;
        let Some(expiry) = &self.expiry else { return Ok(()) };
        let before = expiry.time_of(&key, ctx)?;
        let done = self.inner.process(record, ctx);
        // Also after a fault: what was put before it stays.
        if let Some(time) = expiry.time_of(&key, ctx)?
            && before.is_none_or(|before| time < before)
        {
            expiry.note(&key, time, ctx)?;
            let is_over = expiry.shared && time < self.first;
            self.first = self.first.min(time);
            if is_over && done.is_ok() {
                self.sweep(Self::now(clock, ctx), ctx)?;
            }
        }
        done
    }

    fn idle(&mut self, ctx: Ctx<'_, '_, '_, P::KeyOut, A>) -> Result<(), Fault> {
        self.inner.idle(ctx)
    }

    fn punctuate(&mut self, event: Punctuation, ctx: Ctx<'_, '_, '_, P::KeyOut, A>) -> Result<(), Fault> {
        if self.schedule == Some(event.schedule) {
            self.sweep(Some(event.time), ctx)
        } else {
            self.inner.punctuate(event, ctx)
        }
    }
}
