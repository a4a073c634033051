//! `join`, `left_join`, `outer_join`: two tables of one key.

use std::sync::Arc;

use super::Table;
use crate::data::Data;
use crate::dsl::same_key::SameKey;
use crate::ops::{JoinKind, JoinedRows, Kept, Olds, TableJoin, TableMerge};

impl<'b, K: Data<Present = K>, V: Data<Present = V>> Table<'b, K, V> {
    /// A row where both tables have one. An update of either side recomputes it; its timestamp is the later of the two.
    /// When the other side has no row, nothing goes out; otherwise the result does, a deletion too. `None` from a nullable
    /// result means there is no row. Both must have equal partition counts. A view with the nodes `<name>-join-this`,
    /// `<name>-join-other` and `name`. Kafka Streams: `KTable.join`.
    ///
    /// ```
    /// # use topo::{Builder, KeyValue, Topic, state::utf8, testkit::Driver};
    /// let names: Topic<String, Option<String>> = Topic::new("names", utf8(), utf8());
    /// let cities: Topic<String, Option<String>> = Topic::new("cities", utf8(), utf8());
    /// let both: Topic<String, Option<String>> = Topic::new("both", utf8(), utf8());
    /// let app = Builder::new("doc");
    /// let homes = app.table("cities", &cities, KeyValue::new("cities-store", utf8(), utf8()));
    /// app.table("names", &names, KeyValue::new("names-store", utf8(), utf8()))
    ///     .join("home", &homes, |name, city| format!("{name} of {city}"))
    ///     .to_stream("updates")
    ///     .to("write", &both);
    ///
    /// let mut driver = Driver::new(app.build()?)?;
    /// let text = |text: &str| Some(text.to_owned());
    /// driver.pipe(&names, "1".to_owned(), text("Ann"), 5)?;
    /// driver.pipe(&cities, "1".to_owned(), text("Bern"), 2)?;
    /// driver.pipe(&cities, "1".to_owned(), None, 3)?;
    /// let seen: Vec<_> = driver.read(&both)?.into_iter().map(|it| (it.value, it.timestamp)).collect();
    /// assert_eq!(seen, [(text("Ann of Bern"), 5), (None, 5)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn join<K2, V2: Data<Present = V2>, R: Data>(
        &self,
        name: &str,
        other: &Table<'b, K2, V2>,
        join: impl Fn(&V, &V2) -> R + Send + Sync + 'static,
    ) -> Table<'b, K, R::Present>
    where
        K: SameKey<K2>,
    {
        self.join_rows(name, &K::same(other), JoinKind::Inner, move |left, right| {
            join(left?, right?).present()
        })
    }

    /// A row wherever this table has one, joined with `None` where the other has not. Otherwise as [`join`](Self::join). Kafka
    /// Streams: `KTable.leftJoin`.
    ///
    /// ```
    /// # use topo::{Builder, KeyValue, Topic, state::utf8, testkit::Driver};
    /// # let text = |name: &str| Topic::<String, Option<String>>::new(name, utf8(), utf8());
    /// # let app = Builder::new("doc");
    /// let homes = app.table("cities", &text("cities"), KeyValue::new("cities-store", utf8(), utf8()));
    /// app.table("names", &text("names"), KeyValue::new("names-store", utf8(), utf8()))
    ///     .left_join("home", &homes, |name, city| format!("{name} of {}", city.map_or("nowhere", |city| city)))
    ///     .to_stream("updates")
    ///     .to("write", &text("both"));
    ///
    /// let mut driver = Driver::new(app.build()?)?;
    /// driver.pipe(&text("cities"), "1".to_owned(), Some("Bern".to_owned()), 0)?;
    /// driver.pipe(&text("names"), "1".to_owned(), Some("Ann".to_owned()), 1)?;
    /// driver.pipe(&text("cities"), "1".to_owned(), None, 2)?;
    /// let seen: Vec<_> = driver.read(&text("both"))?.into_iter().filter_map(|it| it.value).collect();
    /// assert_eq!(seen, ["Ann of Bern", "Ann of nowhere"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn left_join<K2, V2: Data<Present = V2>, R: Data>(
        &self,
        name: &str,
        other: &Table<'b, K2, V2>,
        join: impl Fn(&V, Option<&V2>) -> R + Send + Sync + 'static,
    ) -> Table<'b, K, R::Present>
    where
        K: SameKey<K2>,
    {
        self.join_rows(name, &K::same(other), JoinKind::Left, move |left, right| join(left?, right).present())
    }

    /// A row wherever either table has one, the other side `None` where it has not; it goes when both are gone. Otherwise as
    /// [`join`](Self::join). Kafka Streams: `KTable.outerJoin`.
    ///
    /// ```
    /// # use topo::{Builder, KeyValue, Topic, state::{i64_be, utf8}, testkit::Driver};
    /// # let numbers = |name: &str| Topic::<String, Option<i64>>::new(name, utf8(), i64_be());
    /// # let app = Builder::new("doc");
    /// let paid = app.table("paid", &numbers("paid"), KeyValue::new("paid-store", utf8(), i64_be()));
    /// app.table("owed", &numbers("owed"), KeyValue::new("owed-store", utf8(), i64_be()))
    ///     .outer_join("left", &paid, |owed, paid| owed.unwrap_or(&0) - paid.unwrap_or(&0))
    ///     .to_stream("updates")
    ///     .to("write", &numbers("balance"));
    ///
    /// let mut driver = Driver::new(app.build()?)?;
    /// driver.pipe(&numbers("paid"), "ann".to_owned(), Some(3), 0)?;
    /// driver.pipe(&numbers("owed"), "ann".to_owned(), Some(5), 1)?;
    /// let seen: Vec<_> = driver.read(&numbers("balance"))?.into_iter().map(|it| it.value).collect();
    /// assert_eq!(seen, [Some(-3), Some(2)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn outer_join<K2, V2: Data<Present = V2>, R: Data>(
        &self,
        name: &str,
        other: &Table<'b, K2, V2>,
        join: impl Fn(Option<&V>, Option<&V2>) -> R + Send + Sync + 'static,
    ) -> Table<'b, K, R::Present>
    where
        K: SameKey<K2>,
    {
        self.join_rows(name, &K::same(other), JoinKind::Outer, move |left, right| {
            if left.is_none() && right.is_none() { None } else { join(left, right).present() }
        })
    }

    fn join_rows<V2: Data<Present = V2>, R: Data<Present = R>>(
        &self,
        name: &str,
        other: &Table<'b, K, V2>,
        kind: JoinKind,
        join: impl Fn(Option<&V>, Option<&V2>) -> Option<R> + Send + Sync + 'static,
    ) -> Table<'b, K, R> {
        let builder = self.builder;
        builder.copartition(name, &[&self.origins, &other.origins]);
        self.want_old(name);
        other.want_old(name);
        let (left, left_stores) = self.rows(name);
        let (right, right_stores) = other.rows(name);
        let join = Arc::new(join);

        let (rows, joined) = (right.clone(), join.clone());
        let this = builder.operator(&format!("{name}-join-this"), &[self.node], &right_stores, move || {
            let joined = joined.clone();
            TableJoin::<K, V, V2, R, _>::new(
                rows.clone(),
                kind.keeps_left(),
                kind.keeps_right(),
                move |own, other| joined(own, other),
            )
        });
        let (rows, joined) = (left.clone(), join.clone());
        let that = builder.operator(&format!("{name}-join-other"), &[other.node], &left_stores, move || {
            let joined = joined.clone();
            TableJoin::<K, V2, V, R, _>::new(
                rows.clone(),
                kind.keeps_right(),
                kind.keeps_left(),
                move |own, other| joined(other, own),
            )
        });
        let kept = Kept::<K, R>::default();
        let slot = kept.clone();
        let upkeep = kept.clone();
        let node = builder.table_operator(
            name,
            &[this, that],
            &[],
            move || upkeep.upkeep(),
            move || TableMerge::new(slot.keep()),
        );
        let mut origins: Vec<_> = self.origins.iter().chain(other.origins.iter()).cloned().collect();
        origins.sort();
        origins.dedup();
        Table {
            builder,
            node,
            origins: origins.into(),
            rows: Some(Arc::new(JoinedRows { left, right, kind, join })),
            stores: [left_stores, right_stores].concat(),
            olds: Olds::default(),
            knows_old: true,
            looks_back: true,
            grace_ms: self.grace_ms,
            kept: Some(kept),
            store: None,
            key: self.key.clone().or_else(|| other.key.clone()),
            value: None,
            place: None,
        }
    }
}
