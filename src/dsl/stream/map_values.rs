//! `map_values`, `try_map_values`: another value, or a fault.

use super::Stream;
use crate::data::Data;
use crate::fault::Fault;

impl<'b, K: Data, V: Data> Stream<'b, K, V> {
    /// Gives each record a new value; key, timestamp and headers stay, and nothing is repartitioned. Null values are shown like
    /// any other. Kafka Streams: `mapValues` (KIP-149 for the key).
    ///
    /// ```
    /// # use topo::{Builder, Topic, state::{i64_be, utf8}, testkit::Driver};
    /// let words: Topic<Option<String>, String> = Topic::new("words", utf8(), utf8());
    /// let lengths: Topic<Option<String>, i64> = Topic::new("lengths", utf8(), i64_be());
    /// let app = Builder::new("doc");
    /// app.stream("read", &words).map_values("length", |_, word| word.len() as i64).to("write", &lengths);
    ///
    /// let mut driver = Driver::new(app.build()?)?;
    /// driver.pipe(&words, None, "four".to_owned(), 0)?;
    /// assert_eq!(driver.read(&lengths)?[0].value, 4);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn map_values<V2: Data>(
        &self,
        name: &str,
        map: impl Fn(&K, V) -> V2 + Send + Sync + 'static,
    ) -> Stream<'b, K, V2> {
        self.try_map_values(name, move |key, value| Ok(map(key, value)))
    }

    /// Gives each record a new value, or says why there is none: a [`Fault::Poison`] sends the source record to the
    /// dead-letter topic. Kafka Streams: `mapValues` with an exception and a `ProcessingExceptionHandler`
    /// (KIP-1033).
    ///
    /// ```
    /// # use topo::{Builder, Fault, Topic, state::{i64_be, utf8}, testkit::Driver};
    /// let texts: Topic<Option<String>, String> = Topic::new("texts", utf8(), utf8());
    /// let numbers: Topic<Option<String>, i64> = Topic::new("numbers", utf8(), i64_be());
    /// let app = Builder::new("doc");
    /// app.stream("read", &texts)
    ///     .try_map_values("parse", |_, text| text.parse().map_err(|_| Fault::poison("NO_NUMBER", text)))
    ///     .to("write", &numbers);
    ///
    /// let mut driver = Driver::new(app.build()?)?;
    /// driver.pipe(&texts, None, "1".to_owned(), 0)?;
    /// driver.pipe(&texts, None, "one".to_owned(), 1)?;
    /// assert_eq!(driver.read(&numbers)?.len(), 1);
    /// assert_eq!(driver.dead_letters()[0].value.as_deref(), Some(&b"one"[..]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn try_map_values<V2: Data>(
        &self,
        name: &str,
        map: impl Fn(&K, V) -> Result<V2, Fault> + Send + Sync + 'static,
    ) -> Stream<'b, K, V2> {
        let node = self.builder.each::<K, V, K, V2>(name, self.node, move |record, ctx| {
            let value = map(&record.key, record.value)?;
            let (key, timestamp, headers) = (record.key, record.timestamp, record.headers);
            ctx.forward(crate::record::Record { key, value, timestamp, headers })
        });
        self.next(node, false, self.key.clone(), None)
    }
}
