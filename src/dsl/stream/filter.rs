//! `filter`, `filter_not`: some of the records.

use super::Stream;
use crate::data::Data;

impl<'b, K: Data, V: Data> Stream<'b, K, V> {
    /// Keeps the records for which `keep` holds; nulls are shown to it like anything else. Kafka Streams: `filter`.
    pub fn filter(&self, name: &str, keep: impl Fn(&K, &V) -> bool + Send + Sync + 'static) -> Self {
        let node = self.builder.each::<K, V, K, V>(name, self.node, move |record, ctx| {
            if keep(&record.key, &record.value) { ctx.forward(record) } else { Ok(()) }
        });
        self.same(node)
    }

    /// Keeps the records for which `drop` does not hold. Kafka Streams: `filterNot`.
    pub fn filter_not(&self, name: &str, drop: impl Fn(&K, &V) -> bool + Send + Sync + 'static) -> Self {
        self.filter(name, move |key, value| !drop(key, value))
    }
}
