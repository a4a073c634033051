//! `changes_only`: updates that change something.

use super::Table;
use crate::data::Data;

impl<'b, K: Data<Present = K>, V: Data<Present = V> + PartialEq> Table<'b, K, V> {
    /// Stops updates that leave the row as it is, whatever their timestamp, so that nothing behind is recomputed. A view:
    /// lookups see the table itself. Kafka Streams forwards such updates (KIP-557 was reverted).
    pub fn changes_only(&self, name: &str) -> Self {
        self.want_old(name);
        let node = self.builder.each(
            name,
            self.node,
            |record: crate::record::Record<K, crate::data::Change<V>>, ctx| {
                if record.value.old == record.value.new { Ok(()) } else { ctx.forward(record) }
            },
        );
        Self { node, kept: None, store: None, ..self.clone() }
    }
}
