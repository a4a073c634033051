//! `repartition`: records to the partition of their key.

use super::Stream;
use crate::data::Data;
use crate::dsl::repartitioned::Repartitioned;

impl<'b, K: Data, V: Data> Stream<'b, K, V> {
    /// Sends the records through the internal topic `<name>-repartition`, so that equal keys meet in one task. Records
    /// with a null key vanish, uncounted. The topic has as many partitions as the widest source, unless [`Repartitioned`] says
    /// otherwise; a later verb that needs records by key does not repartition again. Kafka Streams: `repartition` (KIP-221).
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
    ///
    /// With a number of partitions and a partitioner:
    ///
    /// ```
    /// # use topo::{Builder, Codecs, Placement, Repartitioned, Topic, state::{i64_be, utf8}};
    /// # let payments: Topic<String, i64> = Topic::new("payments", utf8(), i64_be());
    /// # let app = Builder::new("doc");
    /// let spread = Repartitioned::new(Codecs::new(utf8(), i64_be()))
    ///     .partitions(12)
    ///     .partitioned_by(|_, cents, count| Placement::One((*cents % i64::from(count)) as i32));
    /// let stream = app.stream("read", &payments).repartition("by-amount", spread);
    /// # stream.for_each("end", |_, _| ());
    /// # app.build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn repartition(&self, name: &str, how: impl Into<Repartitioned<K, V>>) -> Self {
        let how = how.into();
        if let Some(partitions) = how.partitions.filter(|partitions| *partitions < 1) {
            self.builder.problem(name, format!("a topic cannot have {partitions} partitions"));
        }
        let rerouted = self.builder.reroute::<K, V>(name, self.node, &how, false);
        let (key, value) = (Some(how.codecs.key), Some(how.codecs.value));
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
