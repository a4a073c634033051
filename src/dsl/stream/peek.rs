//! `peek`, `for_each`: a look at the records.

use super::Stream;
use crate::data::Data;

impl<'b, K: Data, V: Data> Stream<'b, K, V> {
    /// Shows each record to `look` and passes it on. It may be shown again after a crash. Kafka Streams: `peek`.
    pub fn peek(&self, name: &str, look: impl Fn(&K, &V) + Send + Sync + 'static) -> Self {
        let node = self.builder.each::<K, V, K, V>(name, self.node, move |record, ctx| {
            look(&record.key, &record.value);
            ctx.forward(record)
        });
        self.same(node)
    }

    /// Shows each record to `look` and ends there. It may be shown again after a crash. Kafka Streams: `foreach`.
    pub fn for_each(&self, name: &str, look: impl Fn(&K, &V) + Send + Sync + 'static) {
        self.builder.each::<K, V, K, V>(name, self.node, move |record, _| {
            look(&record.key, &record.value);
            Ok(())
        });
    }
}
