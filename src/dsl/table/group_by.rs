//! `group_by` on tables: rows by another key.

use std::sync::Arc;

use super::Table;
use crate::data::Data;
use crate::dsl::grouped_table::GroupedTable;
use crate::dsl::options::Codecs;
use crate::ops::Regroup;

impl<'b, K: Data<Present = K>, V: Data<Present = V>> Table<'b, K, V> {
    /// Places every row under another key with another value, through `<name>-repartition`; a null key or value leaves
    /// the row out, uncounted. `group` is asked for the old and for the new row of an update: with one key they travel as
    /// one record, otherwise the old is withdrawn first. Kafka Streams: `KTable.groupBy`.
    ///
    /// ```
    /// # use topo::{Builder, Codecs, KeyValue, Topic, state::{i64_be, utf8}, testkit::Driver};
    /// /// Who lives where.
    /// let homes: Topic<String, Option<String>> = Topic::new("homes", utf8(), utf8());
    /// let app = Builder::new("doc");
    /// app.table("homes", &homes, KeyValue::new("homes-store", utf8(), utf8()))
    ///     .group_by("by-city", |name, city| (city.clone(), name.clone()), Codecs::new(utf8(), utf8()))
    ///     .count("count", KeyValue::new("people", utf8(), i64_be()));
    ///
    /// let mut driver = Driver::new(app.build()?)?;
    /// driver.pipe(&homes, "ann".to_owned(), Some("Bern".to_owned()), 0)?;
    /// driver.pipe(&homes, "ann".to_owned(), Some("Kyiv".to_owned()), 1)?;
    /// assert_eq!(driver.value::<String, i64>("people", &"Bern".to_owned())?, Some(0));
    /// assert_eq!(driver.value::<String, i64>("people", &"Kyiv".to_owned())?, Some(1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn group_by<K2: Data, V2: Data>(
        &self,
        name: &str,
        group: impl Fn(&K, &V) -> (K2, V2) + Send + Sync + 'static,
        codecs: Codecs<K2::Present, V2::Present>,
    ) -> GroupedTable<'b, K2::Present, V2::Present>
    where
        K2::Present: PartialEq,
    {
        self.want_old(name);
        let group = Arc::new(move |key: &K, row: &V| {
            let (key, value) = group(key, row);
            Some((key.present()?, value.present()?))
        });
        let node = self.builder.operator(name, &[self.node], &[], move || {
            Regroup::<K, V, K2::Present, V2::Present, _>::new(group.clone())
        });
        GroupedTable::new(self.builder, node, name, codecs)
    }
}
