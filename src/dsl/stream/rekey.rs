//! `rekey`: another key.

use super::Stream;
use crate::data::Data;

impl<'b, K: Data, V: Data> Stream<'b, K, V> {
    /// Gives each record a new key; value, timestamp and headers stay, and null values are shown like any other. A later verb
    /// that needs records by key repartitions first. Kafka Streams: `selectKey`; here selecting keeps nothing of the old key.
    ///
    /// ```
    /// # use topo::{Builder, Topic, state::{i64_be, utf8}, testkit::Driver};
    /// let names: Topic<i64, String> = Topic::new("names", i64_be(), utf8());
    /// let by_name: Topic<String, String> = Topic::new("by-name", utf8(), utf8());
    /// let app = Builder::new("doc");
    /// app.stream("read", &names).rekey("by-name", |_, name| name.to_lowercase()).to("write", &by_name);
    ///
    /// let mut driver = Driver::new(app.build()?)?;
    /// driver.pipe(&names, 1, "Ann".to_owned(), 0)?;
    /// let renamed = driver.read(&by_name)?;
    /// assert_eq!((&*renamed[0].key, &*renamed[0].value), ("ann", "Ann"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn rekey<K2: Data>(
        &self,
        name: &str,
        key: impl Fn(&K, &V) -> K2 + Send + Sync + 'static,
    ) -> Stream<'b, K2, V> {
        let node = self.builder.each::<K, V, K2, V>(name, self.node, move |record, ctx| {
            let key = key(&record.key, &record.value);
            ctx.forward(record.with_key(key))
        });
        self.next(node, true, None, self.value.clone())
    }
}
