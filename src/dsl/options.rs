//! What verbs are told beside names and functions: codecs, and stores.

use topo_state::{Codec, CodecRef, StoreKind, StoreSpec};

use super::Builder;
use super::ttl::Ttl;
use crate::ops::Waits;

/// How keys and values become bytes where a verb writes an internal topic.
///
/// Kafka Streams: `Grouped`, `Repartitioned`, `Serdes`.
pub struct Codecs<K, V> {
    pub(crate) key: CodecRef<K>,
    pub(crate) value: CodecRef<V>,
}

impl<K, V> Codecs<K, V> {
    /// Codecs of a key and of a value, both in their non-null form.
    pub fn new(key: CodecRef<K>, value: CodecRef<V>) -> Self {
        Self { key, value }
    }
}

impl<K, V> Clone for Codecs<K, V> {
    fn clone(&self) -> Self {
        Self { key: self.key.clone(), value: self.value.clone() }
    }
}

/// A key-value store: its name, which also names its changelog, and its codecs.
///
/// Tables and aggregations always keep the record timestamp beside the value; the store of a processor does so when
/// [`timestamped`](Self::timestamped). Kafka Streams: `Materialized`, `Stores.keyValueStoreBuilder`.
pub struct KeyValue<K, V> {
    pub(crate) name: String,
    pub(crate) key: CodecRef<K>,
    pub(crate) value: CodecRef<V>,
    pub(crate) timestamped: bool,
    pub(crate) history_ms: Option<i64>,
    pub(crate) per_commit: bool,
    pub(crate) ttl: Option<Ttl>,
    pub(crate) backing: Backing,
    pub(crate) in_memory: bool,
}

/// What a store is restored from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backing {
    Changelog,
    SourceTopic,
    Nothing,
}

impl<K: 'static, V: 'static> KeyValue<K, V> {
    /// A logged store called `name`.
    pub fn new(name: impl Into<String>, key: CodecRef<K>, value: CodecRef<V>) -> Self {
        Self {
            name: name.into(),
            key,
            value,
            timestamped: false,
            history_ms: None,
            per_commit: false,
            ttl: None,
            backing: Backing::Changelog,
            in_memory: false,
        }
    }

    /// Keeps the timestamp given at each put, also across restarts.
    /// Kafka Streams: `Stores.timestampedKeyValueStoreBuilder` (KIP-258).
    pub fn timestamped(mut self) -> Self {
        self.timestamped = true;
        self
    }

    /// Sends on one update per key and commit, the newest, instead of every update: less work behind, later results. An update
    /// from no row to no row is not sent at all. Lookups see every update at once. Not for tables with a history.
    /// Kafka Streams: caching, which is on there unless it is switched off (`Materialized.withCachingEnabled`).
    ///
    /// ```
    /// # use topo::{Builder, Codecs, KeyValue, Topic, state::{i64_be, utf8}, testkit::Driver};
    /// # let app = Builder::new("doc");
    /// # let words: Topic<String, String> = Topic::new("words", utf8(), utf8());
    /// # let counts: Topic<String, Option<i64>> = Topic::new("counts", utf8(), i64_be());
    /// app.stream("words", &words)
    ///     .group_by_key("by-key", Codecs::new(utf8(), utf8()))
    ///     .count("count", KeyValue::new("counts-store", utf8(), i64_be()).emit_per_commit())
    ///     .to_stream("updates")
    ///     .to("out", &counts);
    /// let mut driver = Driver::builder(app.build()?).commit_by_hand().build()?;
    /// for time in 0..3 {
    ///     driver.pipe(&words, "tea".to_owned(), "cup".to_owned(), time)?;
    /// }
    /// driver.commit()?;
    /// let seen: Vec<_> = driver.read(&counts)?.into_iter().map(|it| it.value).collect();
    /// assert_eq!(seen, [Some(3)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn emit_per_commit(mut self) -> Self {
        self.per_commit = true;
        self
    }

    /// Keeps the rows of each key over time: what a row was can be asked for, and put, as far back as this from the highest
    /// timestamp put, milliseconds. A stream joined with such a table meets the row of its own time. Updates of a table
    /// that are older than the row it has go on to views and streams, and are left out by joins (counted) and
    /// groupings; older than the history they are dropped and counted at once. Kafka Streams:
    /// `Stores.persistentVersionedKeyValueStore` (KIP-889, KIP-914).
    ///
    /// ```
    /// # use topo::{Builder, KeyValue, Topic, state::{i64_be, utf8}};
    /// # let app = Builder::new("doc");
    /// # let orders: Topic<String, i64> = Topic::new("orders", utf8(), i64_be());
    /// # let prices: Topic<String, i64> = Topic::new("prices", utf8(), i64_be());
    /// # let totals: Topic<String, i64> = Topic::new("totals", utf8(), i64_be());
    /// let day = 86_400_000;
    /// let prices = app.table("prices", &prices, KeyValue::new("prices-store", utf8(), i64_be()).history_ms(day));
    /// // An order that comes late is still worth what it was worth when it was placed.
    /// app.stream("orders", &orders).join_table("total", &prices, |_, count, price| count * price).to("out", &totals);
    /// # app.build()?;
    /// # Ok::<(), topo::TopologyErrors>(())
    /// ```
    pub fn history_ms(mut self, history_ms: i64) -> Self {
        self.history_ms = Some(history_ms);
        self
    }

    /// Forgets rows of a table that have not been updated for this long: each is deleted from the store and its changelog, and
    /// the deletion goes on like any other, with the time at which the row was over as its timestamp. So the changelog agrees:
    /// after a restore nothing that expired is back, and nothing is forgotten to expire. An aggregation begins anew when a
    /// forgotten key comes again.
    ///
    /// Rows are looked for before each record that reaches the table, and between records as the clock goes on, in steps of
    /// 1/64 of the time to live and at most a minute; until then lookups still find them. The index of what is due lies in the
    /// logged store `<store>-expiry`. Not for tables with a history and those restored from their topic. In a cogrouped
    /// aggregation a row that is over when it is put goes at once, elsewhere before the next record. Kafka Streams has none.
    ///
    /// ```
    /// # use topo::{Builder, Codecs, KeyValue, Topic, Ttl, state::{i64_be, utf8}, testkit::Driver};
    /// # let app = Builder::new("doc");
    /// # let visits: Topic<String, String> = Topic::new("visits", utf8(), utf8());
    /// # let counts: Topic<String, Option<i64>> = Topic::new("counts", utf8(), i64_be());
    /// let minute = KeyValue::new("counts-store", utf8(), i64_be()).ttl(Ttl::stream_ms(60_000));
    /// app.stream("visits", &visits)
    ///     .group_by_key("by-visitor", Codecs::new(utf8(), utf8()))
    ///     .count("count", minute)
    ///     .to_stream("updates")
    ///     .to("write", &counts);
    ///
    /// let mut driver = Driver::new(app.build()?)?;
    /// for (visitor, time) in [("ann", 0), ("ann", 30_000), ("bob", 90_000)] {
    ///     driver.pipe(&visits, visitor.to_owned(), "home".to_owned(), time)?;
    /// }
    /// let seen: Vec<_> = driver.read(&counts)?.into_iter().map(|it| (it.key, it.value, it.timestamp)).collect();
    /// let row = |key: &str, value, time| (key.to_owned(), value, time);
    /// assert_eq!(seen[2..], [row("ann", None, 90_000), row("bob", Some(1), 90_000)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn ttl(mut self, ttl: Ttl) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// Keeps the rows in memory instead of on disk: quicker, and for as much as fits into memory beside all else (the
    /// `memory` of the configuration is RocksDB's). They are read from the changelog at each start and takeover, which takes
    /// the longer the more there are; promises are the same. Operators can look at them only while the process runs.
    /// [Without a changelog](Self::without_changelog) nothing of them survives a restart, nor a move of the task.
    /// Kafka Streams: `Stores.inMemoryKeyValueStore`, `Materialized.withStoreType(IN_MEMORY)` (KIP-591).
    ///
    /// ```
    /// # use topo::{Builder, Codecs, KeyValue, Topic, state::{i64_be, utf8}, testkit::Driver};
    /// # let app = Builder::new("doc");
    /// # let words: Topic<String, String> = Topic::new("words", utf8(), utf8());
    /// app.stream("words", &words)
    ///     .group_by_key("by-key", Codecs::new(utf8(), utf8()))
    ///     .count("count", KeyValue::new("counts", utf8(), i64_be()).in_memory());
    /// let mut driver = Driver::new(app.build()?)?;
    /// driver.pipe(&words, "tea".to_owned(), "cup".to_owned(), 0)?;
    /// driver.reopen()?;
    /// driver.pipe(&words, "tea".to_owned(), "pot".to_owned(), 1)?;
    /// let tea = driver.value::<String, i64>("counts", &"tea".to_owned())?;
    /// assert_eq!(tea, Some(2), "the changelog brought it back");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn in_memory(mut self) -> Self {
        self.in_memory = true;
        self
    }

    /// Has no changelog: the content is lost when its directory is.
    /// Kafka Streams: `withLoggingDisabled`.
    pub fn without_changelog(mut self) -> Self {
        self.backing = Backing::Nothing;
        self
    }

    /// Has no changelog of its own and is restored from the topic it is a copy of; only for
    /// [`Builder::table`](crate::Builder::table), whose topic must then be compacted and hold readable records only.
    /// Kafka Streams: `StreamsConfig.REUSE_KTABLE_SOURCE_TOPICS`, for one table.
    pub fn restored_from_source(mut self) -> Self {
        self.backing = Backing::SourceTopic;
        self
    }

    /// The store of a table that reads a topic written by these codecs. Restoring it from that topic takes the topic's bytes
    /// as they are, so the codecs must be the store's own.
    /// `own_times`: the rows have the timestamps of the topic's records.
    pub(crate) fn copying(
        mut self,
        key: &dyn Codec<K>,
        value: &dyn Codec<V>,
        own_times: bool,
        builder: &Builder,
    ) -> Self {
        let same = key.id() == self.key.id() && value.id() == self.value.id();
        match self.backing {
            Backing::Changelog
                if same && own_times && self.ttl.is_none() && builder.optimize.source_topics =>
            {
                self.backing = Backing::SourceTopic
            }
            Backing::SourceTopic if !own_times => {
                let why =
                    "its times are extracted from the records: restored from the topic it would have others";
                builder.problem(&self.name, why.to_owned());
            }
            Backing::SourceTopic if !same => {
                let topic = format!("<{}, {}>", key.id(), value.id());
                let why = format!(
                    "it is written as <{}, {}>, and its topic as {topic}: it cannot be restored from that topic",
                    self.key.id(),
                    self.value.id()
                );
                builder.problem(&self.name, why);
            }
            _ => {}
        }
        self
    }

    pub(crate) fn spec(&self, timestamped: bool) -> StoreSpec {
        StoreSpec::new(
            self.name.clone(),
            match self.history_ms {
                Some(history_ms) => StoreKind::Versioned { history_ms },
                None => StoreKind::KeyValue { timestamped: timestamped || self.timestamped },
            },
            &*self.key,
            &*self.value,
        )
        .in_memory(self.in_memory)
    }

    /// Whether updates wait for the commit.
    pub(crate) fn waits(&self) -> Option<Waits<K>> {
        self.per_commit.then(|| Waits { key: self.key.clone(), deletes_at_cause: true })
    }

    pub(crate) fn codecs(&self) -> Codecs<K, V> {
        Codecs::new(self.key.clone(), self.value.clone())
    }
}

impl<K, V> Clone for KeyValue<K, V> {
    fn clone(&self) -> Self {
        Self {
            name: self.name.clone(),
            key: self.key.clone(),
            value: self.value.clone(),
            timestamped: self.timestamped,
            history_ms: self.history_ms,
            per_commit: self.per_commit,
            ttl: self.ttl,
            backing: self.backing,
            in_memory: self.in_memory,
        }
    }
}
