//! [`SessionStream`]: a grouped stream, cut into sessions.

use std::sync::Arc;

use topo_state::{SessionStore, StoreKind, Windowed, session_windowed};

use super::Builder;
use super::grouped::Grouped;
use super::table::Table;
use super::window_stores::SessionValue;
use super::windows::{EmitStrategy, Session};
use super::wiring::Origins;
use crate::data::Data;
use crate::ops::{CloseSessions, OldWanted, Olds, SessionAggregate, SessionRows, Tells, Told, Waits};
use crate::processor::StoreHandle;

/// A stream by key and session. Kafka Streams: `SessionWindowedKStream`.
///
/// A record joins the sessions of its key within the gap and makes them one: each of them is deleted, with an update that
/// says so and has its end as timestamp, then the new session is set. A session's timestamp is its end. A record whose
/// session would end more than gap + grace before the operator's stream time is dropped and counted, so is one with a null
/// key; null values are shown to the function. Updates carry no headers, as in Kafka Streams; final results carry those of the record
/// that closed the session. Unlike in Kafka Streams the stream time is committed with the state and survives restarts.
///
/// ```
/// use topo::state::{i64_be, session_windowed, utf8};
/// use topo::testkit::Driver;
/// use topo::{Builder, Codecs, Session, SessionValue, Topic};
///
/// let clicks: Topic<String, String> = Topic::new("clicks", utf8(), utf8());
/// let visits = Topic::new("visits", session_windowed(utf8()), i64_be());
/// let app = Builder::new("visits");
/// app.stream("clicks", &clicks)
///     .group_by_key("by-visitor", Codecs::new(utf8(), utf8()))
///     .sessions(Session::gap_ms(30))
///     .count("visit", SessionValue::new("visits-store", utf8(), i64_be()))
///     .to_stream("updates")
///     .to("visits", &visits);
///
/// let mut driver = Driver::new(app.build()?)?;
/// for time in [0, 20, 90] {
///     driver.pipe(&clicks, "ann".to_owned(), "page".to_owned(), time)?;
/// }
/// let seen: Vec<_> = driver
///     .read(&visits)?
///     .into_iter()
///     .map(|it| (it.key.window.start, it.key.window.end, it.value))
///     .collect();
/// assert_eq!(seen, [(0, 0, Some(1)), (0, 0, None), (0, 20, Some(2)), (90, 90, Some(1))]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "sessions do nothing until they are aggregated"]
pub struct SessionStream<'b, K: Data, V: Data> {
    grouped: Grouped<'b, K, V>,
    windows: Session,
    emit: EmitStrategy,
}

impl<'b, K: Data, V: Data> SessionStream<'b, K, V> {
    pub(crate) fn new(grouped: Grouped<'b, K, V>, windows: Session) -> Self {
        Self { grouped, windows, emit: EmitStrategy::on_window_update() }
    }

    /// Says whether every update goes out or final results only, in order of end, start, then key bytes; see
    /// [`WindowedStream::emit`](crate::WindowedStream::emit). Kafka Streams: `emitStrategy` (KIP-825).
    /// ```
    /// # use topo::state::{i64_be, session_windowed, utf8};
    /// # use topo::{Builder, Codecs, EmitStrategy, Session, SessionValue, Topic, testkit::Driver};
    /// # let clicks: Topic<String, i64> = Topic::new("clicks", utf8(), i64_be());
    /// # let visits = Topic::new("visits", session_windowed(utf8()), i64_be());
    /// # let app = Builder::new("doc");
    /// app.stream("clicks", &clicks)
    ///     .group_by_key("by-visitor", Codecs::new(utf8(), i64_be()))
    ///     .sessions(Session::gap_ms(30))
    ///     .emit(EmitStrategy::on_window_close().at_most_every_ms(0))
    ///     .count("visit", SessionValue::new("visits-store", utf8(), i64_be()))
    ///     .to_stream("final")
    ///     .to("visits", &visits);
    ///
    /// let mut driver = Driver::new(app.build()?)?;
    /// for time in [0, 20, 90] {
    ///     driver.pipe(&clicks, "ann".to_owned(), 1, time)?;
    /// }
    /// let seen: Vec<_> = driver.read(&visits)?.into_iter().map(|it| (it.key.window.end, it.value)).collect();
    /// assert_eq!(seen, [(20, Some(2))]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn emit(mut self, emit: EmitStrategy) -> Self {
        self.emit = emit;
        self
    }

    /// How many records each session has. Kafka Streams: `count`.
    /// A record that merges sessions gives the deletion of each old one first, then the new one. Null values count too; a record
    /// that is too late, or without a key, is dropped and counted.
    ///
    /// ```
    /// # use topo::state::{i64_be, utf8};
    /// # use topo::{Builder, Codecs, Session, SessionValue, Topic, testkit::Driver};
    /// # let clicks: Topic<String, i64> = Topic::new("clicks", utf8(), i64_be());
    /// # let app = Builder::new("doc");
    /// app.stream("clicks", &clicks)
    ///     .group_by_key("by-visitor", Codecs::new(utf8(), i64_be()))
    ///     .sessions(Session::gap_ms(30).grace_ms(100))
    ///     .count("visit", SessionValue::new("visits", utf8(), i64_be()));
    ///
    /// let mut driver = Driver::new(app.build()?)?;
    /// for (stayed, time) in [(4, 0), (9, 60), (1, 30), (2, 100)] {
    ///     driver.pipe(&clicks, "ann".to_owned(), stayed, time)?;
    /// }
    /// let rows = driver.sessions::<String, i64>("visits")?;
    /// let seen: Vec<_> = rows.iter().map(|(key, row)| (key.window.start, key.window.end, *row)).collect();
    /// assert_eq!(seen, [(0, 60, 3), (100, 100, 1)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn count(
        &self,
        name: &str,
        store: SessionValue<K::Present, i64>,
    ) -> Table<'b, Windowed<K::Present>, i64> {
        let add = |_: &K::Present, _, count: Option<i64>| Some(count.unwrap_or(0) + 1);
        self.fold(name, &store, add, |_, so_far, next| Some(so_far.unwrap_or(0) + next))
    }

    /// Combines the values of each session: `reduce(so far, next)`; the first value is the first result. When sessions merge,
    /// their results are combined by the same function, in order of their ends. `None` from a nullable result deletes the
    /// session. Kafka Streams: `reduce`.
    /// A null value is shown to `reduce`, when values may be null; alone it leaves no session.
    ///
    /// ```
    /// # use topo::state::{i64_be, utf8};
    /// # use topo::{Builder, Codecs, Session, SessionValue, Topic, testkit::Driver};
    /// # let clicks: Topic<String, i64> = Topic::new("clicks", utf8(), i64_be());
    /// # let app = Builder::new("doc");
    /// app.stream("clicks", &clicks)
    ///     .group_by_key("by-visitor", Codecs::new(utf8(), i64_be()))
    ///     .sessions(Session::gap_ms(30).grace_ms(100))
    ///     .reduce("longest", SessionValue::new("longest-store", utf8(), i64_be()), |one: i64, other| one.max(other));
    ///
    /// let mut driver = Driver::new(app.build()?)?;
    /// for (stayed, time) in [(4, 0), (9, 60), (1, 30)] {
    ///     driver.pipe(&clicks, "ann".to_owned(), stayed, time)?;
    /// }
    /// let rows = driver.sessions::<String, i64>("longest-store")?;
    /// let seen: Vec<_> = rows.iter().map(|(key, row)| (key.window.start, key.window.end, *row)).collect();
    /// assert_eq!(seen, [(0, 60, 9)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reduce<R: Data<Present = V::Present>>(
        &self,
        name: &str,
        store: SessionValue<K::Present, V::Present>,
        reduce: impl Fn(V::Present, V) -> R + Send + Sync + 'static,
    ) -> Table<'b, Windowed<K::Present>, V::Present> {
        let reduce = Arc::new(move |so_far: Option<V::Present>, value: V| match so_far {
            Some(so_far) => reduce(so_far, value).present(),
            None => value.present(),
        });
        let merge = reduce.clone();
        self.fold(
            name,
            &store,
            move |_, value, so_far| reduce(so_far, value),
            move |_, so_far, next| merge(so_far, V::of(next)),
        )
    }

    /// Folds the values of each session into an aggregate that begins with `init`. When sessions merge, `merge(so far,
    /// next)` combines their aggregates in order of their ends, beginning with `init`; the record is added last. `None` from
    /// a nullable result of `add` deletes the session; from `merge` it begins anew. Kafka Streams: `aggregate` with a `Merger`.
    ///
    /// ```
    /// use topo::state::{i64_be, utf8};
    /// use topo::testkit::Driver;
    /// use topo::{Builder, Codecs, Session, SessionValue, Topic};
    ///
    /// let clicks: Topic<String, i64> = Topic::new("clicks", utf8(), i64_be());
    /// let app = Builder::new("visits");
    /// let _ = app
    ///     .stream("clicks", &clicks)
    ///     .group_by_key("by-visitor", Codecs::new(utf8(), i64_be()))
    ///     .sessions(Session::gap_ms(30).grace_ms(100))
    ///     .aggregate(
    ///         "longest",
    ///         SessionValue::new("longest-store", utf8(), i64_be()),
    ///         || 0,
    ///         |_, stayed, longest: i64| longest.max(stayed),
    ///         |_, one, other| one.max(other),
    ///     );
    ///
    /// let mut driver = Driver::new(app.build()?)?;
    /// for (stayed, time) in [(4, 0), (9, 60), (1, 30)] {
    ///     driver.pipe(&clicks, "ann".to_owned(), stayed, time)?;
    /// }
    /// let rows = driver.sessions::<String, i64>("longest-store")?;
    /// assert_eq!(rows.iter().map(|(key, longest)| (key.window.end, *longest)).collect::<Vec<_>>(), [(60, 9)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn aggregate<A: Data>(
        &self,
        name: &str,
        store: SessionValue<K::Present, A::Present>,
        init: impl Fn() -> A::Present + Send + Sync + 'static,
        add: impl Fn(&K::Present, V, A::Present) -> A + Send + Sync + 'static,
        merge: impl Fn(&K::Present, A::Present, A::Present) -> A + Send + Sync + 'static,
    ) -> Table<'b, Windowed<K::Present>, A::Present> {
        let init = Arc::new(init);
        let first = init.clone();
        self.fold(
            name,
            &store,
            move |key, value, so_far| add(key, value, so_far.unwrap_or_else(&*init)).present(),
            move |key, so_far, next| merge(key, so_far.unwrap_or_else(&*first), next).present(),
        )
    }

    fn fold<A: Data<Present = A>>(
        &self,
        name: &str,
        store: &SessionValue<K::Present, A>,
        fold: impl Fn(&K::Present, V, Option<A>) -> Option<A> + Send + Sync + 'static,
        merge: impl Fn(&K::Present, Option<A>, A) -> Option<A> + Send + Sync + 'static,
    ) -> Table<'b, Windowed<K::Present>, A> {
        let input = self.grouped.input();
        let kept = KeptSessions::add(self.grouped.stream.builder, name, store, self.windows, self.emit);
        let node = kept.operator::<K, V, _, _>(name, input.node, Arc::new((fold, merge)), kept.waits.clone());
        kept.table(node, input.origins.clone(), store)
    }
}

/// The store of an aggregation in sessions, and what its operators must know.
pub(crate) struct KeptSessions<'b, K, A> {
    builder: &'b Builder,
    store: StoreHandle<SessionStore<K, A>>,
    windows: Session,
    emit: EmitStrategy,
    retention_ms: i64,
    old: OldWanted,
    tells: Tells,
    /// Whether updates wait for the commit.
    pub(crate) waits: Option<Waits<Windowed<K>>>,
}

impl<'b, K: Data<Present = K>, A: Data<Present = A>> KeptSessions<'b, K, A> {
    /// Adds the store for the operator `name`.
    pub(crate) fn add(
        builder: &'b Builder,
        name: &str,
        store: &SessionValue<K, A>,
        windows: Session,
        emit: EmitStrategy,
    ) -> Self {
        let windows = windows.problem().map_or(windows, |why| {
            builder.problem(name, why);
            Session::gap_ms(1)
        });
        let retention_ms = builder.retention(name, store.retention_ms, windows.retention_ms());
        let tells = emit.tells(store.per_commit);
        let kind = match emit.closing_interval_ms {
            None => EmitStrategy::kind(tells, StoreKind::session(retention_ms), windows.gap_ms),
            // One more than asked for, as in Kafka Streams: a session that is just a retention old can still be given.
            Some(_) => StoreKind::Session {
                retention_ms: retention_ms.saturating_add(1),
                segment_ms: windows.waits_ms(),
            },
        };
        let old = OldWanted::default();
        let waits = (tells == Tells::PerCommit).then(|| {
            old.want();
            Waits { key: session_windowed(store.key.clone()), deletes_at_cause: false }
        });
        let store = builder.add_sessions(store, kind);
        Self { builder, store, windows, emit, retention_ms, old, tells, waits }
    }

    /// Adds an operator that folds the records of `input` into the sessions; its updates may wait.
    pub(crate) fn operator<KI: Data<Present = K>, V: Data, F, M>(
        &self,
        name: &str,
        input: usize,
        functions: Arc<(F, M)>,
        waits: Option<Waits<Windowed<K>>>,
    ) -> usize
    where
        F: Fn(&K, V, Option<A>) -> Option<A> + Send + Sync + 'static,
        M: Fn(&K, Option<A>, A) -> Option<A> + Send + Sync + 'static,
    {
        let (store, retention_ms, windows) = (self.store, self.retention_ms, self.windows);
        let (interval_ms, wanted) = (self.emit.closing_interval_ms, self.old.clone());
        let tells = self.tells;
        self.builder.telling_operator(name, &[input], &[store.store], waits, move || {
            let on_close =
                interval_ms.map(|interval_ms| CloseSessions::new(store, retention_ms, interval_ms));
            let told = Told { old: wanted.wanted(), tells, kept_ms: retention_ms };
            SessionAggregate::<KI, V, A, F, M>::new(store, windows, functions.clone(), told, on_close)
        })
    }

    /// The table whose updates come from `node`.
    pub(crate) fn table(
        self,
        node: usize,
        origins: Origins,
        store: &SessionValue<K, A>,
    ) -> Table<'b, Windowed<K>, A> {
        Table {
            builder: self.builder,
            node,
            origins,
            rows: Some(Arc::new(SessionRows(self.store))),
            stores: vec![self.store.store],
            olds: Olds::of(self.old),
            knows_old: true,
            looks_back: false,
            grace_ms: Some(self.windows.waits_ms()),
            kept: None,
            store: None,
            key: Some(session_windowed(store.key.clone())),
            value: Some(store.value.clone()),
            place: None,
        }
    }
}
