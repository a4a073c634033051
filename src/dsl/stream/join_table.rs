//! `join_table`, `left_join_table`, with and without grace: each record beside the table's row of its key.

use super::Stream;
use crate::data::Data;
use crate::dsl::options::KeyValue;
use crate::dsl::same_key::SameKey;
use crate::dsl::table::Table;
use crate::ops::{GraceJoin, Missing, StreamTableJoin, waiting_codecs};

impl<'b, K: Data, V: Data> Stream<'b, K, V> {
    /// Joins each record with the table's present row for its key; without a row there is no result. Only the stream
    /// triggers results; they have the record's timestamp. Repartitions first if the key may have changed (the table is
    /// never moved); both sides must have equal partition counts. Null keys and null values are dropped: counted, except
    /// null keys before a repartition. With a table that keeps a [history](crate::KeyValue::history_ms) the row is the one as of
    /// the record's time (KIP-914). Kafka Streams: `join(KTable)`.
    ///
    /// ```
    /// # use topo::{Builder, KeyValue, Topic, state::{i64_be, utf8}, testkit::Driver};
    /// let orders: Topic<String, i64> = Topic::new("orders", utf8(), i64_be());
    /// let names: Topic<String, String> = Topic::new("customers", utf8(), utf8());
    /// let named: Topic<String, String> = Topic::new("named", utf8(), utf8());
    /// let app = Builder::new("doc");
    /// let customers = app.table("customers", &names, KeyValue::new("customers-store", utf8(), utf8()));
    /// app.stream("orders", &orders)
    ///     .join_table("name", &customers, |_, total, name| format!("{name} spent {total}"))
    ///     .to("write", &named);
    ///
    /// let mut driver = Driver::new(app.build()?)?;
    /// driver.pipe(&orders, "1".to_owned(), 5, 0)?;
    /// driver.pipe(&names, "1".to_owned(), "Ann".to_owned(), 1)?;
    /// driver.pipe(&orders, "1".to_owned(), 7, 2)?;
    /// let seen: Vec<_> = driver.read(&named)?.into_iter().map(|it| it.value).collect();
    /// assert_eq!(seen, ["Ann spent 7"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
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
    /// counted. Kafka Streams: `leftJoin(KTable)` (KIP-962 for null keys).
    ///
    /// ```
    /// # use topo::{Builder, KeyValue, Topic, state::{i64_be, utf8}, testkit::Driver};
    /// # let orders: Topic<String, i64> = Topic::new("orders", utf8(), i64_be());
    /// # let names: Topic<String, String> = Topic::new("customers", utf8(), utf8());
    /// # let named: Topic<String, String> = Topic::new("named", utf8(), utf8());
    /// # let app = Builder::new("doc");
    /// # let customers = app.table("customers", &names, KeyValue::new("customers-store", utf8(), utf8()));
    /// app.stream("orders", &orders)
    ///     .left_join_table("name", &customers, |_, total, name| {
    ///         format!("{} spent {total}", name.map_or("somebody", |name| name))
    ///     })
    ///     .to("write", &named);
    ///
    /// let mut driver = Driver::new(app.build()?)?;
    /// driver.pipe(&orders, "1".to_owned(), 5, 0)?;
    /// assert_eq!(driver.read(&named)?[0].value, "somebody spent 5");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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

    /// As [`join_table`](Self::join_table), for records that come before the rows of their time: each record waits until the
    /// operator's stream time, the highest timestamp it has seen, is `grace_ms` past it, and is then joined with the row as
    /// it was at the record's time. Results leave by timestamp, then key bytes, then arrival, with the record's own timestamp
    /// and headers; a record that is late already is joined at once. The table must keep a
    /// [history](crate::KeyValue::history_ms) at least as long as the grace. What waits lies in the logged store
    /// `<name>-Buffer` and survives restarts. Kafka Streams: `join(KTable, Joined.withGracePeriod)` (KIP-923).
    ///
    /// ```
    /// # use topo::{Builder, KeyValue, Topic, state::{i64_be, utf8}, testkit::Driver};
    /// # let app = Builder::new("doc");
    /// # let orders: Topic<String, i64> = Topic::new("orders", utf8(), i64_be());
    /// # let prices: Topic<String, i64> = Topic::new("prices", utf8(), i64_be());
    /// # let totals: Topic<String, i64> = Topic::new("totals", utf8(), i64_be());
    /// let history = KeyValue::new("prices-store", utf8(), i64_be()).history_ms(60_000);
    /// let price = app.table("prices", &prices, history);
    /// app.stream("orders", &orders)
    ///     .join_table_with_grace("total", &price, 1_000, |_, count, price| count * price)
    ///     .to("out", &totals);
    ///
    /// let mut driver = Driver::new(app.build()?)?;
    /// driver.pipe(&orders, "tea".to_owned(), 2, 100)?;
    /// driver.pipe(&prices, "tea".to_owned(), 5, 90)?;
    /// driver.pipe(&orders, "milk".to_owned(), 1, 1_100)?;
    /// let seen: Vec<_> = driver.read(&totals)?.into_iter().map(|it| (it.key, it.value)).collect();
    /// assert_eq!(seen, [("tea".to_owned(), 10)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn join_table_with_grace<KT, VT: Data<Present = VT>, R: Data>(
        &self,
        name: &str,
        table: &Table<'b, KT, VT>,
        grace_ms: i64,
        join: impl Fn(&K::Present, &V::Present, &VT) -> R + Send + Sync + 'static,
    ) -> Stream<'b, K, R>
    where
        K::Present: SameKey<KT>,
    {
        let join =
            move |key: &K, value: &V::Present, row: Option<&VT>| Some(join(key.as_present()?, value, row?));
        self.join_later(name, &K::Present::same(table), grace_ms, Missing::Drop, join)
    }

    /// The same, but a record without a row is joined with `None`. A record with a null key is joined with `None` at once;
    /// Kafka Streams fails there. Kafka Streams: `leftJoin(KTable, Joined.withGracePeriod)`.
    /// ```
    /// # use topo::{Builder, KeyValue, Topic, state::{i64_be, utf8}, testkit::Driver};
    /// # let numbers = |name: &str| Topic::<String, i64>::new(name, utf8(), i64_be());
    /// # let app = Builder::new("doc");
    /// let history = KeyValue::new("prices-store", utf8(), i64_be()).history_ms(60_000);
    /// let price = app.table("prices", &numbers("prices"), history);
    /// app.stream("orders", &numbers("orders"))
    ///     .left_join_table_with_grace("total", &price, 1_000, |_, count, price| count * price.unwrap_or(&0))
    ///     .to("out", &numbers("totals"));
    ///
    /// let mut driver = Driver::new(app.build()?)?;
    /// driver.pipe(&numbers("orders"), "tea".to_owned(), 2, 100)?;
    /// driver.pipe(&numbers("prices"), "tea".to_owned(), 5, 101)?;
    /// driver.pipe(&numbers("orders"), "tea".to_owned(), 3, 1_100)?;
    /// let seen: Vec<_> = driver.read(&numbers("totals"))?.into_iter().map(|it| (it.value, it.timestamp)).collect();
    /// assert_eq!(seen, [(0, 100)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn left_join_table_with_grace<KT, VT: Data<Present = VT>, R: Data>(
        &self,
        name: &str,
        table: &Table<'b, KT, VT>,
        grace_ms: i64,
        join: impl Fn(&K, &V::Present, Option<&VT>) -> R + Send + Sync + 'static,
    ) -> Stream<'b, K, R>
    where
        K::Present: SameKey<KT>,
    {
        self.join_later(name, &K::Present::same(table), grace_ms, Missing::Join, move |key, value, row| {
            Some(join(key, value, row))
        })
    }

    fn join_later<VT: Data<Present = VT>, R: Data>(
        &self,
        name: &str,
        table: &Table<'b, K::Present, VT>,
        grace_ms: i64,
        missing: Missing,
        join: impl Fn(&K, &V::Present, Option<&VT>) -> Option<R> + Send + Sync + 'static,
    ) -> Stream<'b, K, R> {
        let builder = self.builder;
        if let Some(why) = objection(table, grace_ms) {
            builder.problem(name, why);
        }
        let Some(codecs) = self.codecs_for(name) else { return self.next(self.node, false, None, None) };
        let input = self.by_key(name);
        if missing == Missing::Join {
            builder.keep_null_keys(&[input.node]);
        }
        builder.copartition(name, &[&input.origins, &table.origins]);
        let (rows, mut stores) = table.rows(name);
        let (key, value) = waiting_codecs(codecs.value.clone());
        let buffer = builder.add_key_value(&KeyValue::new(format!("{name}-Buffer"), key, value), false, None);
        stores.push(buffer.store);
        let join = std::sync::Arc::new(join);
        let node = builder.operator(name, &[input.node], &stores, move || {
            GraceJoin::<K, V, VT, R, _>::new(buffer, &codecs, rows.clone(), missing, grace_ms, join.clone())
        });
        let key = self.key.clone();
        Stream { builder, node, key_changed: false, origins: input.origins, key, value: None }
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

/// What is wrong with waiting for the rows of this table, if anything.
fn objection<K, V>(table: &Table<'_, K, V>, grace_ms: i64) -> Option<String> {
    match table.rows.as_ref().and_then(|rows| rows.history_ms()) {
        _ if grace_ms < 0 => Some(format!("a grace of {grace_ms} ms is negative")),
        None => {
            Some("a join with grace looks rows up as they were: give the table a `history_ms`".to_owned())
        }
        Some(history_ms) if history_ms < grace_ms => {
            Some(format!("a grace of {grace_ms} ms is longer than the table's history of {history_ms} ms"))
        }
        Some(_) => None,
    }
}
