//! `map_values`, `try_map_values`: another value, or a fault.

use super::Stream;
use crate::data::Data;
use crate::fault::Fault;

impl<'b, K: Data, V: Data> Stream<'b, K, V> {
    /// Gives each record a new value; key, timestamp and headers stay. Kafka Streams: `mapValues`.
    pub fn map_values<V2: Data>(
        &self,
        name: &str,
        map: impl Fn(&K, V) -> V2 + Send + Sync + 'static,
    ) -> Stream<'b, K, V2> {
        self.try_map_values(name, move |key, value| Ok(map(key, value)))
    }

    /// Gives each record a new value, or says why there is none: a [`Fault::Poison`] sends the source record to the
    /// dead-letter topic. Kafka Streams: `mapValues` with an exception and a `ProcessingExceptionHandler`.
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
