//! `fk_join`, `left_fk_join`: each row beside the row of another table that it refers to.

use std::sync::Arc;

use topo_state::bytes;

use super::{Place, Table};
use crate::data::Data;
use crate::dsl::options::{Codecs, KeyValue};
use crate::graph::{NodeKind, SinkTopic, TopicRef};
use crate::ops::fk::{
    Answered, ForeignChange, JoinForeign, Receive, Registration, Resolver, Response, Subscription,
    response_codec, subscription_codec,
};
use crate::ops::{Kept, Sink};
use crate::record::Placement;
use crate::topic::Partitioner;

impl<'b, K: Data<Present = K>, V: Data<Present = V>> Table<'b, K, V> {
    /// Joins each row with the row of `right` whose key `foreign` finds in it; many rows may refer to one. An update of
    /// either side recomputes: a left update with timestamp max(left, right), a right update all rows that refer to it, by
    /// ascending key bytes, with its own timestamp. A row without a foreign key gives none (counted as dropped) and
    /// deletes the one before. Answers that a newer left row has overtaken are discarded.
    ///
    /// Subscriptions travel through `<name>-subscription-registration-topic` to the right table's tasks and are kept there
    /// in `<name>-subscription-store`; answers come back through `<name>-subscription-response-topic`. Both tables' codecs
    /// are used for that; the left row's must write equal rows as equal bytes. A right table whose rows are not where the
    /// hash of their key says must say so: [`partitioned_by`](Table::partitioned_by). The result is not kept: call
    /// [`stored`](Table::stored) on it when joins or groupings follow. Kafka Streams: `KTable.join(foreignKeyExtractor)`
    /// (KIP-213).
    ///
    /// ```
    /// # use topo::{Builder, KeyValue, Topic, state::utf8, testkit::Driver};
    /// /// Who lives where, and where that is.
    /// let homes: Topic<String, Option<String>> = Topic::new("homes", utf8(), utf8());
    /// let countries: Topic<String, Option<String>> = Topic::new("countries", utf8(), utf8());
    /// let places: Topic<String, Option<String>> = Topic::new("places", utf8(), utf8());
    /// let app = Builder::new("doc");
    /// let country = app.table("countries", &countries, KeyValue::new("countries-store", utf8(), utf8()));
    /// app.table("homes", &homes, KeyValue::new("homes-store", utf8(), utf8()))
    ///     .fk_join("place", &country, |_, city| city.clone(), |_, city, country| format!("{city}, {country}"))
    ///     .to_stream("updates")
    ///     .to("write", &places);
    ///
    /// let mut driver = Driver::new(app.build()?)?;
    /// driver.pipe(&homes, "ann".to_owned(), Some("Bern".to_owned()), 0)?;
    /// driver.pipe(&countries, "Bern".to_owned(), Some("Switzerland".to_owned()), 1)?;
    /// assert_eq!(driver.read(&places)?[0].value.as_deref(), Some("Bern, Switzerland"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn fk_join<FK: Data, VR: Data<Present = VR>, R: Data>(
        &self,
        name: &str,
        right: &Table<'b, FK::Present, VR>,
        foreign: impl Fn(&K, &V) -> FK + Send + Sync + 'static,
        join: impl Fn(&K, &V, &VR) -> R + Send + Sync + 'static,
    ) -> Table<'b, K, R::Present>
    where
        FK::Present: PartialEq,
    {
        let foreign = move |key: &K, row: &V| foreign(key, row).present();
        let join = move |key: &K, row: &V, other: Option<&VR>| join(key, row, other?).present();
        self.join_foreign(name, right, false, Arc::new(foreign), Arc::new(join))
    }

    /// The same, but a row without a foreign key, or whose foreign row is absent, is joined with `None`. Kafka Streams:
    /// `KTable.leftJoin(foreignKeyExtractor)` (KIP-213).
    ///
    /// ```
    /// # use topo::{Builder, KeyValue, Topic, state::utf8, testkit::Driver};
    /// # let text = |name: &str| Topic::<String, Option<String>>::new(name, utf8(), utf8());
    /// # let app = Builder::new("doc");
    /// let cities = app.table("cities", &text("cities"), KeyValue::new("cities-store", utf8(), utf8()));
    /// app.table("homes", &text("homes"), KeyValue::new("homes-store", utf8(), utf8()))
    ///     .left_fk_join("country", &cities, |_, city| Some(city.clone()), |name, city, country| {
    ///         format!("{name}, {city}, {}", country.map_or("?", |country| country))
    ///     })
    ///     .to_stream("updates")
    ///     .to("write", &text("addresses"));
    ///
    /// let mut driver = Driver::new(app.build()?)?;
    /// driver.pipe(&text("homes"), "ann".to_owned(), Some("Bern".to_owned()), 0)?;
    /// driver.pipe(&text("cities"), "Bern".to_owned(), Some("CH".to_owned()), 1)?;
    /// let seen: Vec<_> = driver.read(&text("addresses"))?.into_iter().filter_map(|it| it.value).collect();
    /// assert_eq!(seen, ["ann, Bern, ?", "ann, Bern, CH"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn left_fk_join<FK: Data, VR: Data<Present = VR>, R: Data>(
        &self,
        name: &str,
        right: &Table<'b, FK::Present, VR>,
        foreign: impl Fn(&K, &V) -> FK + Send + Sync + 'static,
        join: impl Fn(&K, &V, Option<&VR>) -> R + Send + Sync + 'static,
    ) -> Table<'b, K, R::Present>
    where
        FK::Present: PartialEq,
    {
        let foreign = move |key: &K, row: &V| foreign(key, row).present();
        let join = move |key: &K, row: &V, other: Option<&VR>| join(key, row, other).present();
        self.join_foreign(name, right, true, Arc::new(foreign), Arc::new(join))
    }

    /// Says where the rows of this table are, when whoever writes its topic does not go by the hash of the key: in partition
    /// `place(key, number of partitions)`. A foreign-key join with this table on its right side looks for rows there; nothing
    /// else asks, and no row is moved. It holds for this handle and its views (`filter`, `map_values` and their like). A partition that is
    /// not there is a fault of production.
    ///
    /// The left side of a join need not say anything: an answer goes back to the partition that asked. Kafka Streams:
    /// `TableJoined.with(partitioner, otherPartitioner)` (KIP-775), of which this is the other one.
    ///
    /// ```
    /// # use topo::{Builder, KeyValue, Topic, state::utf8, testkit::Driver};
    /// # let text = |name: &str| Topic::<String, Option<String>>::new(name, utf8(), utf8());
    /// # let app = Builder::new("doc");
    /// // Whoever writes the countries puts short names first.
    /// let countries = app
    ///     .table("countries", &text("countries"), KeyValue::new("countries-store", utf8(), utf8()))
    ///     .partitioned_by(|city, partitions| (city.len() as i32).min(partitions - 1));
    /// app.table("homes", &text("homes"), KeyValue::new("homes-store", utf8(), utf8()))
    ///     .fk_join("place", &countries, |_, city| city.clone(), |_, city, country| format!("{city}, {country}"))
    ///     .to_stream("updates")
    ///     .to("write", &text("places"));
    ///
    /// let asked = "doc-place-subscription-registration-topic";
    /// let mut driver = Driver::builder(app.build()?).partitions(asked, 9).build()?;
    /// driver.pipe(&text("homes"), "ann".to_owned(), Some("Bern".to_owned()), 0)?;
    /// assert_eq!(driver.placed(asked), [4]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn partitioned_by(mut self, place: impl Fn(&K, i32) -> i32 + Send + Sync + 'static) -> Self {
        self.place = Some(Arc::new(place));
        self
    }

    fn join_foreign<FK, VR, R>(
        &self,
        name: &str,
        right: &Table<'b, FK, VR>,
        left_join: bool,
        foreign: Arc<impl Fn(&K, &V) -> Option<FK> + Send + Sync + 'static>,
        join: Arc<impl Fn(&K, &V, Option<&VR>) -> Option<R> + Send + Sync + 'static>,
    ) -> Table<'b, K, R>
    where
        FK: Data<Present = FK> + PartialEq,
        VR: Data<Present = VR>,
        R: Data<Present = R>,
    {
        let kept = Kept::<K, R>::default();
        let mut node = self.node;
        if let (Some(left_codecs), Some(right_codecs)) = (self.codecs_for(name), right.codecs_for(name)) {
            self.want_old(name);
            let wires = Wires { name, left: self, right, left_codecs, right_codecs, left_join };
            let subscribed = wires.subscribe(foreign);
            let answers = wires.answer(subscribed);
            node = wires.resolve(answers, join, kept.clone());
        }
        let view = Table::view(self.builder, node, self.origins.clone(), Some(kept));
        Table { key: self.key.clone(), ..view }
    }
}

/// The nodes of one foreign-key join: out to the right table's tasks, answered there, back to the left table's.
struct Wires<'w, 'b, K, V, FK, VR> {
    name: &'w str,
    left: &'w Table<'b, K, V>,
    right: &'w Table<'b, FK, VR>,
    left_codecs: Codecs<K, V>,
    right_codecs: Codecs<FK, VR>,
    left_join: bool,
}

impl<K, V, FK, VR> Wires<'_, '_, K, V, FK, VR>
where
    K: Data<Present = K>,
    V: Data<Present = V>,
    FK: Data<Present = FK> + PartialEq,
    VR: Data<Present = VR>,
{
    /// Registration: from the left table through its topic. Returns the source on the right side.
    fn subscribe(&self, foreign: Arc<impl Fn(&K, &V) -> Option<FK> + Send + Sync + 'static>) -> usize {
        let (builder, left_join) = (self.left.builder, self.left_join);
        let registration = format!("{}-subscription-registration", self.name);
        let row = self.left_codecs.value.clone();
        let node =
            builder.operator(&format!("{registration}-processor"), &[self.left.node], &[], move || {
                Registration::<K, V, FK, _>::new(foreign.clone(), row.clone(), left_join)
            });
        let topic = builder.internal_topic(format!("{registration}-topic"), None);
        builder.copartition(self.name, &[&self.right.origins, &[topic.clone()].into()]);
        let (key, value) = (self.right_codecs.key.clone(), subscription_codec(self.left_codecs.key.clone()));
        let sink = format!("{registration}-sink");
        let codecs = Codecs::new(key.clone(), value.clone());
        let to = self.right.place.clone().map(subscribing::<K, FK>);
        builder.sink::<Option<FK>, Subscription<K>>(&sink, &[node], topic.clone(), codecs, to);
        let source = format!("{registration}-source");
        builder.source::<Option<FK>, Subscription<K>>(&source, vec![topic], key, value)
    }

    /// The right side: answers to subscriptions and to right updates. Returns the topic of the answers.
    fn answer(&self, subscribed: usize) -> TopicRef {
        let (builder, name) = (self.left.builder, self.name);
        let (key, foreign) = (self.left_codecs.key.clone(), self.right_codecs.key.clone());
        let store = KeyValue::new(
            format!("{name}-subscription-store"),
            bytes(),
            subscription_codec(self.left_codecs.key.clone()),
        );
        let store = builder.add_key_value(&store, true, None);
        let prefix = foreign.clone();
        let receive = format!("{name}-subscription-receive");
        let received = builder.operator(&receive, &[subscribed], &[store.store], move || {
            Receive::<FK, K>::new(store, prefix.clone(), key.clone())
        });
        let (rows, stores) = self.right.rows(name);
        let joined =
            builder.operator(&format!("{name}-subscription-join-foreign"), &[received], &stores, move || {
                JoinForeign::<FK, K, VR>::new(rows.clone())
            });
        let change = format!("{name}-foreign-join-subscription");
        let changed = builder.operator(&change, &[self.right.node], &[store.store], move || {
            ForeignChange::<FK, K, VR>::new(store, foreign.clone())
        });
        let topic = builder.internal_topic(format!("{name}-subscription-response-topic"), None);
        builder.copartition(name, &[&self.left.origins, &[topic.clone()].into()]);
        self.response_sink(&[joined, changed], topic.clone());
        topic
    }

    /// Answers go to the partition that the subscription came from.
    fn response_sink(&self, parents: &[usize], topic: TopicRef) {
        let kind = NodeKind::Sink { topic: SinkTopic::Static(topic.clone()) };
        let (key, value) = (self.left_codecs.key.clone(), response_codec(self.right_codecs.value.clone()));
        let name = format!("{}-subscription-response-sink", self.name);
        self.left.builder.node(&name, kind, parents, move |naming| {
            Sink::<K, Response<VR>>::new(naming.resolve(&topic), key.clone(), value.clone())
                .with_partition(|response| Some(response.partition))
        });
    }

    /// Back on the left side: answers become rows. Returns the node of the result.
    fn resolve<R: Data<Present = R>>(
        &self,
        answers: TopicRef,
        join: Arc<impl Fn(&K, &V, Option<&VR>) -> Option<R> + Send + Sync + 'static>,
        kept: Kept<K, R>,
    ) -> usize {
        let (builder, left_join) = (self.left.builder, self.left_join);
        let response = format!("{}-subscription-response", self.name);
        let (key, value) = (self.left_codecs.key.clone(), response_codec(self.right_codecs.value.clone()));
        let source =
            builder.source::<K, Response<VR>>(&format!("{response}-source"), vec![answers], key, value);
        let (rows, stores) = self.left.rows(self.name);
        let row = self.left_codecs.value.clone();
        let resolver = builder.operator(&format!("{response}-resolver"), &[source], &stores, move || {
            Resolver::<K, V, VR, R, _>::new(rows.clone(), row.clone(), left_join, join.clone())
        });
        let result = format!("{}-result", self.name);
        let upkeep = kept.clone();
        let make = move || Answered::<K, R>::new(kept.keep());
        builder.table_operator(&result, &[resolver], &[], move || upkeep.upkeep(), make)
    }
}

/// Where a subscription goes: to the row it is about. One that is about none is only answered, wherever it goes.
fn subscribing<K: Data, FK: Data>(place: Place<FK>) -> Partitioner<Option<FK>, Subscription<K>> {
    Arc::new(move |foreign, _, partitions| match foreign {
        Some(foreign) => Placement::One(place(foreign, partitions)),
        None => Placement::ByKey,
    })
}
