//! `to_table`: the newest value per key.

use super::Stream;
use crate::data::Data;
use crate::dsl::options::KeyValue;
use crate::dsl::table::Table;
use crate::ops::TableUpdate;

impl<'b, K: Data, V: Data> Stream<'b, K, V> {
    /// Reads the stream as a table: a null value deletes its key. Repartitions first if the key may have changed. A null
    /// key is dropped: counted without a repartition, uncounted before one. Every record gives an update, in the order they
    /// come, also when timestamps go back. Kafka Streams: `toTable` (KIP-523).
    ///
    /// ```
    /// # use topo::{Builder, KeyValue, Topic, state::{i64_be, utf8}, testkit::Driver};
    /// let levels: Topic<String, Option<i64>> = Topic::new("levels", utf8(), i64_be());
    /// let app = Builder::new("doc");
    /// let newest = app.stream("read", &levels).to_table("newest", KeyValue::new("newest-store", utf8(), i64_be()));
    ///
    /// let mut driver = Driver::new(app.build()?)?;
    /// for (level, time) in [(Some(5), 0), (Some(7), 1)] {
    ///     driver.pipe(&levels, "a".to_owned(), level, time)?;
    /// }
    /// assert_eq!(driver.value::<String, i64>("newest-store", &"a".to_owned())?, Some(7));
    /// driver.pipe(&levels, "a".to_owned(), None, 2)?;
    /// assert_eq!(driver.value::<String, i64>("newest-store", &"a".to_owned())?, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
