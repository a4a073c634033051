//! `flat_map`, `flat_map_values`: any number of records for one.

use super::Stream;
use crate::data::Data;
use crate::record::Record;

impl<'b, K: Data, V: Data> Stream<'b, K, V> {
    /// Makes any number of records of each, in order, with its timestamp and headers. A later verb that needs records
    /// by key repartitions. Kafka Streams: `flatMap`.
    ///
    /// ```
    /// # use topo::{Builder, Topic, state::utf8, testkit::Driver};
    /// let lists: Topic<String, String> = Topic::new("lists", utf8(), utf8());
    /// let items: Topic<String, String> = Topic::new("items", utf8(), utf8());
    /// let app = Builder::new("doc");
    /// app.stream("read", &lists)
    ///     .flat_map("by-item", |owner, list| {
    ///         list.split(' ').map(|item| (item.to_owned(), owner.clone())).collect::<Vec<_>>()
    ///     })
    ///     .to("write", &items);
    ///
    /// let mut driver = Driver::new(app.build()?)?;
    /// driver.pipe(&lists, "ann".to_owned(), "tea milk".to_owned(), 0)?;
    /// let keys: Vec<_> = driver.read(&items)?.into_iter().map(|it| it.key).collect();
    /// assert_eq!(keys, ["tea", "milk"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn flat_map<K2: Data, V2: Data, I: IntoIterator<Item = (K2, V2)>>(
        &self,
        name: &str,
        map: impl Fn(K, V) -> I + Send + Sync + 'static,
    ) -> Stream<'b, K2, V2> {
        let node = self.builder.each::<K, V, K2, V2>(name, self.node, move |record, ctx| {
            let (timestamp, headers) = (record.timestamp, record.headers);
            for (key, value) in map(record.key, record.value) {
                ctx.forward(Record { key, value, timestamp, headers: headers.clone() })?;
            }
            Ok(())
        });
        self.next(node, true, None, None)
    }

    /// Makes any number of records of each, in order, under its key and with its timestamp and headers; nothing is repartitioned.
    /// Null values are shown like any other. Kafka Streams: `flatMapValues`.
    ///
    /// ```
    /// # use topo::{Builder, Topic, state::utf8, testkit::Driver};
    /// let lines: Topic<String, String> = Topic::new("lines", utf8(), utf8());
    /// let words: Topic<String, String> = Topic::new("words", utf8(), utf8());
    /// let app = Builder::new("doc");
    /// app.stream("read", &lines)
    ///     .flat_map_values("split", |_, line| line.split(' ').map(str::to_owned).collect::<Vec<_>>())
    ///     .to("write", &words);
    ///
    /// let mut driver = Driver::new(app.build()?)?;
    /// driver.pipe(&lines, "ann".to_owned(), "tea milk".to_owned(), 0)?;
    /// let seen: Vec<_> = driver.read(&words)?.into_iter().map(|it| (it.key, it.value)).collect();
    /// assert_eq!(seen, ["tea", "milk"].map(|word| ("ann".to_owned(), word.to_owned())));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn flat_map_values<V2: Data, I: IntoIterator<Item = V2>>(
        &self,
        name: &str,
        map: impl Fn(&K, V) -> I + Send + Sync + 'static,
    ) -> Stream<'b, K, V2> {
        let node = self.builder.each::<K, V, K, V2>(name, self.node, move |record, ctx| {
            let (key, timestamp, headers) = (record.key, record.timestamp, record.headers);
            for value in map(&key, record.value) {
                ctx.forward(Record { key: key.clone(), value, timestamp, headers: headers.clone() })?;
            }
            Ok(())
        });
        self.next(node, false, self.key.clone(), None)
    }
}
