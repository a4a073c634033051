//! `count`, `reduce`, `aggregate` in tumbling and hopping windows.

use std::marker::PhantomData;
use std::sync::Arc;

use topo_state::{Window, WindowStore, Windowed};

use super::Types;
use super::aggregate::Init;
use crate::data::{Change, Data};
use crate::dsl::TimeWindows;
use crate::fault::Fault;
use crate::processor::{Context, Processor, StoreHandle};
use crate::record::{Headers, Record};

/// Folds each record into every window that holds it, by ascending start. A window that ended `grace` or more before the
/// operator's stream time takes no records: each such window counts as one drop. A null key is dropped, a null value is
/// the function's business.
pub(crate) struct WindowAggregate<K: Data, V: Data, A, F> {
    store: StoreHandle<WindowStore<K::Present, A>>,
    windows: TimeWindows,
    fold: Arc<F>,
    old: Option<Arc<Init<A>>>,
    types: Types<(K, V)>,
}

impl<K: Data, V: Data, A: Data, F> WindowAggregate<K, V, A, F>
where
    F: Fn(&K::Present, V, Option<A>) -> Option<A> + Send + Sync + 'static,
{
    pub(crate) fn new(
        store: StoreHandle<WindowStore<K::Present, A>>,
        windows: TimeWindows,
        fold: Arc<F>,
        old: Option<Arc<Init<A>>>,
    ) -> Self {
        Self { store, windows, fold, old, types: PhantomData }
    }

    fn fold_into(
        &self,
        window: Window,
        key: &K::Present,
        value: V,
        (arrived, headers): (i64, &Headers),
        ctx: &mut Context<'_, '_, Windowed<K::Present>, Change<A>>,
    ) -> Result<(), Fault> {
        let store = ctx.store(self.store)?;
        let (before, timestamp) = match store.fetch(key, window.start)? {
            Some(row) => (Some(row.value.clone()), row.timestamp.max(arrived)),
            None => (None, arrived),
        };
        let old = self.old.as_ref().and_then(|init| before.clone().or_else(|| init()));
        let new = (self.fold)(key, value, before);
        // A deletion goes to the changelog with the time of the record that caused it.
        store.put(key, window.start, new.clone(), if new.is_some() { timestamp } else { arrived })?;
        let key = Windowed { key: key.clone(), window };
        ctx.forward(Record { key, value: Change { old, new }, timestamp, headers: headers.clone() })
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
        let closed = ctx.observe(timestamp).saturating_sub(self.windows.grace_ms);
        for start in self.windows.starts(timestamp) {
            let window = self.windows.window(start);
            if window.end <= closed {
                ctx.dropped_because("closed_window");
            } else {
                self.fold_into(window, &key, value.clone(), (timestamp, &headers), ctx)?;
            }
        }
        Ok(())
    }
}
