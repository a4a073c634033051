//! `join_global`, `left_join_global`: each record beside a row of a global table, under any key.

use std::sync::Arc;

use super::Stream;
use crate::data::Data;
use crate::dsl::global_table::GlobalTable;
use crate::ops::{GlobalJoin, Missing};

impl<'b, K: Data, V: Data> Stream<'b, K, V> {
    /// Joins each record with the global table's present row under the key that `lookup` gives; without a key or a row
    /// there is no result (a null lookup key is counted as dropped). The stream's key stays and nothing is repartitioned;
    /// results have the record's timestamp. A null value is dropped and counted. Kafka Streams: `join(GlobalKTable)`
    /// (KIP-99).
    ///
    /// ```
    /// # use topo::{Builder, KeyValue, Topic, state::{i64_be, utf8}, testkit::Driver};
    /// let rates: Topic<String, Option<i64>> = Topic::new("rates", utf8(), i64_be());
    /// let prices: Topic<String, String> = Topic::new("prices", utf8(), utf8());
    /// let rated: Topic<String, i64> = Topic::new("rated", utf8(), i64_be());
    /// let app = Builder::new("doc");
    /// let table = app.global_table("rates", &rates, KeyValue::new("rates-store", utf8(), i64_be()));
    /// app.stream("read", &prices)
    ///     .join_global("rate", &table, |_, currency| currency.clone(), |_, _, rate| *rate)
    ///     .to("write", &rated);
    ///
    /// let mut driver = Driver::new(app.build()?)?;
    /// driver.pipe(&rates, "CHF".to_owned(), Some(105), 0)?;
    /// driver.pipe(&prices, "p1".to_owned(), "CHF".to_owned(), 1)?;
    /// driver.pipe(&prices, "p2".to_owned(), "XXX".to_owned(), 2)?;
    /// let rated = driver.read(&rated)?;
    /// assert_eq!((rated.len(), rated[0].value), (1, 105));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn join_global<GK: Data, VT: Data<Present = VT>, R: Data>(
        &self,
        name: &str,
        table: &GlobalTable<'b, GK::Present, VT>,
        lookup: impl Fn(&K, &V::Present) -> GK + Send + Sync + 'static,
        join: impl Fn(&K, &V::Present, &VT) -> R + Send + Sync + 'static,
    ) -> Stream<'b, K, R> {
        let join = move |key: &K, value: &V::Present, row: Option<&VT>| Some(join(key, value, row?));
        self.join_everywhere(name, table, Missing::Drop, lookup, join)
    }

    /// The same, but a record without a lookup key or a row is joined with `None`. Kafka Streams:
    /// `leftJoin(GlobalKTable)` (KIP-99; KIP-962 for null keys).
    ///
    /// ```
    /// # use topo::{Builder, KeyValue, Topic, state::{i64_be, utf8}, testkit::Driver};
    /// # let rates: Topic<String, Option<i64>> = Topic::new("rates", utf8(), i64_be());
    /// # let prices: Topic<String, String> = Topic::new("prices", utf8(), utf8());
    /// # let rated: Topic<String, i64> = Topic::new("rated", utf8(), i64_be());
    /// # let app = Builder::new("doc");
    /// # let table = app.global_table("rates", &rates, KeyValue::new("rates-store", utf8(), i64_be()));
    /// app.stream("read", &prices)
    ///     .left_join_global("rate", &table, |_, currency| currency.clone(), |_, _, rate| {
    ///         rate.copied().unwrap_or(100)
    ///     })
    ///     .to("write", &rated);
    ///
    /// let mut driver = Driver::new(app.build()?)?;
    /// driver.pipe(&prices, "p1".to_owned(), "CHF".to_owned(), 1)?;
    /// assert_eq!(driver.read(&rated)?[0].value, 100);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn left_join_global<GK: Data, VT: Data<Present = VT>, R: Data>(
        &self,
        name: &str,
        table: &GlobalTable<'b, GK::Present, VT>,
        lookup: impl Fn(&K, &V::Present) -> GK + Send + Sync + 'static,
        join: impl Fn(&K, &V::Present, Option<&VT>) -> R + Send + Sync + 'static,
    ) -> Stream<'b, K, R> {
        self.join_everywhere(name, table, Missing::Join, lookup, move |key, value, row| {
            Some(join(key, value, row))
        })
    }

    fn join_everywhere<GK: Data, VT: Data<Present = VT>, R: Data>(
        &self,
        name: &str,
        table: &GlobalTable<'b, GK::Present, VT>,
        missing: Missing,
        lookup: impl Fn(&K, &V::Present) -> GK + Send + Sync + 'static,
        join: impl Fn(&K, &V::Present, Option<&VT>) -> Option<R> + Send + Sync + 'static,
    ) -> Stream<'b, K, R> {
        if missing == Missing::Join {
            self.builder.keep_null_keys(&[self.node]);
        }
        let (lookup, join, rows) = (Arc::new(lookup), Arc::new(join), table.rows());
        let node = self.builder.operator(name, &[self.node], &[], move || {
            GlobalJoin::<K, V, GK, VT, R, _, _>::new(rows.clone(), missing, lookup.clone(), join.clone())
        });
        self.next(node, false, self.key.clone(), None)
    }
}
