//! [`WindowedStream`]: a grouped stream, cut into windows of time.

use std::sync::Arc;

use topo_state::{CodecRef, StoreKind, WindowSize, WindowStore, Windowed, windowed};

use super::Builder;
use super::grouped::Grouped;
use super::table::Table;
use super::window_stores::WindowValue;
use super::windows::{EmitStrategy, TimeWindows, Windows};
use super::wiring::Origins;
use crate::data::Data;
use crate::ops::{
    CloseWindows, Init, OldWanted, Olds, SlidingAggregate, Tells, Waits, WindowAggregate, WindowRow,
    WindowRows,
};
use crate::processor::StoreHandle;

/// A stream by key and window. Kafka Streams: `TimeWindowedKStream`.
///
/// Tumbling and hopping windows: a record enters every window that holds its timestamp, by ascending start. A window takes
/// no record any more once its end + grace is not after the operator's stream time, the highest timestamp it has seen; each
/// refusal counts as one drop. Null values are shown to the function.
///
/// Sliding windows: a record enters every window that holds it and makes those that begin or end with it (see
/// [`Sliding`](crate::Sliding)); a record whose windows would all be closed is one drop, else each closed window it would
/// enter. Records with a null value are dropped and counted.
///
/// Records with a null key are dropped and counted. A result has the latest timestamp that went into the window and the
/// headers of the record that caused it. Every record gives an update of each window it enters, unless
/// [`emit`](Self::emit) says otherwise. Unlike in Kafka Streams the stream time is committed with the state and survives
/// restarts.
#[must_use = "windows do nothing until they are aggregated"]
pub struct WindowedStream<'b, K: Data, V: Data> {
    grouped: Grouped<'b, K, V>,
    windows: Windows,
    emit: EmitStrategy,
}

impl<'b, K: Data, V: Data> WindowedStream<'b, K, V> {
    pub(crate) fn new(grouped: Grouped<'b, K, V>, windows: Windows) -> Self {
        Self { grouped, windows, emit: EmitStrategy::on_window_update() }
    }

    /// Says whether every update goes out or final results only, in order of window start, then key bytes. Final results
    /// carry the headers of the record that closed the window, and each goes out once, also across restarts. A store for
    /// final results lies differently on disk: a directory that was written under the other strategy is refused. Kafka Streams:
    /// `emitStrategy` (KIP-825), which loses results of windows that leave the store before they are looked for; here they are
    /// given before they leave.
    ///
    /// ```
    /// use topo::state::{WindowSize, i64_be, utf8, windowed};
    /// use topo::testkit::Driver;
    /// use topo::{Builder, Codecs, EmitStrategy, Sliding, Topic, WindowValue};
    ///
    /// let payments: Topic<String, i64> = Topic::new("payments", utf8(), i64_be());
    /// let totals = Topic::new("totals", windowed(utf8(), WindowSize::millis(10)), i64_be());
    /// let app = Builder::new("totals");
    /// app.stream("payments", &payments)
    ///     .group_by_key("by-account", Codecs::new(utf8(), i64_be()))
    ///     .windowed(Sliding::of_ms(10).grace_ms(5))
    ///     .emit(EmitStrategy::on_window_close().at_most_every_ms(0))
    ///     .reduce("total", WindowValue::new("totals-store", utf8(), i64_be()), |sum, amount| sum + amount)
    ///     .to_stream("final")
    ///     .map_values("present", |_, total| total.unwrap_or_default())
    ///     .to("totals", &totals);
    ///
    /// let mut driver = Driver::new(app.build()?)?;
    /// for (amount, time) in [(5, 100), (7, 104), (9, 200)] {
    ///     driver.pipe(&payments, "ann".to_owned(), amount, time)?;
    /// }
    /// let seen: Vec<_> = driver.read(&totals)?.into_iter().map(|it| (it.key.window.start, it.value)).collect();
    /// assert_eq!(seen, [(90, 5), (94, 12), (101, 7)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn emit(mut self, emit: EmitStrategy) -> Self {
        self.emit = emit;
        self
    }

    /// How many records each key has in each window. Kafka Streams: `count`.
    /// Every record gives an update of each window it enters, with the latest timestamp of the window; null values count too,
    /// except in sliding windows. A record that is too late, or without a key, is dropped and counted.
    ///
    /// ```
    /// # use topo::state::{i64_be, utf8};
    /// # use topo::{Builder, Codecs, Topic, Tumbling, WindowValue, testkit::Driver};
    /// # let payments: Topic<String, i64> = Topic::new("payments", utf8(), i64_be());
    /// # let app = Builder::new("doc");
    /// app.stream("payments", &payments)
    ///     .group_by_key("by-account", Codecs::new(utf8(), i64_be()))
    ///     .windowed(Tumbling::of_ms(10).grace_ms(100))
    ///     .count("count", WindowValue::new("counts", utf8(), i64_be()));
    ///
    /// let mut driver = Driver::new(app.build()?)?;
    /// for (cents, time) in [(5, 1), (7, 4), (2, 3), (9, 12), (1, 9)] {
    ///     driver.pipe(&payments, "ann".to_owned(), cents, time)?;
    /// }
    /// let rows = driver.windows::<String, i64>("counts")?;
    /// let seen: Vec<_> = rows.iter().map(|(_, start, row)| (*start, row.value, row.timestamp)).collect();
    /// assert_eq!(seen, [(0, 4, 9), (10, 1, 12)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn count(
        &self,
        name: &str,
        store: WindowValue<K::Present, i64>,
    ) -> Table<'b, Windowed<K::Present>, i64> {
        self.fold(name, &store, Arc::new(|| Some(0)), |_, _, count| Some(count.unwrap_or(0) + 1))
    }

    /// Combines the values of each key and window: `reduce(so far, next)`; the first value is the first result. `None`
    /// from a nullable result deletes the row. Kafka Streams: `reduce`.
    /// A null value is shown to `reduce`, when values may be null; as the first of a window it leaves the window without a row.
    /// Every record gives an update of each window it enters, with the latest timestamp of the window.
    ///
    /// ```
    /// # use topo::state::{i64_be, utf8};
    /// # use topo::{Builder, Codecs, Topic, Tumbling, WindowValue, testkit::Driver};
    /// # let payments: Topic<String, i64> = Topic::new("payments", utf8(), i64_be());
    /// # let app = Builder::new("doc");
    /// app.stream("payments", &payments)
    ///     .group_by_key("by-account", Codecs::new(utf8(), i64_be()))
    ///     .windowed(Tumbling::of_ms(10).grace_ms(100))
    ///     .reduce("highest", WindowValue::new("highest-store", utf8(), i64_be()), |one: i64, other| one.max(other));
    ///
    /// let mut driver = Driver::new(app.build()?)?;
    /// for (cents, time) in [(5, 1), (7, 4), (2, 3), (9, 12)] {
    ///     driver.pipe(&payments, "ann".to_owned(), cents, time)?;
    /// }
    /// let rows = driver.windows::<String, i64>("highest-store")?;
    /// let seen: Vec<_> = rows.iter().map(|(_, start, row)| (*start, row.value, row.timestamp)).collect();
    /// assert_eq!(seen, [(0, 7, 4), (10, 9, 12)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reduce<R: Data<Present = V::Present>>(
        &self,
        name: &str,
        store: WindowValue<K::Present, V::Present>,
        reduce: impl Fn(V::Present, V) -> R + Send + Sync + 'static,
    ) -> Table<'b, Windowed<K::Present>, V::Present> {
        self.fold(name, &store, Arc::new(|| None), move |_, value: V, so_far| match so_far {
            Some(so_far) => reduce(so_far, value).present(),
            None => value.present(),
        })
    }

    /// Folds the values of each key and window into an aggregate that begins with `init`. `None` from a nullable result
    /// deletes the row. Kafka Streams: `aggregate`.
    /// A null value is shown to `add`, when values may be null. Every record gives an update of each window it enters, with
    /// the latest timestamp of the window.
    ///
    /// ```
    /// # use topo::state::{i64_be, utf8};
    /// # use topo::{Builder, Codecs, Hopping, Topic, WindowValue, testkit::Driver};
    /// # let payments: Topic<String, i64> = Topic::new("payments", utf8(), i64_be());
    /// # let app = Builder::new("doc");
    /// app.stream("payments", &payments)
    ///     .group_by_key("by-account", Codecs::new(utf8(), i64_be()))
    ///     .windowed(Hopping::of_ms(10, 5).grace_ms(100))
    ///     .aggregate("sum", WindowValue::new("sums", utf8(), i64_be()), || 0, |_, cents, sum: i64| sum + cents);
    ///
    /// let mut driver = Driver::new(app.build()?)?;
    /// for (cents, time) in [(5, 1), (7, 4), (9, 12)] {
    ///     driver.pipe(&payments, "ann".to_owned(), cents, time)?;
    /// }
    /// let rows = driver.windows::<String, i64>("sums")?;
    /// let seen: Vec<_> = rows.iter().map(|(_, start, row)| (*start, row.value, row.timestamp)).collect();
    /// assert_eq!(seen, [(0, 12, 4), (5, 9, 12), (10, 9, 12)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn aggregate<A: Data>(
        &self,
        name: &str,
        store: WindowValue<K::Present, A::Present>,
        init: impl Fn() -> A::Present + Send + Sync + 'static,
        add: impl Fn(&K::Present, V, A::Present) -> A + Send + Sync + 'static,
    ) -> Table<'b, Windowed<K::Present>, A::Present> {
        let init = Arc::new(init);
        let first = init.clone();
        self.fold(name, &store, Arc::new(move || Some(first())), move |key, value, so_far| {
            add(key, value, so_far.unwrap_or_else(&*init)).present()
        })
    }

    fn fold<A: Data<Present = A>>(
        &self,
        name: &str,
        store: &WindowValue<K::Present, A>,
        init: Arc<Init<A>>,
        fold: impl Fn(&K::Present, V, Option<A>) -> Option<A> + Send + Sync + 'static,
    ) -> Table<'b, Windowed<K::Present>, A> {
        let input = self.grouped.input();
        let kept = KeptWindows::add(self.grouped.stream.builder, name, store, self.windows, self.emit, init);
        let node = kept.operator::<K, V, _>(name, input.node, Arc::new(fold), kept.waits.clone());
        kept.table(node, input.origins.clone(), store)
    }
}

/// The store of a windowed aggregation, and what its operators must know.
pub(crate) struct KeptWindows<'b, K, A> {
    builder: &'b Builder,
    store: StoreHandle<WindowStore<K, A>>,
    windows: Windows,
    emit: EmitStrategy,
    retention_ms: i64,
    init: Arc<Init<A>>,
    old: OldWanted,
    tells: Tells,
    /// Whether updates wait for the commit.
    pub(crate) waits: Option<Waits<Windowed<K>>>,
}

impl<'b, K: Data<Present = K>, A: Data<Present = A>> KeptWindows<'b, K, A> {
    /// Adds the store for the operator `name`.
    pub(crate) fn add(
        builder: &'b Builder,
        name: &str,
        store: &WindowValue<K, A>,
        windows: Windows,
        emit: EmitStrategy,
        init: Arc<Init<A>>,
    ) -> Self {
        let windows = usable(builder, name, windows);
        let retention_ms = builder.retention(name, store.retention_ms, windows.retention_ms());
        let tells = emit.tells(store.per_commit);
        let kind = match emit.closing_interval_ms {
            None => EmitStrategy::kind(tells, store.kind(true, retention_ms), windows.looks_back_ms()),
            // One more than asked for, as in Kafka Streams: a window that is just a retention old can still be given.
            Some(_) => StoreKind::Window {
                timestamped: true,
                retention_ms: retention_ms.saturating_add(1),
                segment_ms: windows.closing_segment_ms(),
                retain_duplicates: false,
            },
        };
        let old = OldWanted::default();
        let waits = (tells == Tells::PerCommit).then(|| {
            old.want();
            Waits { key: key_codec(store, windows), deletes_at_cause: false }
        });
        // What waits for the commit is told against the row as it is stored.
        let init: Arc<Init<A>> = if waits.is_some() { Arc::new(|| None) } else { init };
        let store = builder.add_windows_as(store, kind);
        Self { builder, store, windows, emit, retention_ms, init, old, tells, waits }
    }

    /// Adds an operator that folds the records of `input` into the windows; its updates may wait.
    pub(crate) fn operator<KI: Data<Present = K>, V: Data, F>(
        &self,
        name: &str,
        input: usize,
        fold: Arc<F>,
        waits: Option<Waits<Windowed<K>>>,
    ) -> usize
    where
        F: Fn(&K, V, Option<A>) -> Option<A> + Send + Sync + 'static,
    {
        let (store, retention_ms, windows, tells) = (self.store, self.retention_ms, self.windows, self.tells);
        let (interval_ms, init, wanted) =
            (self.emit.closing_interval_ms, self.init.clone(), self.old.clone());
        let row = move || {
            let old = wanted.wanted().then(|| init.clone());
            WindowRow::new(store, old, tells)
        };
        let on_close = move || {
            interval_ms.map(|interval_ms| CloseWindows::new(store, windows, retention_ms, interval_ms))
        };
        let (builder, parents, stores) = (self.builder, [input], [store.store]);
        match windows {
            Windows::Time(windows) => builder.telling_operator(name, &parents, &stores, waits, move || {
                WindowAggregate::<KI, V, A, F>::new(row(), windows, fold.clone(), on_close())
            }),
            Windows::Sliding(windows) => {
                builder.telling_operator(name, &parents, &stores, waits, move || {
                    SlidingAggregate::<KI, V, A, F>::new(row(), windows, fold.clone(), on_close())
                })
            }
        }
    }

    /// The table whose updates come from `node`.
    pub(crate) fn table(
        self,
        node: usize,
        origins: Origins,
        store: &WindowValue<K, A>,
    ) -> Table<'b, Windowed<K>, A> {
        Table {
            builder: self.builder,
            node,
            origins,
            rows: Some(Arc::new(WindowRows(self.store))),
            stores: vec![self.store.store],
            olds: Olds::of(self.old),
            knows_old: true,
            looks_back: false,
            grace_ms: Some(self.windows.grace_ms()),
            kept: None,
            store: None,
            key: Some(key_codec(store, self.windows)),
            value: Some(store.value.clone()),
            place: None,
        }
    }
}

/// How the rows' keys are written elsewhere.
fn key_codec<K: Data, A>(store: &WindowValue<K, A>, windows: Windows) -> CodecRef<Windowed<K>> {
    windowed(store.key.clone(), WindowSize::millis(windows.size_ms()))
}

/// The windows, or harmless ones after reporting what is wrong with them.
fn usable(builder: &Builder, name: &str, windows: Windows) -> Windows {
    match windows.problem() {
        None => windows,
        Some(why) => {
            builder.problem(name, why);
            TimeWindows { size_ms: 1, advance_ms: 1, grace_ms: 0 }.into()
        }
    }
}
