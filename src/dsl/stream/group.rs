//! `group_by_key`, `group_by`: the way to aggregations.

use super::Stream;
use crate::data::Data;
use crate::dsl::grouped::Grouped;
use crate::dsl::options::Codecs;

impl<'b, K: Data, V: Data> Stream<'b, K, V> {
    /// Groups by the key the records have; repartitions through `<name>-repartition` only if it may have changed. Records
    /// with a null key are dropped: counted without a repartition, uncounted before one. Kafka Streams: `groupByKey`.
    pub fn group_by_key(&self, name: &str, codecs: Codecs<K::Present, V::Present>) -> Grouped<'b, K, V> {
        Grouped::new(self.clone().with_codecs(codecs), name)
    }

    /// Groups by another key, through `<name>-repartition`. Records whose new key is null vanish, uncounted. Kafka
    /// Streams: `groupBy`.
    pub fn group_by<K2: Data>(
        &self,
        name: &str,
        key: impl Fn(&K, &V) -> K2 + Send + Sync + 'static,
        codecs: Codecs<K2::Present, V::Present>,
    ) -> Grouped<'b, K2, V> {
        Grouped::new(self.rekey(name, key).with_codecs(codecs), name)
    }
}
