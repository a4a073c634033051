//! [`GroupedTable`]: a table by another key, about to be aggregated.

use std::cell::OnceCell;
use std::rc::Rc;
use std::sync::Arc;

use super::Builder;
use super::options::{Codecs, KeyValue};
use super::table::Table;
use super::wiring::{Origins, internal};
use crate::data::{Change, Data};
use crate::graph::TopicRef;
use crate::ops::{TableAggregate, change_codec};

/// A table whose rows are together by another key. Kafka Streams: `KGroupedTable`.
///
/// An update takes the old row out of its group and puts the new one in: as one update if the group stays, else first the
/// old group gives a result, then the new one. Where a group has no aggregate nothing is taken out, but the result, a
/// deletion, goes on. A result has the later timestamp of the aggregate and the update.
#[must_use = "a group does nothing until it is aggregated"]
pub struct GroupedTable<'b, K, V> {
    builder: &'b Builder,
    node: usize,
    codecs: Codecs<K, V>,
    topic: TopicRef,
    /// The source of the first aggregation; later ones read it too.
    source: Rc<OnceCell<usize>>,
}

impl<'b, K: Data<Present = K>, V: Data<Present = V>> GroupedTable<'b, K, V> {
    pub(crate) fn new(builder: &'b Builder, node: usize, name: &str, codecs: Codecs<K, V>) -> Self {
        let topic = internal(format!("{name}-repartition"));
        Self { builder, node, codecs, topic, source: Rc::default() }
    }

    /// How many rows each group has. Kafka Streams: `KGroupedTable.count`. (Example: [`Table::group_by`].)
    pub fn count(&self, name: &str, store: KeyValue<K, i64>) -> Table<'b, K, i64> {
        let add = |_: &K, _: V, count: Option<i64>| Some(count.unwrap_or(0) + 1);
        self.fold(name, store, add, |_, _, count| Some(count - 1))
    }

    /// Combines the rows of each group: `add(so far, new)` and `subtract(so far, old)`; the first row is the first result.
    /// `None` from a nullable result deletes the group. Kafka Streams: `KGroupedTable.reduce`.
    ///
    /// ```
    /// # use topo::{Builder, Codecs, KeyValue, Topic, state::{i64_be, utf8}, testkit::Driver};
    /// /// What each account holds; the key begins with its owner.
    /// let accounts: Topic<String, Option<i64>> = Topic::new("accounts", utf8(), i64_be());
    /// let app = Builder::new("doc");
    /// app.table("accounts", &accounts, KeyValue::new("accounts-store", utf8(), i64_be()))
    ///     .group_by("by-owner", |account, held| (account[..3].to_owned(), *held), Codecs::new(utf8(), i64_be()))
    ///     .reduce(
    ///         "wealth",
    ///         KeyValue::new("wealth-store", utf8(), i64_be()),
    ///         |sum: i64, new| sum + new,
    ///         |sum: i64, old| sum - old,
    ///     );
    ///
    /// let mut driver = Driver::new(app.build()?)?;
    /// for (account, held) in [("ann-1", 5), ("ann-2", 7), ("ann-1", 2)] {
    ///     driver.pipe(&accounts, account.to_owned(), Some(held), 0)?;
    /// }
    /// assert_eq!(driver.value::<String, i64>("wealth-store", &"ann".to_owned())?, Some(9));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reduce<R: Data<Present = V>, S: Data<Present = V>>(
        &self,
        name: &str,
        store: KeyValue<K, V>,
        add: impl Fn(V, V) -> R + Send + Sync + 'static,
        subtract: impl Fn(V, V) -> S + Send + Sync + 'static,
    ) -> Table<'b, K, V> {
        let add = move |_: &K, row: V, so_far: Option<V>| match so_far {
            Some(so_far) => add(so_far, row).present(),
            None => Some(row),
        };
        self.fold(name, store, add, move |_, row, so_far| subtract(so_far, row).present())
    }

    /// Folds the rows of each group into an aggregate that begins with `init`: `add(key, new row, so far)` and
    /// `subtract(key, old row, so far)`. `None` from a nullable result deletes the group. Kafka Streams:
    /// `KGroupedTable.aggregate`.
    /// An update that stays in its group gives one result, one that changes it two: that of the old group first. A result has the
    /// later timestamp of the aggregate and the update; rows are never null here.
    ///
    /// ```
    /// # use topo::{Builder, Codecs, KeyValue, Topic, state::{i64_be, utf8}, testkit::Driver};
    /// /// Who belongs to which team; a team is known by the names of its members.
    /// let members: Topic<String, Option<String>> = Topic::new("members", utf8(), utf8());
    /// # let app = Builder::new("doc");
    /// app.table("members", &members, KeyValue::new("members-store", utf8(), utf8()))
    ///     .group_by("by-team", |name, team| (team.clone(), name.clone()), Codecs::new(utf8(), utf8()))
    ///     .aggregate(
    ///         "size",
    ///         KeyValue::new("sizes", utf8(), i64_be()),
    ///         || 0,
    ///         |_, name: String, letters: i64| letters + name.len() as i64,
    ///         |_, name: String, letters: i64| letters - name.len() as i64,
    ///     );
    ///
    /// let mut driver = Driver::new(app.build()?)?;
    /// for (name, team) in [("ann", "red"), ("bob", "red"), ("ann", "blue")] {
    ///     driver.pipe(&members, name.to_owned(), Some(team.to_owned()), 0)?;
    /// }
    /// let of = |driver: &mut Driver, team: &str| driver.value::<String, i64>("sizes", &team.to_owned());
    /// assert_eq!((of(&mut driver, "red")?, of(&mut driver, "blue")?), (Some(3), Some(3)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn aggregate<A: Data, S: Data<Present = A::Present>>(
        &self,
        name: &str,
        store: KeyValue<K, A::Present>,
        init: impl Fn() -> A::Present + Send + Sync + 'static,
        add: impl Fn(&K, V, A::Present) -> A + Send + Sync + 'static,
        subtract: impl Fn(&K, V, A::Present) -> S + Send + Sync + 'static,
    ) -> Table<'b, K, A::Present> {
        let add = move |key: &K, row: V, so_far: Option<A::Present>| {
            add(key, row, so_far.unwrap_or_else(&init)).present()
        };
        self.fold(name, store, add, move |key, row, so_far| subtract(key, row, so_far).present())
    }

    fn fold<A: Data<Present = A>>(
        &self,
        name: &str,
        store: KeyValue<K, A>,
        add: impl Fn(&K, V, Option<A>) -> Option<A> + Send + Sync + 'static,
        subtract: impl Fn(&K, V, A) -> Option<A> + Send + Sync + 'static,
    ) -> Table<'b, K, A> {
        let (builder, source) = (self.builder, self.source(name));
        let kept = builder.add_table_store(&store, None);
        let (add, subtract, upkeep) = (Arc::new(add), Arc::new(subtract), builder.upkeep(&store, kept));
        let origins: Origins = [self.topic.clone()].into();
        Table::stored_by(builder, origins, &store, kept, |old| {
            builder.table_operator(
                name,
                &[source],
                &upkeep.stores(kept.number()),
                {
                    let upkeep = upkeep.clone();
                    move || upkeep.clone()
                },
                move || {
                    TableAggregate::<K, V, A, _, _>::new(kept, add.clone(), subtract.clone(), old.wanted())
                },
            )
        })
    }

    /// The nodes `<name>-sink` and `<name>-source` of the first aggregation, and the topic between them.
    fn source(&self, name: &str) -> usize {
        *self.source.get_or_init(|| {
            let (builder, key) = (self.builder, &self.codecs.key);
            let topic = builder.internal_topic(self.topic.name.to_string(), None);
            let updates = change_codec(self.codecs.value.clone());
            let (sink, from) = (format!("{name}-sink"), [self.node]);
            let codecs = Codecs::new(key.clone(), updates.clone());
            builder.sink::<K, Change<V>>(&sink, &from, topic.clone(), codecs, None);
            builder.source::<K, Change<V>>(&format!("{name}-source"), vec![topic], key.clone(), updates)
        })
    }
}
