//! `to`, `to_topics`: records to a topic, or to one chosen per record.

use super::Stream;
use crate::data::Data;
use crate::dsl::Builder;
use crate::dsl::options::Codecs;
use crate::topic::{Topic, Topics};

impl<K: Data, V: Data> Stream<'_, K, V> {
    /// Writes every record to a topic, with timestamp and headers; a null value is a tombstone. A record goes where the hash
    /// of its key says (of a windowed key: without the window), as with Java's clients, unless the topic is
    /// [`partitioned_by`](Topic::partitioned_by) something else. To go on from there, read the topic with
    /// [`Builder::stream`]. Kafka Streams: `to`.
    ///
    /// ```
    /// # use topo::{Builder, Topic, state::utf8, testkit::Driver};
    /// let names: Topic<String, Option<String>> = Topic::new("names", utf8(), utf8());
    /// let copy: Topic<String, Option<String>> = Topic::new("copy", utf8(), utf8());
    /// let app = Builder::new("doc");
    /// app.stream("read", &names).to("write", &copy);
    ///
    /// let mut driver = Driver::new(app.build()?)?;
    /// driver.pipe(&names, "1".to_owned(), None, 7)?;
    /// let copied = driver.read(&copy)?;
    /// assert_eq!((copied[0].value.clone(), copied[0].timestamp), (None, 7));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to(&self, name: &str, topic: &Topic<K, V>) {
        let codecs = Codecs::new(topic.key.clone(), topic.value.clone());
        let partitioner = topic.partitioner.clone();
        self.builder.sink::<K, V>(name, &[self.node], Builder::topic(topic), codecs, partitioner);
    }

    /// Writes every record to the topic that is chosen for it. Timestamps, headers, tombstones and the place of windowed keys
    /// are as with [`to`](Self::to). The topics must exist: a record for one that does not is a fault of production, type
    /// `UNKNOWN_TOPIC` (by default a dead letter). `describe` prints `extractor class:` and the function that chooses. Kafka
    /// Streams: `to(TopicNameExtractor)` (KIP-303).
    ///
    /// ```
    /// # use topo::{Builder, Topic, Topics, state::{i64_be, utf8}, testkit::Driver};
    /// let payments: Topic<String, i64> = Topic::new("payments", utf8(), i64_be());
    /// let by_size = Topics::chosen_by(utf8(), i64_be(), |payment: &topo::Record<String, i64>| {
    ///     if payment.value > 1_000 { "large" } else { "small" }
    /// });
    /// let app = Builder::new("doc");
    /// app.stream("read", &payments).to_topics("write", &by_size);
    ///
    /// let mut driver = Driver::new(app.build()?)?;
    /// driver.pipe(&payments, "a".to_owned(), 5_000, 0)?;
    /// driver.pipe(&payments, "b".to_owned(), 5, 1)?;
    /// assert_eq!(driver.written("large").count(), 1);
    /// assert_eq!(driver.written("small").count(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_topics(&self, name: &str, topics: &Topics<K, V>) {
        self.builder.choosing_sink(name, self.node, topics);
    }
}
