//! `group_by_key`, `group_by`: the way to aggregations.

use super::Stream;
use crate::data::Data;
use crate::dsl::grouped::Grouped;
use crate::dsl::options::Codecs;

impl<'b, K: Data, V: Data> Stream<'b, K, V> {
    /// Groups by the key the records have; repartitions through `<name>-repartition` only if it may have changed. Records
    /// with a null key are dropped: counted without a repartition, uncounted before one. Nothing is emitted until the group is
    /// aggregated. Kafka Streams: `groupByKey` with `Grouped.as` (KIP-372).
    ///
    /// ```
    /// # use topo::{Builder, Codecs, KeyValue, Topic, state::{i64_be, utf8}, testkit::Driver};
    /// let visits: Topic<Option<String>, String> = Topic::new("visits", utf8(), utf8());
    /// let app = Builder::new("doc");
    /// app.stream("read", &visits)
    ///     .group_by_key("by-visitor", Codecs::new(utf8(), utf8()))
    ///     .count("count", KeyValue::new("counts", utf8(), i64_be()));
    ///
    /// let mut driver = Driver::new(app.build()?)?;
    /// for visitor in [Some("ann"), None, Some("ann")] {
    ///     driver.pipe(&visits, visitor.map(str::to_owned), "home".to_owned(), 0)?;
    /// }
    /// assert_eq!(driver.value::<String, i64>("counts", &"ann".to_owned())?, Some(2));
    /// assert_eq!(driver.dropped(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn group_by_key(&self, name: &str, codecs: Codecs<K::Present, V::Present>) -> Grouped<'b, K, V> {
        Grouped::new(self.clone().with_codecs(codecs), name)
    }

    /// Groups by another key, through `<name>-repartition`. Records whose new key is null vanish, uncounted. Timestamps and
    /// headers stay. Kafka Streams: `groupBy` with `Grouped.as` (KIP-372).
    ///
    /// ```
    /// # use topo::{Builder, Codecs, KeyValue, Topic, state::{i64_be, utf8}, testkit::Driver};
    /// let orders: Topic<i64, String> = Topic::new("orders", i64_be(), utf8());
    /// let app = Builder::new("doc");
    /// app.stream("read", &orders)
    ///     .group_by("by-article", |_, article| article.clone(), Codecs::new(utf8(), utf8()))
    ///     .count("count", KeyValue::new("counts", utf8(), i64_be()));
    ///
    /// let mut driver = Driver::builder(app.build()?).application("app").build()?;
    /// for (order, article) in [(1, "tea"), (2, "milk"), (3, "tea")] {
    ///     driver.pipe(&orders, order, article.to_owned(), 0)?;
    /// }
    /// assert_eq!(driver.value::<String, i64>("counts", &"tea".to_owned())?, Some(2));
    /// assert_eq!(driver.written("app-by-article-repartition").count(), 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn group_by<K2: Data>(
        &self,
        name: &str,
        key: impl Fn(&K, &V) -> K2 + Send + Sync + 'static,
        codecs: Codecs<K2::Present, V::Present>,
    ) -> Grouped<'b, K2, V> {
        Grouped::new(self.rekey(name, key).with_codecs(codecs), name)
    }
}
