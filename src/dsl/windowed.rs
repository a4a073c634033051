//! [`WindowedStream`]: a grouped stream, cut into windows of time.

use std::sync::Arc;

use topo_state::{Window, WindowSize, Windowed, windowed};

use super::grouped::Grouped;
use super::options::WindowValue;
use super::table::Table;
use super::windows::TimeWindows;
use crate::data::Data;
use crate::ops::{Init, OldWanted, Olds, WindowAggregate, WindowRows};

/// A stream by key and window. Kafka Streams: `TimeWindowedKStream`.
///
/// A record enters every window that holds its timestamp, by ascending start. A window takes no record any more once
/// its end + grace is not after the operator's stream time, the highest timestamp it has seen; each refusal counts as one
/// drop. Records with a null key are dropped and counted; null values are shown to the function. Every record
/// gives an update of each window it enters; see [`suppress_until_window_closes`](Table::suppress_until_window_closes) for
/// final results only. Unlike in Kafka Streams the stream time is committed with the state and survives restarts.
#[must_use = "windows do nothing until they are aggregated"]
pub struct WindowedStream<'b, K: Data, V: Data> {
    grouped: Grouped<'b, K, V>,
    windows: TimeWindows,
}

impl<'b, K: Data, V: Data> WindowedStream<'b, K, V> {
    pub(crate) fn new(grouped: Grouped<'b, K, V>, windows: TimeWindows) -> Self {
        Self { grouped, windows }
    }

    /// How many records each key has in each window. Kafka Streams: `count`.
    pub fn count(
        &self,
        name: &str,
        store: WindowValue<K::Present, i64>,
    ) -> Table<'b, Windowed<K::Present>, i64> {
        self.fold(name, store, Arc::new(|| Some(0)), |_, _, count| Some(count.unwrap_or(0) + 1))
    }

    /// Combines the values of each key and window: `reduce(so far, next)`; the first value is the first result. `None`
    /// from a nullable result deletes the row. Kafka Streams: `reduce`.
    pub fn reduce<R: Data<Present = V::Present>>(
        &self,
        name: &str,
        store: WindowValue<K::Present, V::Present>,
        reduce: impl Fn(V::Present, V) -> R + Send + Sync + 'static,
    ) -> Table<'b, Windowed<K::Present>, V::Present> {
        self.fold(name, store, Arc::new(|| None), move |_, value: V, so_far| match so_far {
            Some(so_far) => reduce(so_far, value).present(),
            None => value.present(),
        })
    }

    /// Folds the values of each key and window into an aggregate that begins with `init`. `None` from a nullable result
    /// deletes the row. Kafka Streams: `aggregate`.
    pub fn aggregate<A: Data>(
        &self,
        name: &str,
        store: WindowValue<K::Present, A::Present>,
        init: impl Fn() -> A::Present + Send + Sync + 'static,
        add: impl Fn(&K::Present, V, A::Present) -> A + Send + Sync + 'static,
    ) -> Table<'b, Windowed<K::Present>, A::Present> {
        let init = Arc::new(init);
        let first = init.clone();
        self.fold(name, store, Arc::new(move || Some(first())), move |key, value, so_far| {
            add(key, value, so_far.unwrap_or_else(&*init)).present()
        })
    }

    fn fold<A: Data<Present = A>>(
        &self,
        name: &str,
        store: WindowValue<K::Present, A>,
        init: Arc<Init<A>>,
        fold: impl Fn(&K::Present, V, Option<A>) -> Option<A> + Send + Sync + 'static,
    ) -> Table<'b, Windowed<K::Present>, A> {
        let (builder, windows) = (self.grouped.stream.builder, self.usable(name));
        let input = self.grouped.input();
        let retention_ms = store.retention_ms.unwrap_or(windows.retention_ms());
        if retention_ms < windows.retention_ms() {
            let least = windows.retention_ms();
            let why = format!("a retention of {retention_ms} ms is less than size + grace, {least} ms");
            builder.problem(name, why);
        }
        let kept = builder.add_windows(&store, true, retention_ms);
        let (fold, old) = (Arc::new(fold), OldWanted::default());
        let wanted = old.clone();
        let node = builder.operator(name, &[input.node], &[kept.store], move || {
            let old = wanted.wanted().then(|| init.clone());
            WindowAggregate::<K, V, A, _>::new(kept, windows, fold.clone(), old)
        });
        Table {
            builder,
            node,
            origins: input.origins.clone(),
            rows: Some(Arc::new(WindowRows(kept))),
            stores: vec![kept.store],
            olds: Olds::of(old),
            knows_old: true,
            looks_back: false,
            grace_ms: Some(windows.grace_ms),
            kept: None,
            store: None,
            key: Some(windowed(store.key.clone(), WindowSize::millis(windows.size_ms))),
            value: Some(store.value.clone()),
        }
    }

    /// The windows, or harmless ones after reporting what is wrong with them.
    fn usable(&self, name: &str) -> TimeWindows {
        match self.windows.problem() {
            None => self.windows,
            Some(why) => {
                self.grouped.stream.builder.problem(name, why);
                TimeWindows { size_ms: 1, advance_ms: 1, grace_ms: 0 }
            }
        }
    }
}

impl TimeWindows {
    /// The window of this length that begins at `start`.
    pub(crate) fn window(self, start: i64) -> Window {
        Window::starting_at(start, WindowSize::millis(self.size_ms))
    }
}
