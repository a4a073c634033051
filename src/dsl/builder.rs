//! Where a topology begins: sources, stores, and the finished graph.

use std::cell::RefCell;
use std::sync::Arc;

use topo_state::{
    Backend, KeyValueStore, LruStore, SessionStore, Store, StoreKind, StoreSpec, VersionedStore, WindowStore,
};

use super::global_table::GlobalTable;
use super::null_keys::NullKeys;
use super::optimize::Optimize;
use super::options::KeyValue;
use super::stream::Stream;
use super::table::Table;
use super::window_stores::{SessionValue, WindowValue};
use super::wiring::external;
use crate::data::Data;
use crate::graph::{Changelog, Mergeable, Topology, TopologyError, TopologyErrors};
use crate::processor::{ExpiringHandle, Processor, ReadHandle, StoreHandle, until_codec};
use crate::topic::Topic;

/// Collects the steps of a topology. Handles borrow it; it can be asked for several topologies' worth of steps, but one
/// [`build`](Self::build) is what an application needs.
///
/// ```
/// use topo::state::{i64_be, utf8};
/// use topo::{Builder, KeyValue, Topic};
///
/// let words: Topic<Option<String>, String> = Topic::new("words", utf8(), utf8());
/// let counts: Topic<String, Option<i64>> = Topic::new("counts", utf8(), i64_be());
///
/// let app = Builder::new("word-count");
/// app.stream("words", &words)
///     .group_by("by-word", |_, word| word.clone(), topo::Codecs::new(utf8(), utf8()))
///     .count("count", KeyValue::new("counts-store", utf8(), i64_be()))
///     .to_stream("updates")
///     .to("counts", &counts);
/// let topology = app.build()?;
/// # Ok::<(), topo::TopologyErrors>(())
/// ```
///
/// Kafka Streams: `StreamsBuilder`.
pub struct Builder {
    pub(crate) wiring: RefCell<Wiring>,
    pub(crate) optimize: Optimize,
    pub(crate) in_memory: bool,
}

/// The graph so far, and what is wrong with it.
pub(crate) struct Wiring {
    pub(crate) topology: Topology,
    pub(crate) problems: Vec<TopologyError>,
    /// The node of each repartition that drops null keys, and whether it does.
    pub(crate) null_keys: Vec<(usize, NullKeys)>,
    /// The nodes before joins that have a result for a null key.
    pub(crate) null_key_joins: Vec<usize>,
    pub(crate) mergeable: Mergeable,
}

impl Builder {
    /// A topology whose application is called `name` unless the configuration says otherwise.
    pub fn new(name: impl Into<String>) -> Self {
        let topology = Topology { name: name.into(), ..Topology::default() };
        let wiring = RefCell::new(Wiring {
            topology,
            problems: Vec::new(),
            null_keys: Vec::new(),
            null_key_joins: Vec::new(),
            mergeable: Mergeable::default(),
        });
        Self { wiring, optimize: Optimize::default(), in_memory: false }
    }

    /// Keeps every store in memory, as if each were told so; say it before the first verb. See
    /// [`KeyValue::in_memory`](crate::KeyValue::in_memory). Kafka Streams: `dsl.store.suppliers.class` with
    /// `InMemoryDslStoreSuppliers` (KIP-954).
    ///
    /// ```
    /// # use topo::{Builder, KeyValue, Topic, state::utf8, testkit::Driver};
    /// # let prices: Topic<String, String> = Topic::new("prices", utf8(), utf8());
    /// let app = Builder::new("prices").stores_in_memory();
    /// app.table("prices", &prices, KeyValue::new("prices-store", utf8(), utf8()));
    /// let mut driver = Driver::new(app.build()?)?;
    /// driver.pipe(&prices, "tea".to_owned(), "2.50".to_owned(), 0)?;
    /// driver.reopen()?;
    /// assert_eq!(driver.key_values::<String, String>("prices-store")?.len(), 1, "the changelog brought it back");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn stores_in_memory(mut self) -> Self {
        self.in_memory = true;
        self
    }

    /// Takes these shortcuts instead of the default ones; say so before the first verb. Kafka Streams:
    /// `topology.optimization`.
    pub fn optimize(mut self, optimize: Optimize) -> Self {
        self.optimize = optimize;
        self
    }

    /// Lets time go on where no records come: a task that has had none for this long, by the wall clock, takes its stream time to
    /// be the wall clock less the timeout, and goes on with it while it stays quiet. So windows close and give their results,
    /// `suppress` lets go, records without a partner leave outer joins, rows expire and punctuations of stream time fire, within
    /// twice the timeout, although the topic's other partitions are busy and this one is not. Only a task that has seen a record
    /// knows a time that can go on.
    ///
    /// A record that comes later with an older timestamp is late, as behind any newer record. So choose the timeout longer than
    /// records are ever late, and longer than outages of Kafka you want to live through without loss; not for replays of old
    /// records through repartition topics, where a quiet task may only have to wait for its turn. Kafka Streams has none:
    /// results wait for the next record (KAFKA-10847 and others).
    ///
    /// ```
    /// # use topo::{Builder, Codecs, Topic, Tumbling, WindowValue, testkit::Driver};
    /// # use topo::state::{WindowSize, i64_be, utf8, windowed};
    /// # let visits: Topic<String, String> = Topic::new("visits", utf8(), utf8());
    /// # let counts = Topic::<topo::state::Windowed<String>, Option<i64>>::new(
    /// #     "counts", windowed(utf8(), WindowSize::millis(1_000)), i64_be());
    /// let app = Builder::new("doc").idle_timeout_ms(5_000);
    /// app.stream("visits", &visits)
    ///     .group_by_key("by-visitor", Codecs::new(utf8(), utf8()))
    ///     .windowed(Tumbling::of_ms(1_000).grace_ms(0))
    ///     .count("count", WindowValue::new("counts-store", utf8(), i64_be()))
    ///     .suppress_until_window_closes("final", Codecs::new(windowed(utf8(), WindowSize::millis(1_000)), i64_be()))
    ///     .to_stream("updates")
    ///     .to("write", &counts);
    ///
    /// let mut driver = Driver::builder(app.build()?).wall_clock(100_000).build()?;
    /// driver.pipe(&visits, "ann".to_owned(), "home".to_owned(), 99_990)?;
    /// driver.advance_wall_clock(4_999)?;
    /// assert_eq!(driver.read(&counts)?.len(), 0);
    /// driver.advance_wall_clock(5_001)?;
    /// assert_eq!(driver.read(&counts)?[0].value, Some(1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn idle_timeout_ms(self, timeout_ms: i64) -> Self {
        if timeout_ms < 1 {
            self.problem("idle_timeout_ms", format!("a timeout of {timeout_ms} ms is none"));
        }
        self.wiring.borrow_mut().topology.idle_timeout_ms = Some(timeout_ms.max(1));
        self
    }

    /// Reads a topic as a stream of facts, with the timestamps that the topic [says](Topic::timestamps). Kafka Streams:
    /// `stream`. (Example: [`Stream::to`].)
    ///
    /// A null key or value for a type that is not nullable, bytes the codecs cannot read, and negative timestamps are poison
    /// records.
    pub fn stream<K: Data, V: Data>(&self, name: &str, topic: &Topic<K, V>) -> Stream<'_, K, V> {
        self.streams(name, [topic])
    }

    /// Reads several topics as one stream, all with the codecs of the first. Kafka Streams: `stream(Collection)`.
    ///
    /// Records of one partition number of all topics are taken in timestamp order. Where they begin and where time comes from
    /// is what the first topic says.
    ///
    /// ```
    /// # use topo::{Builder, Topic, state::utf8, testkit::Driver};
    /// let text = |name: &str| Topic::<String, String>::new(name, utf8(), utf8());
    /// let app = Builder::new("doc");
    /// app.streams("read", [&text("web"), &text("phone")]).to("write", &text("all"));
    ///
    /// let mut driver = Driver::new(app.build()?)?;
    /// driver.pipe(&text("web"), "a".to_owned(), "x".to_owned(), 0)?;
    /// driver.pipe(&text("phone"), "b".to_owned(), "y".to_owned(), 1)?;
    /// assert_eq!(driver.read(&text("all"))?.len(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn streams<'t, K: Data, V: Data>(
        &self,
        name: &str,
        topics: impl IntoIterator<Item = &'t Topic<K, V>>,
    ) -> Stream<'_, K, V> {
        let topics: Vec<&Topic<K, V>> = topics.into_iter().collect();
        Stream::source(self, name, &topics)
    }

    /// Reads a topic as a table: the newest value per key. Kafka Streams: `table(topic, Materialized)`.
    ///
    /// A null value deletes its key. A record with a null key is dropped and counted. Records are applied in the order
    /// of their offsets, also when their timestamps go back; an update to the same value still goes on
    /// ([`changes_only`](Table::changes_only) stops those).
    ///
    /// ```
    /// # use topo::{Builder, KeyValue, Topic, state::{i64_be, utf8}, testkit::Driver};
    /// let levels: Topic<String, Option<i64>> = Topic::new("levels", utf8(), i64_be());
    /// let app = Builder::new("doc");
    /// let table = app.table("levels", &levels, KeyValue::new("levels-store", utf8(), i64_be()));
    ///
    /// let mut driver = Driver::new(app.build()?)?;
    /// driver.pipe(&levels, "a".to_owned(), Some(5), 9)?;
    /// driver.pipe(&levels, "a".to_owned(), Some(6), 4)?;
    /// assert_eq!(driver.value::<String, i64>("levels-store", &"a".to_owned())?, Some(6));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn table<K: Data, V: Data>(
        &self,
        name: &str,
        topic: &Topic<K, V>,
        store: KeyValue<K::Present, V::Present>,
    ) -> Table<'_, K::Present, V::Present> {
        Table::source(self, name, topic, Some(&store))
    }

    /// Reads a topic as a table that keeps nothing: good for [`filter`](Table::filter),
    /// [`map_values`](Table::map_values) and [`to_stream`](Table::to_stream), not for joins and groupings, which need the
    /// old value. Kafka Streams: `table(topic)`. (Example: [`Table::to_stream`].)
    pub fn table_view<K: Data, V: Data>(
        &self,
        name: &str,
        topic: &Topic<K, V>,
    ) -> Table<'_, K::Present, V::Present> {
        Table::source(self, name, topic, None)
    }

    /// Reads all partitions of a topic into every process, for joins by any key. It never triggers output, and its topic
    /// is its changelog. Kafka Streams: `globalTable` (KIP-99). (Example: [`Stream::join_global`].)
    pub fn global_table<K: Data, V: Data>(
        &self,
        name: &str,
        topic: &Topic<K, V>,
        store: KeyValue<K::Present, V::Present>,
    ) -> GlobalTable<'_, K::Present, V::Present> {
        GlobalTable::source(self, name, topic, &store)
    }

    /// Reads all partitions of a topic into every process, through a processor of your own that fills `store`. Every other
    /// processor can read the store without being connected to it; none may write it, and only this processor may be given
    /// its handle. The topic is its changelog: after the loss of the directory the processor sees it from the beginning
    /// again, so it must always make the same of the same records. It cannot forward to any step, nor schedule punctuations
    /// (a fault at the start). Records it refuses are skipped, or stop the application, by the policy of deserialisation. Kafka
    /// Streams: `addGlobalStore` (KIP-813 is [`Table::store`](Table::store)).
    ///
    /// ```
    /// # use topo::{Builder, Context, Fault, KeyValue, Processor, Record, StoreHandle, Topic, testkit::Driver};
    /// # use topo::state::{KeyValueStore, i64_be, utf8};
    /// /// Keeps the highest price of each article.
    /// struct Highest(StoreHandle<KeyValueStore<String, i64>>);
    ///
    /// impl Processor for Highest {
    ///     type KeyIn = String;
    ///     type ValueIn = i64;
    ///     type KeyOut = String;
    ///     type ValueOut = i64;
    ///     fn process(
    ///         &mut self,
    ///         record: Record<String, i64>,
    ///         ctx: &mut Context<'_, '_, String, i64>,
    ///     ) -> Result<(), Fault> {
    ///         let Record { key, value, timestamp, .. } = record;
    ///         Ok(ctx.store(self.0)?.update(&key, timestamp, |known| known.max(Some(value)))?)
    ///     }
    /// }
    ///
    /// let prices: Topic<String, i64> = Topic::new("prices", utf8(), i64_be());
    /// let app = Builder::new("doc");
    /// let store = app.store(KeyValue::new("highest", utf8(), i64_be()));
    /// let highest = app.global_store("highest-price", &prices, store, move || Highest(store));
    /// # let orders: Topic<String, i64> = Topic::new("orders", utf8(), i64_be());
    /// # let out: Topic<String, i64> = Topic::new("out", utf8(), i64_be());
    /// app.stream("orders", &orders)
    ///     .transform_values("price", (), move |order, ctx| {
    ///         Ok(ctx.read(highest)?.get(&order.key)?.map_or(0, |price| price.value * order.value))
    ///     })
    ///     .to("write", &out);
    ///
    /// let mut driver = Driver::new(app.build()?)?;
    /// for price in [5, 7, 6] {
    ///     driver.pipe(&prices, "tea".to_owned(), price, 0)?;
    /// }
    /// driver.pipe(&orders, "tea".to_owned(), 2, 1)?;
    /// assert_eq!(driver.read(&out)?[0].value, 14);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn global_store<K: Data, V: Data, S: Store, P: Processor<KeyIn = K, ValueIn = V>>(
        &self,
        name: &str,
        topic: &Topic<K, V>,
        store: StoreHandle<S>,
        make: impl Fn() -> P + Send + Sync + 'static,
    ) -> ReadHandle<S> {
        let source = self.global_source::<K, V, K, V>(name, topic);
        let node = self.operator(name, &[source], &[store.store], make);
        self.make_global(&[source, node], store.store);
        self.wiring.borrow_mut().topology.stores[store.store].changelog =
            Changelog::Source(Self::topic(topic));
        store.read_only()
    }

    /// Declares a key-value store for processors; connect it by naming the handle in [`Stream::process`]. Several processors may
    /// share one: they then run in one task. Kafka Streams: `addStateStore`. (Example: [`Stream::process`].)
    pub fn store<K: Data, V: Data>(&self, store: KeyValue<K, V>) -> StoreHandle<KeyValueStore<K, V>> {
        self.add_key_value(&store, false, None)
    }

    /// Declares a key-value store for processors in which each row ends at a time of its own: see
    /// [`Context::expiring`](crate::Context::expiring). When rows are due lies in a second store, `<store>-expiry`; both have
    /// changelogs. Kafka Streams has none.
    pub fn expiring_store<K: Data, V: Data>(&self, store: KeyValue<K, V>) -> ExpiringHandle<K, V> {
        let value = until_codec(store.value.clone());
        let plain = KeyValue::new(&*store.name, store.key.clone(), value);
        let rows = KeyValue { backing: store.backing, in_memory: store.in_memory, ..plain };
        let rows = self.add_key_value(&rows, true, None);
        let index = self.due_index(&store);
        ExpiringHandle { rows, index, key: store.key }
    }

    /// Declares a key-value store for processors that holds at most so many keys: the one that was not used for the longest time
    /// makes room, with a tombstone in the changelog. Kafka Streams: `Stores.lruMap`.
    ///
    /// ```
    /// # use topo::{Builder, KeyValue, Topic, state::{i64_be, utf8}, testkit::Driver};
    /// # let visits: Topic<String, i64> = Topic::new("visits", utf8(), i64_be());
    /// # let seen: Topic<String, i64> = Topic::new("seen", utf8(), i64_be());
    /// # let app = Builder::new("doc");
    /// let recent = app.lru_store(KeyValue::new("recent", utf8(), i64_be()).timestamped(), 2);
    /// app.stream("visits", &visits)
    ///     .transform_values("count", recent, move |visit, ctx| {
    ///         let recent = ctx.store(recent)?;
    ///         let count = recent.get(&visit.key)?.map_or(1, |row| row.value + 1);
    ///         recent.put(&visit.key, count, visit.timestamp)?;
    ///         Ok(count)
    ///     })
    ///     .to("seen", &seen);
    /// let mut driver = Driver::new(app.build()?)?;
    /// for (time, visitor) in ["ann", "bob", "ann", "cem", "bob"].into_iter().enumerate() {
    ///     driver.pipe(&visits, visitor.to_owned(), 0, time as i64)?;
    /// }
    /// let counts: Vec<i64> = driver.read(&seen)?.into_iter().map(|it| it.value).collect();
    /// assert_eq!(counts, [1, 1, 2, 1, 1], "bob had made room for cem");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn lru_store<K: Data, V: Data>(
        &self,
        store: KeyValue<K, V>,
        capacity: usize,
    ) -> StoreHandle<LruStore<K, V>> {
        let handle = self.add_key_value(&store, false, None);
        let (key, value) = (store.key, store.value);
        self.make_as(handle.store, move |spec, index, backend| {
            LruStore::new(spec, index, backend, key.clone(), value.clone(), capacity)
        })
    }

    /// Declares a store of your own for processors: a typed face over rows of this layout. `make` gets the declaration, the
    /// store's index and the committed rows of the task. It is committed, logged and restored like any other: what
    /// [`Store::drain`](topo_state::Store::drain) hands to the changelog must be what the layout of `spec` makes of its rows.
    /// Kafka Streams: `StoreBuilder`, `StoreSupplier`.
    ///
    /// ```
    /// # use topo::{Builder, state::{KeyValueStore, StoreKind, StoreSpec, i64_be, utf8}};
    /// # let app = Builder::new("doc");
    /// let spec = StoreSpec::new("mine", StoreKind::KeyValue { timestamped: true }, &*utf8(), &*i64_be());
    /// // Any type that implements `topo::state::Store`.
    /// let mine = app.custom_store(spec, |spec, index, rows| {
    ///     KeyValueStore::<String, i64>::new(spec, index, rows, utf8(), i64_be()).with_cache_bytes(1 << 20)
    /// });
    /// # let _ = mine;
    /// ```
    pub fn custom_store<S: Store>(
        &self,
        spec: StoreSpec,
        make: impl Fn(StoreSpec, usize, Arc<dyn Backend>) -> S + Send + Sync + 'static,
    ) -> StoreHandle<S> {
        self.add_store(spec, Changelog::Own, make)
    }

    /// Declares a window store for processors. It must be given a retention.
    /// Kafka Streams: `Stores.windowStoreBuilder`.
    ///
    /// ```
    /// # use topo::{Builder, Topic, WindowValue, state::{i64_be, utf8}, testkit::Driver};
    /// # let visits: Topic<String, i64> = Topic::new("visits", utf8(), i64_be());
    /// # let app = Builder::new("doc");
    /// let seen = app.window_store(WindowValue::new("seen", utf8(), i64_be()).retention_ms(60_000));
    /// app.stream("visits", &visits).transform_values("note", seen, move |visit, ctx| {
    ///     ctx.store(seen)?.put(&visit.key, visit.timestamp, Some(visit.value), visit.timestamp)?;
    ///     Ok(visit.value)
    /// });
    ///
    /// let mut driver = Driver::new(app.build()?)?;
    /// driver.pipe(&visits, "ann".to_owned(), 5, 1_000)?;
    /// assert_eq!(driver.windows::<String, i64>("seen")?.len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn window_store<K: Data, V: Data>(&self, store: WindowValue<K, V>) -> StoreHandle<WindowStore<K, V>> {
        let retention_ms = store.retention_ms.unwrap_or_else(|| {
            self.problem(&store.name, "the window store of a processor needs `retention_ms`".to_owned());
            0
        });
        self.add_windows(&store, false, retention_ms)
    }

    /// Declares a session store for processors. It must be given a retention.
    /// Kafka Streams: `Stores.sessionStoreBuilder`.
    ///
    /// ```
    /// # use topo::{Builder, SessionValue, Topic, state::{Window, i64_be, utf8}, testkit::Driver};
    /// # let visits: Topic<String, i64> = Topic::new("visits", utf8(), i64_be());
    /// # let app = Builder::new("doc");
    /// let stays = app.session_store(SessionValue::new("stays", utf8(), i64_be()).retention_ms(60_000));
    /// app.stream("visits", &visits).transform_values("note", stays, move |visit, ctx| {
    ///     let stay = Window { start: visit.timestamp, end: visit.timestamp + visit.value };
    ///     ctx.store(stays)?.put(&visit.key, stay, Some(visit.value), stay.end)?;
    ///     Ok(visit.value)
    /// });
    ///
    /// let mut driver = Driver::new(app.build()?)?;
    /// driver.pipe(&visits, "ann".to_owned(), 500, 1_000)?;
    /// assert_eq!(driver.sessions::<String, i64>("stays")?[0].0.window.end, 1_500);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn session_store<K: Data, V: Data>(
        &self,
        store: SessionValue<K, V>,
    ) -> StoreHandle<SessionStore<K, V>> {
        let retention_ms = store.retention_ms.unwrap_or_else(|| {
            self.problem(&store.name, "the session store of a processor needs `retention_ms`".to_owned());
            0
        });
        self.add_sessions(&store, StoreKind::session(retention_ms))
    }

    /// Declares a store of values over time for processors. It must be given a [history](KeyValue::history_ms).
    /// Kafka Streams: `Stores.versionedKeyValueStoreBuilder` (KIP-889).
    ///
    /// ```
    /// # use topo::{Builder, KeyValue, Topic, state::{i64_be, utf8}, testkit::Driver};
    /// # let prices: Topic<String, i64> = Topic::new("prices", utf8(), i64_be());
    /// # let app = Builder::new("doc");
    /// let then = app.versioned_store(KeyValue::new("then", utf8(), i64_be()).history_ms(60_000));
    /// app.stream("prices", &prices).transform_values("note", then, move |price, ctx| {
    ///     ctx.store(then)?.put(&price.key, Some(price.value), price.timestamp)?;
    ///     Ok(price.value)
    /// });
    ///
    /// let mut driver = Driver::new(app.build()?)?;
    /// for (price, time) in [(5, 0), (7, 100)] {
    ///     driver.pipe(&prices, "tea".to_owned(), price, time)?;
    /// }
    /// let worth = driver.version::<String, i64>("then", &"tea".to_owned(), Some(99))?;
    /// assert_eq!(worth.map(|row| row.value), Some(5));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn versioned_store<K: Data, V: Data>(
        &self,
        store: KeyValue<K, V>,
    ) -> StoreHandle<VersionedStore<K, V>> {
        if store.history_ms.is_none() {
            self.problem(&store.name, "a versioned store needs `history_ms`".to_owned());
        }
        self.add_versioned(&store, None)
    }

    /// The finished topology.
    ///
    /// # Errors
    /// Everything that is wrong with it, at once.
    pub fn build(&self) -> Result<Topology, TopologyErrors> {
        let wiring = self.wiring.borrow();
        let mut topology = wiring.topology.clone();
        let mut numbers: Vec<usize> = (0..topology.nodes.len()).collect();
        if self.optimize.merge_repartitions {
            (topology, numbers) = topology.with_merged_repartitions(&wiring.mergeable);
        }
        wiring.let_null_keys_pass(&topology, &numbers);
        crate::graph::checked(topology, wiring.problems.clone())
    }

    /// The declared topics of typed ones.
    pub(crate) fn topics<K: Data, V: Data>(topics: &[&Topic<K, V>]) -> Vec<crate::graph::TopicRef> {
        topics.iter().map(|topic| external(&topic.name)).collect()
    }
}
