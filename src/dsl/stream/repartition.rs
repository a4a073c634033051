//! `repartition`: records to the partition of their key.

use super::Stream;
use crate::data::Data;
use crate::dsl::options::Codecs;

impl<'b, K: Data, V: Data> Stream<'b, K, V> {
    /// Sends the records through the internal topic `<name>-repartition`, so that equal keys meet in one task. Records
    /// with a null key vanish, uncounted. The topic has as many partitions as the widest source. Kafka Streams:
    /// `repartition`.
    ///
    /// ```
    /// # use topo::{Builder, Codecs, Topic, state::{i64_be, utf8}, testkit::Driver};
    /// let payments: Topic<String, i64> = Topic::new("payments", utf8(), i64_be());
    /// let by_amount: Topic<i64, String> = Topic::new("by-amount", i64_be(), utf8());
    /// let app = Builder::new("doc");
    /// app.stream("read", &payments)
    ///     .map("swap", |payer, cents| (cents, payer))
    ///     .repartition("by-amount", Codecs::new(i64_be(), utf8()))
    ///     .to("write", &by_amount);
    ///
    /// let mut driver = Driver::builder(app.build()?).application("app").build()?;
    /// driver.pipe(&payments, "ann".to_owned(), 5, 0)?;
    /// assert_eq!(driver.written("app-by-amount-repartition").count(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn repartition(&self, name: &str, codecs: Codecs<K::Present, V::Present>) -> Self {
        self.repartitioned(name, codecs, None)
    }

    /// The same with a fixed number of partitions. Kafka Streams: `repartition(Repartitioned.numberOfPartitions(n))`.
    pub fn repartition_into(
        &self,
        name: &str,
        partitions: i32,
        codecs: Codecs<K::Present, V::Present>,
    ) -> Self {
        if partitions < 1 {
            self.builder.problem(name, format!("a topic cannot have {partitions} partitions"));
        }
        self.repartitioned(name, codecs, Some(partitions))
    }

    fn repartitioned(
        &self,
        name: &str,
        codecs: Codecs<K::Present, V::Present>,
        partitions: Option<i32>,
    ) -> Self {
        let rerouted = self.builder.reroute::<K, V>(name, self.node, &codecs, partitions, false);
        let (key, value) = (Some(codecs.key), Some(codecs.value));
        Self {
            builder: self.builder,
            node: rerouted.node,
            key_changed: false,
            origins: rerouted.origins,
            key,
            value,
        }
    }
}
