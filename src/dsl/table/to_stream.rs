//! `to_stream`: a table's updates as facts.

use super::Table;
use crate::data::{Change, Data};
use crate::dsl::stream::Stream;
use crate::record::Record;

impl<'b, K: Data<Present = K>, V: Data<Present = V>> Table<'b, K, V> {
    /// Every update as a record: the new row, or `None` when the row is deleted. Kafka Streams: `toStream`.
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
