//! How records go through a repartition topic.

use std::sync::Arc;

use super::options::Codecs;
use crate::data::Data;
use crate::record::Placement;
use crate::topic::Partitioner;

/// How [`Stream::repartition`](crate::Stream::repartition) sends records: codecs, and if wanted a number of partitions and a
/// partitioner. [`Codecs`] alone will do. Kafka Streams: `Repartitioned`.
pub struct Repartitioned<K: Data, V: Data> {
    pub(crate) codecs: Codecs<K::Present, V::Present>,
    pub(crate) partitions: Option<i32>,
    pub(crate) partitioner: Option<Partitioner<K, V>>,
}

impl<K: Data, V: Data> Repartitioned<K, V> {
    /// With as many partitions as the widest source, placed by key.
    pub fn new(codecs: Codecs<K::Present, V::Present>) -> Self {
        Self { codecs, partitions: None, partitioner: None }
    }

    /// With so many partitions, and so many tasks behind them. Kafka Streams: `withNumberOfPartitions`.
    /// (Example: [`Stream::repartition`](crate::Stream::repartition).)
    #[must_use]
    pub fn partitions(mut self, count: i32) -> Self {
        self.partitions = Some(count);
        self
    }

    /// Placed where `place(key, value, number of partitions)` says; records that must meet by key behind it must be placed by
    /// their key. Kafka Streams: `withStreamPartitioner`.
    /// (Example: [`Stream::repartition`](crate::Stream::repartition).)
    #[must_use]
    pub fn partitioned_by(
        mut self,
        place: impl Fn(&K, &V, i32) -> Placement + Send + Sync + 'static,
    ) -> Self {
        self.partitioner = Some(Arc::new(place));
        self
    }
}

impl<K: Data, V: Data> From<Codecs<K::Present, V::Present>> for Repartitioned<K, V> {
    fn from(codecs: Codecs<K::Present, V::Present>) -> Self {
        Self::new(codecs)
    }
}
