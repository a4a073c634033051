//! `stored`: a view becomes a stored table.

use super::{Table, plain, rows_of};
use crate::data::Data;
use crate::dsl::options::KeyValue;

impl<K: Data<Present = K>, V: Data<Present = V>> Table<'_, K, V> {
    /// Keeps the rows of a view ([`filter`](Table::filter), [`map_values`](Table::map_values), a join) in a store of its
    /// own, right where they are computed; later lookups read that store. Call it at once, before other verbs use the
    /// view. Kafka Streams: the same verb with `Materialized`. (Example: [`map_values`](Table::map_values).)
    pub fn stored(mut self, store: KeyValue<K, V>) -> Self {
        let Some(kept) = self.kept.take() else {
            self.builder
                .problem(&store.name, "this table has a store already, or cannot have one".to_owned());
            return self;
        };
        let handle = self.builder.add_table_store(&store, None);
        let upkeep = self.builder.upkeep(&store, handle);
        for number in upkeep.stores(handle.number()) {
            self.builder.connect_store(self.node, number);
        }
        let old = kept.fill(handle, upkeep);
        if self.looks_back || store.per_commit {
            old.want();
        }
        self.olds.add(old);
        self.rows = Some(rows_of(handle, store.history_ms));
        self.stores = vec![handle.number()];
        self.knows_old = true;
        self.store = plain(handle);
        let codecs = store.codecs();
        (self.key, self.value) = (Some(codecs.key), Some(codecs.value));
        self
    }
}
