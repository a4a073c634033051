//! `rekey`: another key.

use super::Stream;
use crate::data::Data;

impl<'b, K: Data, V: Data> Stream<'b, K, V> {
    /// Gives each record a new key; the rest stays. A later verb that needs records by key repartitions.
    /// Kafka Streams: `selectKey`.
    pub fn rekey<K2: Data>(
        &self,
        name: &str,
        key: impl Fn(&K, &V) -> K2 + Send + Sync + 'static,
    ) -> Stream<'b, K2, V> {
        let node = self.builder.each::<K, V, K2, V>(name, self.node, move |record, ctx| {
            let key = key(&record.key, &record.value);
            ctx.forward(record.with_key(key))
        });
        self.next(node, true, None, self.value.clone())
    }
}
