//! `to_stream`: a table's updates as facts.

use super::Table;
use crate::data::{Change, Data};
use crate::dsl::stream::Stream;
use crate::record::Record;

impl<'b, K: Data<Present = K>, V: Data<Present = V>> Table<'b, K, V> {
    /// Every update as a record: the new row, or `None` when the row is deleted, with the timestamp and headers of what caused
    /// it. Kafka Streams: `toStream`.
    ///
    /// ```
    /// # use topo::{Builder, Topic, state::{i64_be, utf8}, testkit::Driver};
    /// let levels: Topic<String, Option<i64>> = Topic::new("levels", utf8(), i64_be());
    /// let out: Topic<String, Option<i64>> = Topic::new("out", utf8(), i64_be());
    /// let app = Builder::new("doc");
    /// app.table_view("levels", &levels).to_stream("updates").to("write", &out);
    ///
    /// let mut driver = Driver::new(app.build()?)?;
    /// driver.pipe(&levels, "a".to_owned(), Some(5), 3)?;
    /// driver.pipe(&levels, "a".to_owned(), None, 4)?;
    /// let seen: Vec<_> = driver.read(&out)?.into_iter().map(|it| (it.value, it.timestamp)).collect();
    /// assert_eq!(seen, [(Some(5), 3), (None, 4)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_stream(&self, name: &str) -> Stream<'b, K, Option<V>> {
        let node = self.builder.each(name, self.node, |record: Record<K, Change<V>>, ctx| {
            let (key, timestamp, headers) = (record.key, record.timestamp, record.headers);
            // From here on it is a fact like any other.
            ctx.forward_update(Record { key, value: record.value.new, timestamp, headers }, false)
        });
        Stream {
            builder: self.builder,
            node,
            key_changed: false,
            origins: self.origins.clone(),
            key: self.key.clone(),
            value: self.value.clone(),
        }
    }
}
