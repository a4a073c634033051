//! `map`: another key and another value.

use super::Stream;
use crate::data::Data;

impl<'b, K: Data, V: Data> Stream<'b, K, V> {
    /// Makes one record of each, with a new key and a new value; timestamp and headers stay. A later verb that needs
    /// records by key repartitions. Kafka Streams: `map`.
    ///
    /// ```
    /// # use topo::{Builder, Topic, state::{i64_be, utf8}, testkit::Driver};
    /// let payments: Topic<String, i64> = Topic::new("payments", utf8(), i64_be());
    /// let swapped: Topic<i64, String> = Topic::new("swapped", i64_be(), utf8());
    /// let app = Builder::new("doc");
    /// app.stream("read", &payments).map("swap", |payer, cents| (cents, payer)).to("write", &swapped);
    ///
    /// let mut driver = Driver::new(app.build()?)?;
    /// driver.pipe(&payments, "ann".to_owned(), 5, 7)?;
    /// let swapped = driver.read(&swapped)?;
    /// assert_eq!((swapped[0].key, &*swapped[0].value, swapped[0].timestamp), (5, "ann", 7));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn map<K2: Data, V2: Data>(
        &self,
        name: &str,
        map: impl Fn(K, V) -> (K2, V2) + Send + Sync + 'static,
    ) -> Stream<'b, K2, V2> {
        let node = self.builder.each::<K, V, K2, V2>(name, self.node, move |record, ctx| {
            let (key, value) = map(record.key, record.value);
            let (timestamp, headers) = (record.timestamp, record.headers);
            ctx.forward(crate::record::Record { key, value, timestamp, headers })
        });
        self.next(node, true, None, None)
    }
}
