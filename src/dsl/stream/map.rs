//! `map`: another key and another value.

use super::Stream;
use crate::data::Data;

impl<'b, K: Data, V: Data> Stream<'b, K, V> {
    /// Makes one record of each, with a new key and a new value; timestamp and headers stay. A later verb that needs
    /// records by key repartitions. Kafka Streams: `map`.
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
