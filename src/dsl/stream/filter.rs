//! `filter`, `filter_not`: some of the records.

use super::Stream;
use crate::data::Data;

impl<'b, K: Data, V: Data> Stream<'b, K, V> {
    /// Keeps the records for which `keep` holds; nulls are shown to it like anything else. Kafka Streams: `filter`.
    ///
    /// ```
    /// # use topo::{Builder, Topic, state::{i64_be, utf8}, testkit::Driver};
    /// let payments: Topic<String, i64> = Topic::new("payments", utf8(), i64_be());
    /// let large: Topic<String, i64> = Topic::new("large", utf8(), i64_be());
    /// let app = Builder::new("doc");
    /// app.stream("read", &payments).filter("large-only", |_, cents| *cents >= 100).to("write", &large);
    ///
    /// let mut driver = Driver::new(app.build()?)?;
    /// driver.pipe(&payments, "a".to_owned(), 99, 0)?;
    /// driver.pipe(&payments, "b".to_owned(), 100, 1)?;
    /// assert_eq!(driver.read(&large)?[0].key, "b");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn filter(&self, name: &str, keep: impl Fn(&K, &V) -> bool + Send + Sync + 'static) -> Self {
        let node = self.builder.each::<K, V, K, V>(name, self.node, move |record, ctx| {
            if keep(&record.key, &record.value) { ctx.forward(record) } else { Ok(()) }
        });
        self.same(node)
    }

    /// Keeps the records for which `drop` does not hold; otherwise as [`filter`](Self::filter). Kafka Streams: `filterNot`.
    ///
    /// ```
    /// # use topo::{Builder, Topic, state::{i64_be, utf8}, testkit::Driver};
    /// # let numbers = |name: &str| Topic::<String, i64>::new(name, utf8(), i64_be());
    /// # let app = Builder::new("doc");
    /// app.stream("read", &numbers("in")).filter_not("debits", |_, cents| *cents < 0).to("write", &numbers("out"));
    ///
    /// let mut driver = Driver::new(app.build()?)?;
    /// driver.pipe(&numbers("in"), "a".to_owned(), -5, 0)?;
    /// driver.pipe(&numbers("in"), "b".to_owned(), 5, 1)?;
    /// assert_eq!(driver.read(&numbers("out"))?[0].key, "b");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn filter_not(&self, name: &str, drop: impl Fn(&K, &V) -> bool + Send + Sync + 'static) -> Self {
        self.filter(name, move |key, value| !drop(key, value))
    }
}
