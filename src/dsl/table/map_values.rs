//! `map_values` on tables: another form of each row.

use std::sync::Arc;

use super::Table;
use crate::data::Data;
use crate::ops::{Kept, MappedRows, TableMap};

impl<'b, K: Data<Present = K>, V: Data<Present = V>> Table<'b, K, V> {
    /// Computes each row anew; `None` from a nullable result means there is no row. A view: `map` also runs at lookups,
    /// so it must be cheap and always give the same. With [`stored`](Table::stored) it is a projection that later joins
    /// read. Kafka Streams: `KTable.mapValues`.
    ///
    /// ```
    /// # use topo::{Builder, KeyValue, Topic, state::{i64_be, utf8}, testkit::Driver};
    /// let words: Topic<String, Option<String>> = Topic::new("words", utf8(), utf8());
    /// let app = Builder::new("doc");
    /// app.table_view("words", &words)
    ///     .map_values("length", |_, word| word.len() as i64)
    ///     .stored(KeyValue::new("lengths", utf8(), i64_be()));
    ///
    /// let mut driver = Driver::new(app.build()?)?;
    /// driver.pipe(&words, "a".to_owned(), Some("four".to_owned()), 0)?;
    /// assert_eq!(driver.value::<String, i64>("lengths", &"a".to_owned())?, Some(4));
    /// driver.pipe(&words, "a".to_owned(), None, 1)?;
    /// assert_eq!(driver.value::<String, i64>("lengths", &"a".to_owned())?, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn map_values<R: Data>(
        &self,
        name: &str,
        map: impl Fn(&K, &V) -> R + Send + Sync + 'static,
    ) -> Table<'b, K, R::Present> {
        let map = Arc::new(move |key: &K, row: &V| map(key, row).present());
        let (mapper, kept) = (map.clone(), Kept::default());
        let slot = kept.clone();
        let upkeep = kept.clone();
        let node = self.builder.table_operator(
            name,
            &[self.node],
            &[],
            move || upkeep.upkeep(),
            move || TableMap::<K, V, R::Present, _>::new(mapper.clone(), slot.keep()),
        );
        Table {
            builder: self.builder,
            node,
            origins: self.origins.clone(),
            rows: self.rows.clone().map(|rows| Arc::new(MappedRows { rows, map }) as _),
            stores: self.stores.clone(),
            olds: self.olds.clone(),
            knows_old: self.knows_old,
            looks_back: self.looks_back,
            grace_ms: self.grace_ms,
            kept: Some(kept),
            store: None,
            key: self.key.clone(),
            value: None,
            place: self.place.clone(),
        }
    }
}
