//! `to`: records to a topic.

use super::Stream;
use crate::data::Data;
use crate::dsl::Builder;
use crate::topic::Topic;

impl<K: Data, V: Data> Stream<'_, K, V> {
    /// Writes every record to a topic, with timestamp and headers; a null value is a tombstone. To go on from there, read
    /// the topic with [`Builder::stream`]. Kafka Streams: `to`.
    pub fn to(&self, name: &str, topic: &Topic<K, V>) {
        let (key, value) = (topic.key.clone(), topic.value.clone());
        self.builder.sink::<K, V>(name, &[self.node], Builder::topic(topic), key, value);
    }
}
