//! Which shortcuts the builder takes.

/// Shortcuts in a topology; set them with [`Builder::optimize`](crate::Builder::optimize). Kafka Streams:
/// `topology.optimization`.
///
/// On by default is what can change neither results nor what a later version of the topology finds: self-joins with one
/// store. The other two are for those who know their topics and their upgrades, so they are switched on by hand:
///
/// - *Source topics as changelogs*: right only for a topic that is compacted and never shortened by time or size, and
///   whose records are all readable. A topic that forgets old rows would take them out of the table at the next restore.
/// - *Merged repartition topics*: the merged topic is called after the first of its operators, so putting another one in
///   front, or taking the first away, changes the name, and what still lay in the old topic is lost. Names that depend on a
///   position are what this library avoids.
///
/// ```
/// use topo::{Builder, Optimize};
///
/// let as_in_kafka_streams = Builder::new("app").optimize(Optimize::all());
/// let only_merged = Builder::new("app").optimize(Optimize::none().merge_repartition_topics(true));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Optimize {
    pub(crate) source_topics: bool,
    pub(crate) merge_repartitions: bool,
    pub(crate) self_join: SelfJoins,
}

/// How an inner join of a stream with itself is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SelfJoins {
    /// Like any other join: each record is stored twice.
    TwoStores,
    /// With one store and the results of two.
    OneStore,
    /// With one store and the results of Kafka Streams' one-store join.
    AsKafkaStreams,
}

impl Default for Optimize {
    fn default() -> Self {
        Self { self_join: SelfJoins::OneStore, ..Self::none() }
    }
}

impl Optimize {
    /// No shortcut. Kafka Streams: `none`.
    pub const fn none() -> Self {
        Self { source_topics: false, merge_repartitions: false, self_join: SelfJoins::TwoStores }
    }

    /// Every shortcut, each as Kafka Streams takes it. Kafka Streams: `all`.
    ///
    /// Its self-joins with one store do not give quite the results of two: a record whose timestamp is the lowest that the
    /// store still takes meets the others, but not itself, and left and outer joins become inner ones.
    pub const fn all() -> Self {
        Self { source_topics: true, merge_repartitions: true, self_join: SelfJoins::AsKafkaStreams }
    }

    /// Restores the store of every [`table`](crate::Builder::table) from its topic, as if it were
    /// [`restored_from_source`](crate::KeyValue::restored_from_source); a store with other codecs than its topic keeps its
    /// own changelog. Kafka Streams: `reuse.ktable.source.topics`.
    pub const fn source_topics_as_changelogs(mut self, on: bool) -> Self {
        self.source_topics = on;
        self
    }

    /// Sends records once through a repartition topic where several operators behind one change of the key need them by
    /// the new key; the topic is called after the first of them. Kafka Streams: `merge.repartition.topics`.
    pub const fn merge_repartition_topics(mut self, on: bool) -> Self {
        self.merge_repartitions = on;
        self
    }

    /// Keeps the records of an inner join of a stream with itself once. Kafka Streams: `single.store.self.join`.
    pub const fn single_store_self_join(mut self, on: bool) -> Self {
        self.self_join = if on { SelfJoins::OneStore } else { SelfJoins::TwoStores };
        self
    }
}
