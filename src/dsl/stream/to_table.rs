//! `to_table`: the newest value per key.

use super::Stream;
use crate::data::Data;
use crate::dsl::options::KeyValue;
use crate::dsl::table::Table;
use crate::ops::TableUpdate;

impl<'b, K: Data, V: Data> Stream<'b, K, V> {
    /// Reads the stream as a table: a null value deletes its key. Repartitions first if the key may have changed. A null
    /// key is dropped: counted without a repartition, uncounted before one. Kafka Streams: `toTable`.
    pub fn to_table(
        &self,
        name: &str,
        store: KeyValue<K::Present, V::Present>,
    ) -> Table<'b, K::Present, V::Present> {
        let mut input = self.clone();
        if self.key_changed {
            input = input.with_codecs(store.codecs());
        }
        let input = input.by_key(name);
        let kept = self.builder.add_table_store(&store, None);
        let upkeep = self.builder.upkeep(&store, kept);
        Table::stored_by(self.builder, input.origins, &store, kept, |old| {
            let stores = upkeep.stores(kept.number());
            self.builder.table_operator(
                name,
                &[input.node],
                &stores,
                {
                    let upkeep = upkeep.clone();
                    move || upkeep.clone()
                },
                move || TableUpdate::<K, V>::new(Some(kept), old.wanted()),
            )
        })
        .looking_back()
    }
}
