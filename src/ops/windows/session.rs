//! `count`, `reduce`, `aggregate` in sessions.

use std::marker::PhantomData;
use std::ops::ControlFlow;
use std::sync::Arc;

use topo_state::{PutOutcome, SessionStore, Window, Windowed};

use super::on_close::CloseSessions;
use crate::data::{Change, Data};
use crate::dsl::{Session, alone, union};
use crate::fault::Fault;
use crate::ops::{Tells, Types};
use crate::processor::{Context, Processor, StoreHandle};
use crate::record::{Headers, Record};

/// Merges each record with the sessions within the gap, in order of their ends. A session that would end more than gap +
/// grace before the operator's stream time is dropped. The sessions that were merged are deleted, each with an update of its
/// own and its end as timestamp, before the new one is set. A null key is dropped, a null value is the function's business.
pub(crate) struct SessionAggregate<K: Data, V: Data, A, F, M> {
    store: StoreHandle<SessionStore<K::Present, A>>,
    windows: Session,
    functions: Arc<(F, M)>,
    told: Told,
    on_close: Option<CloseSessions<K::Present, A>>,
    /// Sessions that the record in hand takes in; here only so that its memory is used again.
    taken: Vec<(Window, A)>,
    types: Types<(K, V)>,
}

/// What is told of sessions.
#[derive(Clone, Copy)]
pub(crate) struct Told {
    /// Whether somebody wants to know what a session was before.
    pub(crate) old: bool,
    pub(crate) tells: Tells,
    /// Sessions that end this far behind the store's time are gone, though they may still be found, milliseconds.
    pub(crate) kept_ms: i64,
}

type SessionContext<'h, 'p, K, A> = Context<'h, 'p, Windowed<<K as Data>::Present>, Change<A>>;

impl<K: Data, V: Data, A: Data, F, M> SessionAggregate<K, V, A, F, M>
where
    F: Fn(&K::Present, V, Option<A>) -> Option<A> + Send + Sync + 'static,
    M: Fn(&K::Present, Option<A>, A) -> Option<A> + Send + Sync + 'static,
{
    pub(crate) fn new(
        store: StoreHandle<SessionStore<K::Present, A>>,
        windows: Session,
        functions: Arc<(F, M)>,
        told: Told,
        on_close: Option<CloseSessions<K::Present, A>>,
    ) -> Self {
        Self { store, windows, functions, told, on_close, taken: Vec::new(), types: PhantomData }
    }

    /// Finds the sessions that a record belongs to; gives the session that holds them all.
    fn take(
        &mut self,
        key: &K::Present,
        timestamp: i64,
        ctx: &mut SessionContext<'_, '_, K, A>,
    ) -> Result<Window, Fault> {
        let (windows, taken) = (self.windows, &mut self.taken);
        let mut merged = alone(timestamp);
        taken.clear();
        let (earliest_end, latest_start) = (windows.earliest_end(timestamp), windows.latest_start(timestamp));
        ctx.store(self.store)?.find_sessions(key, earliest_end, latest_start, &mut |window, value| {
            merged = union(merged, window);
            taken.push((window, value.clone()));
            ControlFlow::Continue(())
        })?;
        Ok(merged)
    }

    /// Deletes the sessions that are merged, and tells.
    fn withdraw(
        &mut self,
        key: &K::Present,
        (timestamp, headers): (i64, &Headers),
        ctx: &mut SessionContext<'_, '_, K, A>,
    ) -> Result<(), Fault> {
        let gone = ctx.store(self.store)?.observed_time().saturating_sub(self.told.kept_ms);
        for (window, value) in &self.taken {
            ctx.store(self.store)?.remove(key, *window, timestamp)?;
            // Kafka Streams' cache finds that such a session is not in the store and says nothing of it.
            let silent = self.told.tells == Tells::PerCommit && window.end <= gone;
            let old = (self.told.old && !silent).then(|| value.clone());
            self.forward(key, *window, Change { old, new: None }, headers, ctx)?;
        }
        Ok(())
    }

    /// As in Kafka Streams an update that goes out at once is without headers: a session belongs to many records.
    fn forward(
        &self,
        key: &K::Present,
        window: Window,
        value: Change<A>,
        headers: &Headers,
        ctx: &mut SessionContext<'_, '_, K, A>,
    ) -> Result<(), Fault> {
        let headers = match self.told.tells {
            Tells::Nothing => return Ok(()),
            Tells::Every => Headers::new(),
            Tells::PerCommit => headers.clone(),
        };
        let key = Windowed { key: key.clone(), window };
        ctx.forward(Record { key, value, timestamp: window.end, headers })
    }

    fn add(
        &mut self,
        key: &K::Present,
        value: V,
        (timestamp, headers): (i64, &Headers),
        ctx: &mut SessionContext<'_, '_, K, A>,
    ) -> Result<(), Fault> {
        let closed = self.windows.closed_until(ctx.observe(timestamp));
        if let Some(on_close) = &self.on_close {
            on_close.before_put(timestamp, closed, headers, ctx)?;
        }
        let merged = self.take(key, timestamp, ctx)?;
        if merged.end <= closed {
            ctx.dropped_because("closed_window");
        } else {
            if merged != alone(timestamp) {
                self.withdraw(key, (timestamp, headers), ctx)?;
            }
            let (fold, merge) = &*self.functions;
            let so_far = self.taken.drain(..).fold(None, |so_far, (_, next)| merge(key, so_far, next));
            let new = fold(key, value, so_far);
            if ctx.store(self.store)?.put(key, merged, new.clone(), timestamp)? == PutOutcome::Expired {
                ctx.dropped_because("expired");
            }
            self.forward(key, merged, Change { old: None, new }, headers, ctx)?;
        }
        match &self.on_close {
            Some(on_close) => on_close.after(closed, headers, ctx),
            None => Ok(()),
        }
    }
}

impl<K: Data, V: Data, A: Data, F, M> Processor for SessionAggregate<K, V, A, F, M>
where
    F: Fn(&K::Present, V, Option<A>) -> Option<A> + Send + Sync + 'static,
    M: Fn(&K::Present, Option<A>, A) -> Option<A> + Send + Sync + 'static,
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
        self.add(&key, value, (timestamp, &headers), ctx)
    }

    fn idle(&mut self, ctx: &mut SessionContext<'_, '_, K, A>) -> Result<(), Fault> {
        match (ctx.idle_time(), &self.on_close) {
            (Some(time), Some(on_close)) => {
                on_close.after(self.windows.closed_until(time), &Headers::new(), ctx)
            }
            _ => Ok(()),
        }
    }
}
