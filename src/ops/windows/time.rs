//! `count`, `reduce`, `aggregate` in tumbling and hopping windows.

use std::marker::PhantomData;
use std::sync::Arc;

use topo_state::Windowed;

use super::on_close::CloseWindows;
use super::row::{Before, Cause, WindowRow};
use crate::data::{Change, Data};
use crate::dsl::TimeWindows;
use crate::fault::Fault;
use crate::ops::Types;
use crate::processor::{Context, Processor};
use crate::record::{Headers, Record};

/// Folds each record into every window that holds it, by ascending start. A window that ended `grace` or more before the
/// operator's stream time takes no records: each such window counts as one drop. A null key is dropped, a null value is
/// the function's business.
pub(crate) struct WindowAggregate<K: Data, V: Data, A, F> {
    row: WindowRow<K::Present, A>,
    windows: TimeWindows,
    fold: Arc<F>,
    on_close: Option<CloseWindows<K::Present, A>>,
    types: Types<(K, V)>,
}

impl<K: Data, V: Data, A: Data, F> WindowAggregate<K, V, A, F>
where
    F: Fn(&K::Present, V, Option<A>) -> Option<A> + Send + Sync + 'static,
{
    pub(crate) fn new(
        row: WindowRow<K::Present, A>,
        windows: TimeWindows,
        fold: Arc<F>,
        on_close: Option<CloseWindows<K::Present, A>>,
    ) -> Self {
        Self { row, windows, fold, on_close, types: PhantomData }
    }
}

impl<K: Data, V: Data, A: Data, F> Processor for WindowAggregate<K, V, A, F>
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
        let closed = self.windows.closed_until(ctx.observe(timestamp));
        if let Some(on_close) = &self.on_close {
            on_close.before_put(timestamp, closed, &headers, ctx)?;
        }
        let cause = Cause { timestamp, headers: &headers };
        for start in self.windows.starts(timestamp) {
            let window = self.windows.window(start);
            if window.end <= closed {
                ctx.dropped_because("closed_window");
                continue;
            }
            let before = Before { row: ctx.store(self.row.store)?.fetch(&key, start)?.cloned(), own: true };
            let fold = |before| (self.fold)(&key, value.clone(), before);
            self.row.fold(&key, window, before, &cause, fold, ctx)?;
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
