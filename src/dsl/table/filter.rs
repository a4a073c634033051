//! `filter`, `filter_not` on tables: some of the rows.

use std::sync::Arc;

use super::Table;
use crate::data::Data;
use crate::ops::{FilteredRows, Kept, OldWanted, TableFilter};

impl<'b, K: Data<Present = K>, V: Data<Present = V>> Table<'b, K, V> {
    /// The rows for which `keep` holds; a row that no longer does is deleted. Over an aggregation, an update of a row that
    /// was not kept and is not either goes on as a deletion, as in Kafka Streams, unless a later verb needs old rows; over
    /// other tables without a history it stops here. A view. Kafka Streams: `KTable.filter`.
    ///
    /// ```
    /// # use topo::{Builder, KeyValue, Topic, state::{i64_be, utf8}, testkit::Driver};
    /// let levels: Topic<String, Option<i64>> = Topic::new("levels", utf8(), i64_be());
    /// let alarms: Topic<String, Option<i64>> = Topic::new("alarms", utf8(), i64_be());
    /// let app = Builder::new("doc");
    /// app.table("levels", &levels, KeyValue::new("levels-store", utf8(), i64_be()))
    ///     .filter("high", |_, level| *level >= 10)
    ///     .to_stream("updates")
    ///     .to("write", &alarms);
    ///
    /// let mut driver = Driver::new(app.build()?)?;
    /// for (time, level) in [(0, 5), (1, 12), (2, 7), (3, 6)] {
    ///     driver.pipe(&levels, "a".to_owned(), Some(level), time)?;
    /// }
    /// let seen: Vec<_> = driver.read(&alarms)?.into_iter().map(|it| (it.value, it.timestamp)).collect();
    /// assert_eq!(seen, [(Some(12), 1), (None, 2)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn filter(&self, name: &str, keep: impl Fn(&K, &V) -> bool + Send + Sync + 'static) -> Self {
        let looks_back = OldWanted::default();
        let olds = self.olds.and(looks_back.clone());
        if self.looks_back {
            olds.want();
        }
        let (keep, kept, history) = (Arc::new(keep), Kept::default(), self.has_history());
        let (predicate, slot) = (keep.clone(), kept.clone());
        let upkeep = kept.clone();
        let node = self.builder.table_operator(
            name,
            &[self.node],
            &[],
            move || upkeep.upkeep(),
            move || TableFilter::<K, V, _>::new(predicate.clone(), slot.keep(), looks_back.wanted(), history),
        );
        let rows = self.rows.clone().map(|rows| Arc::new(FilteredRows { rows, keep }) as _);
        Self { node, rows, olds, kept: Some(kept), store: None, ..self.clone() }
    }

    /// The rows for which `drop` does not hold. A view. Kafka Streams: `KTable.filterNot`.
    /// Otherwise as [`filter`](Self::filter).
    ///
    /// ```
    /// # use topo::{Builder, KeyValue, Topic, state::{i64_be, utf8}, testkit::Driver};
    /// # let levels = |name: &str| Topic::<String, Option<i64>>::new(name, utf8(), i64_be());
    /// # let app = Builder::new("doc");
    /// app.table("levels", &levels("levels"), KeyValue::new("levels-store", utf8(), i64_be()))
    ///     .filter_not("no-debts", |_, level| *level < 0)
    ///     .to_stream("updates")
    ///     .to("write", &levels("out"));
    ///
    /// let mut driver = Driver::new(app.build()?)?;
    /// for (time, level) in [(0, 5), (1, -2)] {
    ///     driver.pipe(&levels("levels"), "a".to_owned(), Some(level), time)?;
    /// }
    /// let seen: Vec<_> = driver.read(&levels("out"))?.into_iter().map(|it| it.value).collect();
    /// assert_eq!(seen, [Some(5), None]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn filter_not(&self, name: &str, drop: impl Fn(&K, &V) -> bool + Send + Sync + 'static) -> Self {
        self.filter(name, move |key, value| !drop(key, value))
    }
}
