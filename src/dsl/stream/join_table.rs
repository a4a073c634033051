//! `join_table`, `left_join_table`: each record beside the table's row of its key.

use super::Stream;
use crate::data::Data;
use crate::dsl::same_key::SameKey;
use crate::dsl::table::Table;
use crate::ops::{Missing, StreamTableJoin};

impl<'b, K: Data, V: Data> Stream<'b, K, V> {
    /// Joins each record with the table's present row for its key; without a row there is no result. Only the stream
    /// triggers results; they have the record's timestamp. Repartitions first if the key may have changed (the table is
    /// never moved); both sides must have equal partition counts. Null keys and null values are dropped: counted, except
    /// null keys before a repartition. Kafka Streams: `join(KTable)`.
    ///
    /// ```
    /// # use topo::{Builder, KeyValue, Topic, state::{i64_be, utf8}};
    /// # let app = Builder::new("doc");
    /// # let orders: Topic<String, i64> = Topic::new("orders", utf8(), i64_be());
    /// # let names: Topic<String, String> = Topic::new("customers", utf8(), utf8());
    /// let customers = app.table("customers", &names, KeyValue::new("customers-store", utf8(), utf8()));
    /// let named = app.stream("orders", &orders).join_table("name", &customers, |_, total, name| {
    ///     format!("{name} spent {total}")
    /// });
    /// ```
    pub fn join_table<KT, VT: Data<Present = VT>, R: Data>(
        &self,
        name: &str,
        table: &Table<'b, KT, VT>,
        join: impl Fn(&K::Present, &V::Present, &VT) -> R + Send + Sync + 'static,
    ) -> Stream<'b, K, R>
    where
        K::Present: SameKey<KT>,
    {
        let join =
            move |key: &K, value: &V::Present, row: Option<&VT>| Some(join(key.as_present()?, value, row?));
        self.join_rows(name, &K::Present::same(table), Missing::Drop, join)
    }

    /// The same, but a record without a row, or with a null key, is joined with `None`. Null values are dropped and
    /// counted. Kafka Streams: `leftJoin(KTable)`.
    pub fn left_join_table<KT, VT: Data<Present = VT>, R: Data>(
        &self,
        name: &str,
        table: &Table<'b, KT, VT>,
        join: impl Fn(&K, &V::Present, Option<&VT>) -> R + Send + Sync + 'static,
    ) -> Stream<'b, K, R>
    where
        K::Present: SameKey<KT>,
    {
        self.join_rows(name, &K::Present::same(table), Missing::Join, move |key, value, row| {
            Some(join(key, value, row))
        })
    }

    fn join_rows<VT: Data<Present = VT>, R: Data>(
        &self,
        name: &str,
        table: &Table<'b, K::Present, VT>,
        missing: Missing,
        join: impl Fn(&K, &V::Present, Option<&VT>) -> Option<R> + Send + Sync + 'static,
    ) -> Stream<'b, K, R> {
        let input = self.by_key(name);
        if missing == Missing::Join {
            self.builder.keep_null_keys(&[input.node]);
        }
        self.builder.copartition(name, &[&input.origins, &table.origins]);
        let (rows, stores) = table.rows(name);
        let join = std::sync::Arc::new(join);
        let node = self.builder.operator(name, &[input.node], &stores, move || {
            StreamTableJoin::<K, V, VT, R, _>::new(rows.clone(), missing, join.clone())
        });
        let builder = self.builder;
        Stream {
            builder,
            node,
            key_changed: false,
            origins: input.origins,
            key: self.key.clone(),
            value: None,
        }
    }
}
