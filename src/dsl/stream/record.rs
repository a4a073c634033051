//! The verbs that see the whole record, headers and timestamp too.
//!
//! In Kafka Streams only processors see headers; here no verb has to become one for that.

use super::Stream;
use crate::data::Data;
use crate::record::Record;

impl<'b, K: Data, V: Data> Stream<'b, K, V> {
    /// As [`filter`](Self::filter), with the whole record: keeps those for which `keep` holds. Kafka Streams: `filter` cannot
    /// see headers; `process` can.
    ///
    /// ```
    /// # use topo::{Builder, Headers, Record, Topic, state::utf8, testkit::Driver};
    /// let text = |name: &str| Topic::<String, String>::new(name, utf8(), utf8());
    /// let app = Builder::new("doc");
    /// app.stream("read", &text("in"))
    ///     .filter_record("not-ours", |record| record.headers.last("sender") != Some(b"us"))
    ///     .to("write", &text("out"));
    ///
    /// let mut driver = Driver::new(app.build()?)?;
    /// for sender in ["us", "them"] {
    ///     let mut headers = Headers::new();
    ///     headers.push_text("sender", sender);
    ///     let (key, value) = (sender.to_owned(), "x".to_owned());
    ///     driver.pipe_record(&text("in"), &Record { key, value, timestamp: 0, headers })?;
    /// }
    /// let keys: Vec<_> = driver.read(&text("out"))?.into_iter().map(|it| it.key).collect();
    /// assert_eq!(keys, ["them"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn filter_record(
        &self,
        name: &str,
        keep: impl Fn(&Record<K, V>) -> bool + Send + Sync + 'static,
    ) -> Self {
        let node = self.builder.each::<K, V, K, V>(name, self.node, move |record, ctx| {
            if keep(&record) { ctx.forward(record) } else { Ok(()) }
        });
        self.same(node)
    }

    /// As [`map_values`](Self::map_values), with the whole record: gives each a new value; key, timestamp and headers stay, so
    /// nothing is repartitioned. Kafka Streams: `processValues` (KIP-820).
    ///
    /// ```
    /// # use topo::{Builder, Topic, state::{i64_be, utf8}, testkit::Driver};
    /// let input: Topic<String, String> = Topic::new("in", utf8(), utf8());
    /// let times: Topic<String, i64> = Topic::new("times", utf8(), i64_be());
    /// let app = Builder::new("doc");
    /// app.stream("read", &input).map_values_record("time", |record| record.timestamp).to("write", &times);
    ///
    /// let mut driver = Driver::new(app.build()?)?;
    /// driver.pipe(&input, "a".to_owned(), "x".to_owned(), 42)?;
    /// assert_eq!(driver.read(&times)?[0].value, 42);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn map_values_record<V2: Data>(
        &self,
        name: &str,
        map: impl Fn(&Record<K, V>) -> V2 + Send + Sync + 'static,
    ) -> Stream<'b, K, V2> {
        let node = self.builder.each::<K, V, K, V2>(name, self.node, move |record, ctx| {
            let value = map(&record);
            ctx.forward(record.with_value(value))
        });
        self.next(node, false, self.key.clone(), None)
    }

    /// As [`map`](Self::map), with the whole record: key, value, timestamp and headers may all change. A later verb that needs
    /// records by key repartitions. Kafka Streams: `process`.
    ///
    /// ```
    /// # use topo::{Builder, Topic, state::utf8, testkit::Driver};
    /// let text = |name: &str| Topic::<String, String>::new(name, utf8(), utf8());
    /// let app = Builder::new("doc");
    /// app.stream("read", &text("in"))
    ///     .map_record("sign", |mut record| {
    ///         record.headers.push_text("signed", "yes");
    ///         record.timestamp += 1;
    ///         record
    ///     })
    ///     .to("write", &text("out"));
    ///
    /// let mut driver = Driver::new(app.build()?)?;
    /// driver.pipe(&text("in"), "a".to_owned(), "x".to_owned(), 5)?;
    /// let signed = driver.read(&text("out"))?;
    /// assert_eq!((signed[0].headers.last("signed"), signed[0].timestamp), (Some(&b"yes"[..]), 6));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn map_record<K2: Data, V2: Data>(
        &self,
        name: &str,
        map: impl Fn(Record<K, V>) -> Record<K2, V2> + Send + Sync + 'static,
    ) -> Stream<'b, K2, V2> {
        let node =
            self.builder.each::<K, V, K2, V2>(name, self.node, move |record, ctx| ctx.forward(map(record)));
        self.next(node, true, None, None)
    }

    /// As [`peek`](Self::peek), with the whole record: shows each and passes it on. It may be shown again after a crash.
    ///
    /// ```
    /// # use std::sync::{Arc, Mutex};
    /// # use topo::{Builder, Topic, state::utf8, testkit::Driver};
    /// # let text = |name: &str| Topic::<String, String>::new(name, utf8(), utf8());
    /// let seen = Arc::new(Mutex::new(Vec::new()));
    /// let times = seen.clone();
    /// let app = Builder::new("doc");
    /// app.stream("read", &text("in"))
    ///     .peek_record("look", move |record| times.lock().expect("no panic").push(record.timestamp))
    ///     .to("write", &text("out"));
    ///
    /// let mut driver = Driver::new(app.build()?)?;
    /// driver.pipe(&text("in"), "a".to_owned(), "x".to_owned(), 5)?;
    /// assert_eq!(*seen.lock().expect("no panic"), [5]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn peek_record(&self, name: &str, look: impl Fn(&Record<K, V>) + Send + Sync + 'static) -> Self {
        self.filter_record(name, move |record| {
            look(record);
            true
        })
    }
}
