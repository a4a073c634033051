//! [`Grouped`]: a stream by key, about to be aggregated.

use std::cell::OnceCell;
use std::rc::Rc;
use std::sync::Arc;

use super::options::KeyValue;
use super::sessions::SessionStream;
use super::stream::Stream;
use super::table::Table;
use super::windowed::WindowedStream;
use super::windows::{Session, Windows};
use super::wiring::Rerouted;
use crate::data::Data;
use crate::ops::{Aggregate, Init};

/// A stream whose records are together by key. Kafka Streams: `KGroupedStream`.
///
/// The aggregations drop and count records with a null key or a null value; a result has the latest timestamp that went
/// into it, and every record gives an update. To a later `group_by` the first update of an aggregation or count carries
/// the initial aggregate as its old row, as in Kafka Streams: regrouping counts by value withdraws a 0 that was never
/// added. A reduction has no old row at first.
#[must_use = "a group does nothing until it is aggregated"]
pub struct Grouped<'b, K: Data, V: Data> {
    pub(crate) stream: Stream<'b, K, V>,
    name: String,
    rerouted: Rc<OnceCell<Rerouted>>,
}

impl<K: Data, V: Data> Clone for Grouped<'_, K, V> {
    fn clone(&self) -> Self {
        Self { stream: self.stream.clone(), name: self.name.clone(), rerouted: self.rerouted.clone() }
    }
}

impl<'b, K: Data, V: Data> Grouped<'b, K, V> {
    pub(crate) fn new(stream: Stream<'b, K, V>, name: &str) -> Self {
        Self { stream, name: name.to_owned(), rerouted: Rc::default() }
    }

    /// The records by key. Several aggregations of one group share its repartition topic.
    pub(crate) fn input(&self) -> &Rerouted {
        self.rerouted.get_or_init(|| self.stream.by_key(&self.name))
    }

    /// How many records each key has had. Kafka Streams: `count`.
    ///
    /// ```
    /// # use topo::{Builder, Codecs, KeyValue, Topic, state::{i64_be, utf8}, testkit::Driver};
    /// # let visits: Topic<String, String> = Topic::new("visits", utf8(), utf8());
    /// # let counts: Topic<String, Option<i64>> = Topic::new("counts", utf8(), i64_be());
    /// # let app = Builder::new("doc");
    /// app.stream("read", &visits)
    ///     .group_by_key("by-visitor", Codecs::new(utf8(), utf8()))
    ///     .count("count", KeyValue::new("counts-store", utf8(), i64_be()))
    ///     .to_stream("updates")
    ///     .to("write", &counts);
    ///
    /// let mut driver = Driver::new(app.build()?)?;
    /// for time in [5, 3] {
    ///     driver.pipe(&visits, "ann".to_owned(), "home".to_owned(), time)?;
    /// }
    /// let seen: Vec<_> = driver.read(&counts)?.into_iter().map(|it| (it.value, it.timestamp)).collect();
    /// assert_eq!(seen, [(Some(1), 5), (Some(2), 5)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn count(&self, name: &str, store: KeyValue<K::Present, i64>) -> Table<'b, K::Present, i64> {
        self.fold(name, store, Arc::new(|| Some(0)), |_, _, count| Some(count.unwrap_or(0) + 1))
    }

    /// Combines the values of each key: `reduce(so far, next)`; the first value is the first result. `None` from a
    /// nullable result deletes the row, and the next value begins anew. Kafka Streams: `reduce`.
    ///
    /// ```
    /// # use topo::{Builder, Codecs, KeyValue, Topic, state::{i64_be, utf8}, testkit::Driver};
    /// # let bids: Topic<String, i64> = Topic::new("bids", utf8(), i64_be());
    /// # let app = Builder::new("doc");
    /// app.stream("read", &bids)
    ///     .group_by_key("by-article", Codecs::new(utf8(), i64_be()))
    ///     .reduce("highest", KeyValue::new("highest-store", utf8(), i64_be()), |one: i64, other| one.max(other));
    ///
    /// let mut driver = Driver::new(app.build()?)?;
    /// for bid in [5, 9, 7] {
    ///     driver.pipe(&bids, "tea".to_owned(), bid, 0)?;
    /// }
    /// assert_eq!(driver.value::<String, i64>("highest-store", &"tea".to_owned())?, Some(9));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reduce<R: Data<Present = V::Present>>(
        &self,
        name: &str,
        store: KeyValue<K::Present, V::Present>,
        reduce: impl Fn(V::Present, V::Present) -> R + Send + Sync + 'static,
    ) -> Table<'b, K::Present, V::Present> {
        self.fold(name, store, Arc::new(|| None), move |_, value, so_far| match so_far {
            Some(so_far) => reduce(so_far, value).present(),
            None => Some(value),
        })
    }

    /// Folds the values of each key into an aggregate that begins with `init`. `None` from a nullable result deletes the
    /// row, and the next value begins anew. Kafka Streams: `aggregate`.
    ///
    /// ```
    /// # use topo::{Builder, Codecs, KeyValue, Topic, state::utf8, testkit::Driver};
    /// # let words: Topic<String, String> = Topic::new("words", utf8(), utf8());
    /// # let app = Builder::new("doc");
    /// app.stream("read", &words)
    ///     .group_by_key("by-line", Codecs::new(utf8(), utf8()))
    ///     .aggregate("line", KeyValue::new("lines", utf8(), utf8()), String::new, |_, word, line: String| {
    ///         line + &word
    ///     });
    ///
    /// let mut driver = Driver::new(app.build()?)?;
    /// for word in ["tea", "pot"] {
    ///     driver.pipe(&words, "1".to_owned(), word.to_owned(), 0)?;
    /// }
    /// assert_eq!(driver.value::<String, String>("lines", &"1".to_owned())?, Some("teapot".to_owned()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn aggregate<A: Data>(
        &self,
        name: &str,
        store: KeyValue<K::Present, A::Present>,
        init: impl Fn() -> A::Present + Send + Sync + 'static,
        add: impl Fn(&K::Present, V::Present, A::Present) -> A + Send + Sync + 'static,
    ) -> Table<'b, K::Present, A::Present> {
        let init = Arc::new(init);
        let first = init.clone();
        self.fold(name, store, Arc::new(move || Some(first())), move |key, value, so_far| {
            add(key, value, so_far.unwrap_or_else(&*init)).present()
        })
    }

    /// Aggregates per window of one length: [`Tumbling`](crate::Tumbling), [`Hopping`](crate::Hopping) or
    /// [`Sliding`](crate::Sliding) ones. Kafka Streams: `windowedBy(TimeWindows)`, `windowedBy(SlidingWindows)`.
    /// Nothing is emitted until the windows are aggregated; what is late, and what null values do, is said at
    /// [`WindowedStream`]. (Example: [`WindowedStream::count`].)
    pub fn windowed(&self, windows: impl Into<Windows>) -> WindowedStream<'b, K, V> {
        WindowedStream::new(self.clone(), windows.into())
    }

    /// Aggregates per session of activity. Kafka Streams: `windowedBy(SessionWindows)`.
    /// Nothing is emitted until the sessions are aggregated; what is late, and what null values do, is said at
    /// [`SessionStream`]. (Example: [`SessionStream::count`].)
    pub fn sessions(&self, windows: Session) -> SessionStream<'b, K, V> {
        SessionStream::new(self.clone(), windows)
    }

    fn fold<A: Data<Present = A>>(
        &self,
        name: &str,
        store: KeyValue<K::Present, A>,
        init: Arc<Init<A>>,
        fold: impl Fn(&K::Present, V::Present, Option<A>) -> Option<A> + Send + Sync + 'static,
    ) -> Table<'b, K::Present, A> {
        let (builder, input) = (self.stream.builder, self.input());
        let kept = builder.add_table_store(&store, None);
        let (fold, upkeep) = (Arc::new(fold), builder.upkeep(&store, kept));
        // What waits for the commit is told against the row as it is stored.
        let init: Arc<Init<A>> = if store.per_commit { Arc::new(|| None) } else { init };
        Table::stored_by(builder, input.origins.clone(), &store, kept, |old| {
            builder.table_operator(
                name,
                &[input.node],
                &upkeep.stores(kept.number()),
                {
                    let upkeep = upkeep.clone();
                    move || upkeep.clone()
                },
                move || Aggregate::<K, V, A, _>::new(kept, fold.clone(), old.wanted().then(|| init.clone())),
            )
        })
    }
}
