//! `flat_map`, `flat_map_values`: any number of records for one.

use super::Stream;
use crate::data::Data;
use crate::record::Record;

impl<'b, K: Data, V: Data> Stream<'b, K, V> {
    /// Makes any number of records of each, in order, with its timestamp and headers. A later verb that needs records
    /// by key repartitions. Kafka Streams: `flatMap`.
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

    /// Makes any number of records of each, in order, under its key. Kafka Streams: `flatMapValues`.
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
