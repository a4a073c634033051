//! `count`, `reduce`, `aggregate` in sliding windows.

use std::marker::PhantomData;
use std::ops::ControlFlow;
use std::sync::Arc;

use topo_state::{Timestamped, Window, Windowed};

use super::on_close::CloseWindows;
use super::row::{Before, Cause, WindowRow};
use crate::data::{Change, Data};
use crate::dsl::{Known, Sliding, Touch};
use crate::fault::Fault;
use crate::ops::Types;
use crate::processor::{Context, Processor};
use crate::record::{Headers, Record};

/// Folds each record into the windows that hold it, and makes those that begin or end with it. Null keys, null values and
/// records whose own right window would be closed are dropped; a window that ended more than `grace` before the operator's
/// stream time takes no records: each such window counts as one drop.
pub(crate) struct SlidingAggregate<K: Data, V: Data, A, F> {
    row: WindowRow<K::Present, A>,
    windows: Sliding,
    fold: Arc<F>,
    on_close: Option<CloseWindows<K::Present, A>>,
    scratch: Scratch<A>,
    types: Types<(K, V)>,
}

/// Lists of the record in hand; here only so that their memory is used again.
struct Scratch<A> {
    known: Vec<Known>,
    rows: Vec<Timestamped<A>>,
    touches: Vec<Touch>,
}

impl<K: Data, V: Data, A: Data, F> SlidingAggregate<K, V, A, F>
where
    F: Fn(&K::Present, V, Option<A>) -> Option<A> + Send + Sync + 'static,
{
    pub(crate) fn new(
        row: WindowRow<K::Present, A>,
        windows: Sliding,
        fold: Arc<F>,
        on_close: Option<CloseWindows<K::Present, A>>,
    ) -> Self {
        let scratch = Scratch { known: Vec::new(), rows: Vec::new(), touches: Vec::new() };
        Self { row, windows, fold, on_close, scratch, types: PhantomData }
    }

    /// Finds the windows that matter, and what becomes of them.
    fn plan(
        &mut self,
        key: &K::Present,
        timestamp: i64,
        ctx: &mut Context<'_, '_, Windowed<K::Present>, Change<A>>,
    ) -> Result<(), Fault> {
        let Scratch { known, rows, touches } = &mut self.scratch;
        known.clear();
        rows.clear();
        let starts = self.windows.looked_at(timestamp);
        ctx.store(self.row.store)?.fetch_range(key, starts, &mut |start, row| {
            known.push(Known { start, newest: row.timestamp });
            rows.push(row.clone());
            ControlFlow::Continue(())
        })?;
        self.windows.touches(timestamp, known, touches);
        Ok(())
    }
}

impl<K: Data, V: Data, A: Data, F> Processor for SlidingAggregate<K, V, A, F>
where
    F: Fn(&K::Present, V, Option<A>) -> Option<A> + Send + Sync + 'static,
{
    type KeyIn = K;
    type ValueIn = V;
    type KeyOut = Windowed<K::Present>;
    type ValueOut = Change<A>;

    fn process(
        &mut self,
        record: Record<K, V>,
        ctx: &mut Context<'_, '_, Windowed<K::Present>, Change<A>>,
    ) -> Result<(), Fault> {
        let Record { key, value, timestamp, headers } = record;
        let Some(key) = key.present() else {
            ctx.dropped_because("null_key");
            return Ok(());
        };
        if value.is_null() {
            ctx.dropped_because("null_value");
            return Ok(());
        }
        let closed = self.windows.closed_until(ctx.observe(timestamp));
        // Kafka takes no timestamps before the epoch, and no window begins there.
        if timestamp < 0 || self.windows.end(timestamp) <= closed {
            ctx.dropped_because("closed_window");
            return Ok(());
        }
        if let Some(on_close) = &self.on_close {
            on_close.before_put(timestamp, closed, &headers, ctx)?;
        }
        self.plan(&key, timestamp, ctx)?;
        let cause = Cause { timestamp, headers: &headers };
        for &Touch { start, from, adds } in &self.scratch.touches {
            let window = Window { start, end: self.windows.end(start) };
            let before = from.map(|at| self.scratch.rows[at].clone());
            match before {
                Some(row) if !adds => self.row.copy(&key, window, row, &cause, ctx)?,
                _ if window.end <= closed => ctx.dropped_because("closed_window"),
                row => {
                    let own = from.is_some_and(|at| self.scratch.known[at].start == start);
                    let before = Before { row, own };
                    let fold = |before| (self.fold)(&key, value.clone(), before);
                    self.row.fold(&key, window, before, &cause, fold, ctx)?;
                }
            }
        }
        if let Some(on_close) = &self.on_close {
            on_close.after(closed, &headers, ctx)?;
        }
        Ok(())
    }

    fn idle(&mut self, ctx: &mut Context<'_, '_, Windowed<K::Present>, Change<A>>) -> Result<(), Fault> {
        match (ctx.idle_time(), &self.on_close) {
            (Some(time), Some(on_close)) => {
                on_close.after(self.windows.closed_until(time), &Headers::new(), ctx)
            }
            _ => Ok(()),
        }
    }
}
