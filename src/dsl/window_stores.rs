//! Window and session stores: what verbs are told of them, and how they are added.

use topo_state::{CodecRef, SessionStore, StoreKind, StoreSpec, WindowStore};

use super::Builder;
use crate::data::Data;
use crate::graph::Changelog;
use crate::processor::StoreHandle;

/// A window store: rows by key and window start, forgotten once stream time has passed them by the retention.
///
/// Kafka Streams: `Materialized` of a windowed aggregation, `Stores.windowStoreBuilder`.
pub struct WindowValue<K, V> {
    pub(crate) name: String,
    pub(crate) key: CodecRef<K>,
    pub(crate) value: CodecRef<V>,
    pub(crate) retention_ms: Option<i64>,
    pub(crate) timestamped: bool,
    pub(crate) duplicates: bool,
    pub(crate) per_commit: bool,
    pub(crate) logged: bool,
    pub(crate) in_memory: bool,
}

impl<K: 'static, V: 'static> WindowValue<K, V> {
    /// A logged store called `name`. A windowed aggregation keeps its rows for the window's size + grace unless told
    /// otherwise; the store of a processor must be told with [`retention_ms`](Self::retention_ms).
    pub fn new(name: impl Into<String>, key: CodecRef<K>, value: CodecRef<V>) -> Self {
        Self {
            name: name.into(),
            key,
            value,
            retention_ms: None,
            timestamped: false,
            duplicates: false,
            per_commit: false,
            logged: true,
            in_memory: false,
        }
    }

    /// How far behind the highest start a row may be before it is gone, milliseconds.
    /// Kafka Streams: `Materialized.withRetention`.
    pub fn retention_ms(mut self, retention_ms: i64) -> Self {
        self.retention_ms = Some(retention_ms);
        self
    }

    /// Keeps the timestamp given at each put. Aggregations always do.
    /// Kafka Streams: `Stores.timestampedWindowStoreBuilder` (KIP-258).
    pub fn timestamped(mut self) -> Self {
        self.timestamped = true;
        self
    }

    /// Every put adds a row, instead of replacing the one with the same key and start.
    /// Kafka Streams: `retainDuplicates` of `Stores.persistentWindowStore`.
    pub fn with_duplicates(mut self) -> Self {
        self.duplicates = true;
        self
    }

    /// Sends on one update per window and commit, the newest, instead of every update; see
    /// [`KeyValue::emit_per_commit`](crate::KeyValue::emit_per_commit). Not for final results: there is nothing to hold back. Kafka Streams:
    /// `Materialized.withCachingEnabled`.
    ///
    /// ```
    /// # use topo::state::{WindowSize, i64_be, utf8, windowed};
    /// # use topo::{Builder, Codecs, Topic, Tumbling, WindowValue, testkit::Driver};
    /// # let app = Builder::new("doc");
    /// # let words: Topic<String, String> = Topic::new("words", utf8(), utf8());
    /// # let counts: Topic<_, Option<i64>> = Topic::new("counts", windowed(utf8(), WindowSize::millis(10)), i64_be());
    /// app.stream("words", &words)
    ///     .group_by_key("by-key", Codecs::new(utf8(), utf8()))
    ///     .windowed(Tumbling::of_ms(10))
    ///     .count("count", WindowValue::new("counts-store", utf8(), i64_be()).emit_per_commit())
    ///     .to_stream("updates")
    ///     .to("out", &counts);
    /// let mut driver = Driver::builder(app.build()?).commit_by_hand().build()?;
    /// for time in [1, 2, 3, 12] {
    ///     driver.pipe(&words, "tea".to_owned(), "cup".to_owned(), time)?;
    /// }
    /// driver.commit()?;
    /// let seen: Vec<_> = driver.read(&counts)?.into_iter().map(|it| (it.key.window.start, it.value)).collect();
    /// assert_eq!(seen, [(0, Some(3)), (10, Some(1))]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn emit_per_commit(mut self) -> Self {
        self.per_commit = true;
        self
    }

    /// Keeps the rows in memory instead of on disk; see [`KeyValue::in_memory`](crate::KeyValue::in_memory).
    /// Kafka Streams: `Stores.inMemoryWindowStore`.
    pub fn in_memory(mut self) -> Self {
        self.in_memory = true;
        self
    }

    /// Has no changelog: the content is lost when its directory is.
    /// Kafka Streams: `withLoggingDisabled`.
    pub fn without_changelog(mut self) -> Self {
        self.logged = false;
        self
    }

    /// The usual layout of a window store.
    pub(crate) fn kind(&self, timestamped: bool, retention_ms: i64) -> StoreKind {
        StoreKind::window(timestamped || self.timestamped, retention_ms, self.duplicates)
    }

    pub(crate) fn spec(&self, kind: StoreKind) -> StoreSpec {
        StoreSpec::new(self.name.clone(), kind, &*self.key, &*self.value).in_memory(self.in_memory)
    }
}

impl<K, V> Clone for WindowValue<K, V> {
    fn clone(&self) -> Self {
        Self {
            name: self.name.clone(),
            key: self.key.clone(),
            value: self.value.clone(),
            retention_ms: self.retention_ms,
            timestamped: self.timestamped,
            duplicates: self.duplicates,
            per_commit: self.per_commit,
            logged: self.logged,
            in_memory: self.in_memory,
        }
    }
}

/// A session store: rows by key and session, forgotten once stream time has passed their end by the retention.
///
/// Kafka Streams: `Materialized` of a session aggregation, `Stores.sessionStoreBuilder`.
pub struct SessionValue<K, V> {
    pub(crate) name: String,
    pub(crate) key: CodecRef<K>,
    pub(crate) value: CodecRef<V>,
    pub(crate) retention_ms: Option<i64>,
    pub(crate) per_commit: bool,
    pub(crate) logged: bool,
    pub(crate) in_memory: bool,
}

impl<K: 'static, V: 'static> SessionValue<K, V> {
    /// A logged store called `name`. A session aggregation keeps its rows for gap + grace unless told otherwise; the store of
    /// a processor must be told with [`retention_ms`](Self::retention_ms).
    pub fn new(name: impl Into<String>, key: CodecRef<K>, value: CodecRef<V>) -> Self {
        Self {
            name: name.into(),
            key,
            value,
            retention_ms: None,
            per_commit: false,
            logged: true,
            in_memory: false,
        }
    }

    /// How far behind the highest end a session's end may be before it is gone, milliseconds.
    /// Kafka Streams: `Materialized.withRetention`.
    pub fn retention_ms(mut self, retention_ms: i64) -> Self {
        self.retention_ms = Some(retention_ms);
        self
    }

    /// Sends on what has become of each session since the last commit, instead of every update: the newest value, or that
    /// it was merged away. A session that came and went in between is never seen. These updates carry the headers of the
    /// record behind them. See [`KeyValue::emit_per_commit`](crate::KeyValue::emit_per_commit). Kafka Streams: `Materialized.withCachingEnabled`.
    ///
    /// ```
    /// # use topo::state::{i64_be, session_windowed, utf8};
    /// # use topo::{Builder, Codecs, Session, SessionValue, Topic, testkit::Driver};
    /// # let app = Builder::new("doc");
    /// # let clicks: Topic<String, String> = Topic::new("clicks", utf8(), utf8());
    /// # let visits: Topic<_, Option<i64>> = Topic::new("visits", session_windowed(utf8()), i64_be());
    /// app.stream("clicks", &clicks)
    ///     .group_by_key("by-visitor", Codecs::new(utf8(), utf8()))
    ///     .sessions(Session::gap_ms(30))
    ///     .count("visit", SessionValue::new("visits-store", utf8(), i64_be()).emit_per_commit())
    ///     .to_stream("updates")
    ///     .to("visits", &visits);
    /// let mut driver = Driver::builder(app.build()?).commit_by_hand().build()?;
    /// for time in [0, 20, 40] {
    ///     driver.pipe(&clicks, "ann".to_owned(), "page".to_owned(), time)?;
    /// }
    /// driver.commit()?;
    /// let seen: Vec<_> = driver.read(&visits)?.into_iter().map(|it| (it.key.window.end, it.value)).collect();
    /// assert_eq!(seen, [(40, Some(3))], "nobody saw the sessions that ended at 0 and 20");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn emit_per_commit(mut self) -> Self {
        self.per_commit = true;
        self
    }

    /// Keeps the rows in memory instead of on disk; see [`KeyValue::in_memory`](crate::KeyValue::in_memory).
    /// Kafka Streams: `Stores.inMemorySessionStore`.
    pub fn in_memory(mut self) -> Self {
        self.in_memory = true;
        self
    }

    /// Has no changelog: the content is lost when its directory is.
    /// Kafka Streams: `withLoggingDisabled`.
    pub fn without_changelog(mut self) -> Self {
        self.logged = false;
        self
    }

    pub(crate) fn spec(&self, kind: StoreKind) -> StoreSpec {
        StoreSpec::new(self.name.clone(), kind, &*self.key, &*self.value).in_memory(self.in_memory)
    }
}

impl<K, V> Clone for SessionValue<K, V> {
    fn clone(&self) -> Self {
        Self {
            name: self.name.clone(),
            key: self.key.clone(),
            value: self.value.clone(),
            retention_ms: self.retention_ms,
            per_commit: self.per_commit,
            logged: self.logged,
            in_memory: self.in_memory,
        }
    }
}

impl Builder {
    /// Adds a window store that keeps rows for `retention_ms`.
    pub(crate) fn add_windows<K: Data, V: Data>(
        &self,
        store: &WindowValue<K, V>,
        timestamped: bool,
        retention_ms: i64,
    ) -> StoreHandle<WindowStore<K, V>> {
        self.add_windows_as(store, store.kind(timestamped, retention_ms))
    }

    /// Adds a window store of this layout.
    pub(crate) fn add_windows_as<K: Data, V: Data>(
        &self,
        store: &WindowValue<K, V>,
        kind: StoreKind,
    ) -> StoreHandle<WindowStore<K, V>> {
        let changelog = if store.logged { Changelog::Own } else { Changelog::None };
        let (key, value) = (store.key.clone(), store.value.clone());
        self.add_store(store.spec(kind), changelog, move |spec, index, backend| {
            WindowStore::new(spec, index, backend, key.clone(), value.clone())
        })
    }

    /// Adds a session store of this layout.
    pub(crate) fn add_sessions<K: Data, V: Data>(
        &self,
        store: &SessionValue<K, V>,
        kind: StoreKind,
    ) -> StoreHandle<SessionStore<K, V>> {
        let changelog = if store.logged { Changelog::Own } else { Changelog::None };
        let (key, value) = (store.key.clone(), store.value.clone());
        self.add_store(store.spec(kind), changelog, move |spec, index, backend| {
            SessionStore::new(spec, index, backend, key.clone(), value.clone())
        })
    }

    /// The retention asked for, or the least one that the windows of the operator `name` need; less than that is reported.
    pub(crate) fn retention(&self, name: &str, asked_ms: Option<i64>, least_ms: i64) -> i64 {
        let retention_ms = asked_ms.unwrap_or(least_ms);
        if retention_ms < least_ms {
            let why =
                format!("a retention of {retention_ms} ms is less than its windows need, {least_ms} ms");
            self.problem(name, why);
        }
        retention_ms
    }
}
