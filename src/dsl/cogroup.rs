//! `cogroup`: several grouped streams into one aggregate.

use std::rc::Rc;
use std::sync::Arc;

use topo_state::Windowed;

use super::Builder;
use super::grouped::Grouped;
use super::options::KeyValue;
use super::sessions::KeptSessions;
use super::table::Table;
use super::window_stores::{SessionValue, WindowValue};
use super::windowed::KeptWindows;
use super::windows::{EmitStrategy, Session, Windows};
use super::wiring::Origins;
use crate::data::{Change, Data};
use crate::ops::{Aggregate, Expiry, Init, OldWanted, Pass, TableStore, Upkeep, Waits};

impl<'b, K: Data, V: Data> Grouped<'b, K, V> {
    /// Begins an aggregation of several streams into one aggregate `A` per key: each stream has its own function, all share
    /// one store. Kafka Streams: `KGroupedStream.cogroup` (KIP-150).
    ///
    /// ```
    /// use topo::state::{i64_be, utf8};
    /// use topo::testkit::Driver;
    /// use topo::{Builder, Codecs, KeyValue, Topic};
    ///
    /// let deposits: Topic<String, i64> = Topic::new("deposits", utf8(), i64_be());
    /// let withdrawals: Topic<String, i64> = Topic::new("withdrawals", utf8(), i64_be());
    /// let app = Builder::new("balances");
    /// let codecs = Codecs::new(utf8(), i64_be());
    /// let ins = app.stream("ins", &deposits).group_by_key("ins-by-account", codecs.clone());
    /// let outs = app.stream("outs", &withdrawals).group_by_key("outs-by-account", codecs);
    /// let _ = ins
    ///     .cogroup(|_, amount, balance: i64| balance + amount)
    ///     .cogroup(&outs, |_, amount, balance: i64| balance - amount)
    ///     .aggregate("balance", KeyValue::new("balances", utf8(), i64_be()), || 0);
    ///
    /// let mut driver = Driver::new(app.build()?)?;
    /// driver.pipe(&deposits, "ann".to_owned(), 50, 0)?;
    /// driver.pipe(&withdrawals, "ann".to_owned(), 20, 1)?;
    /// assert_eq!(driver.value::<String, i64>("balances", &"ann".to_owned())?, Some(30));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn cogroup<A: Data>(
        &self,
        add: impl Fn(&K::Present, V, A::Present) -> A + Send + Sync + 'static,
    ) -> Cogrouped<'b, K::Present, A::Present> {
        Cogrouped { builder: self.stream.builder, members: vec![Member::of(self, add)] }
    }
}

/// Grouped streams that will be aggregated together. Kafka Streams: `CogroupedKStream`.
///
/// Nodes are called `<name>-cogroup-agg-<n>` and `<name>-cogroup-merge`. Records with a null key are dropped and counted.
/// Null values are dropped and counted without windows and in sliding windows; tumbling and hopping windows and sessions
/// show them to the function. `None` from a nullable result deletes the row. Each stream has a stream time of its own, as in
/// Kafka Streams: a record is late by the records of its own stream. The results of all streams are updates of one table.
#[must_use = "cogrouped streams do nothing until they are aggregated"]
pub struct Cogrouped<'b, K, A> {
    builder: &'b Builder,
    members: Vec<Member<'b, K, A>>,
}

/// Cogrouped streams, cut into windows of one length. Kafka Streams: `TimeWindowedCogroupedKStream`.
#[must_use = "windows do nothing until they are aggregated"]
pub struct CogroupedWindows<'b, K, A> {
    cogrouped: Cogrouped<'b, K, A>,
    windows: Windows,
}

/// Cogrouped streams, cut into sessions. Kafka Streams: `SessionWindowedCogroupedKStream`.
#[must_use = "sessions do nothing until they are aggregated"]
pub struct CogroupedSessions<'b, K, A> {
    cogrouped: Cogrouped<'b, K, A>,
    windows: Session,
}

/// One of the streams.
struct Member<'b, K, A> {
    /// Where its records are by key.
    input: Rc<dyn Fn() -> (usize, Origins) + 'b>,
    /// Adds its operator, of this name behind this node, to an aggregation.
    operator: Rc<Operator<'b, K, A>>,
}

type Operator<'b, K, A> = dyn Fn(&str, usize, &Target<'_, 'b, K, A>) -> usize + 'b;

/// What all streams are aggregated into.
enum Target<'t, 'b, K, A> {
    Rows(Rows<'b, K, A>),
    Windows { kept: &'t KeptWindows<'b, K, A>, init: Arc<First<A>> },
    Sessions { kept: &'t KeptSessions<'b, K, A>, init: Arc<First<A>>, merge: Arc<Merge<K, A>> },
}

/// Rows without windows.
struct Rows<'b, K, A> {
    builder: &'b Builder,
    store: TableStore<K, A>,
    init: Arc<First<A>>,
    old: OldWanted,
    upkeep: Upkeep<K, A>,
}

type First<A> = dyn Fn() -> A + Send + Sync;
type Merge<K, A> = dyn Fn(&K, Option<A>, A) -> Option<A> + Send + Sync;

impl<'b, K: Data<Present = K>, A: Data<Present = A>> Cogrouped<'b, K, A> {
    /// Adds another stream with its function; its topics must have as many partitions as the others'. Kafka Streams:
    /// `CogroupedKStream.cogroup`.
    /// (Example: [`aggregate`](Self::aggregate).)
    pub fn cogroup<K2: Data<Present = K>, V: Data, R: Data<Present = A>>(
        mut self,
        grouped: &Grouped<'b, K2, V>,
        add: impl Fn(&K, V, A) -> R + Send + Sync + 'static,
    ) -> Self {
        self.members.push(Member::of(grouped, add));
        self
    }

    /// Aggregates per window of one length. Kafka Streams: `windowedBy(TimeWindows)`, `windowedBy(SlidingWindows)`.
    /// Nothing is emitted until the windows are aggregated. (Example: [`CogroupedWindows::aggregate`].)
    pub fn windowed(self, windows: impl Into<Windows>) -> CogroupedWindows<'b, K, A> {
        CogroupedWindows { cogrouped: self, windows: windows.into() }
    }

    /// Aggregates per session of activity. Kafka Streams: `windowedBy(SessionWindows)`.
    /// Nothing is emitted until the sessions are aggregated. (Example: [`CogroupedSessions::aggregate`].)
    pub fn sessions(self, windows: Session) -> CogroupedSessions<'b, K, A> {
        CogroupedSessions { cogrouped: self, windows }
    }

    /// Folds the values of all streams into one aggregate per key that begins with `init`; otherwise as
    /// [`Grouped::aggregate`]. Kafka Streams: `CogroupedKStream.aggregate`.
    /// Every record of every stream gives an update, with the latest timestamp that went into the aggregate.
    ///
    /// ```
    /// # use topo::state::{i64_be, utf8};
    /// # use topo::{Builder, Codecs, KeyValue, Topic, testkit::Driver};
    /// # let numbers = |name: &str| Topic::<String, i64>::new(name, utf8(), i64_be());
    /// # let app = Builder::new("doc");
    /// let by_account = |name: &str| {
    ///     app.stream(name, &numbers(name)).group_by_key(&format!("{name}-by-account"), Codecs::new(utf8(), i64_be()))
    /// };
    /// by_account("deposits")
    ///     .cogroup(|_, cents, balance: i64| balance + cents)
    ///     .cogroup(&by_account("withdrawals"), |_, cents, balance: i64| balance - cents)
    ///     .aggregate("balance", KeyValue::new("balances", utf8(), i64_be()), || 0)
    ///     .to_stream("updates")
    ///     .map_values("present", |_, balance| balance.unwrap_or_default())
    ///     .to("write", &numbers("out"));
    ///
    /// let mut driver = Driver::new(app.build()?)?;
    /// driver.pipe(&numbers("deposits"), "ann".to_owned(), 50, 7)?;
    /// driver.pipe(&numbers("withdrawals"), "ann".to_owned(), 20, 3)?;
    /// let seen: Vec<_> = driver.read(&numbers("out"))?.into_iter().map(|it| (it.value, it.timestamp)).collect();
    /// assert_eq!(seen, [(50, 7), (30, 7)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn aggregate(
        &self,
        name: &str,
        store: KeyValue<K, A>,
        init: impl Fn() -> A + Send + Sync + 'static,
    ) -> Table<'b, K, A> {
        let builder = self.builder;
        let (inputs, origins) = self.inputs(name);
        let kept = builder.add_table_store(&store, None);
        let mut upkeep = builder.upkeep(&store, kept);
        upkeep.expiry = upkeep.expiry.map(|expiry| Expiry { shared: true, ..expiry });
        let waits = upkeep.waits.clone().map(|waits| Waits { deletes_at_cause: false, ..waits });
        Table::stored_by(builder, origins, &store, kept, |old| {
            let rows = Rows { builder, store: kept, init: Arc::new(init), old, upkeep };
            let nodes = self.operators(name, &inputs, &Target::Rows(rows));
            self.meet::<K>(name, &nodes, waits)
        })
    }

    /// Where the records of all streams are by key.
    fn inputs(&self, name: &str) -> (Vec<usize>, Origins) {
        let (nodes, origins): (Vec<usize>, Vec<Origins>) =
            self.members.iter().map(|member| (member.input)()).unzip();
        self.builder.copartition(name, &origins.iter().collect::<Vec<_>>());
        let mut topics: Vec<_> = origins.iter().flat_map(|origins| origins.iter().cloned()).collect();
        topics.sort();
        topics.dedup();
        (nodes, topics.into())
    }

    fn operators(&self, name: &str, inputs: &[usize], target: &Target<'_, 'b, K, A>) -> Vec<usize> {
        let members = self.members.iter().zip(inputs).enumerate();
        members
            .map(|(nth, (member, input))| {
                (member.operator)(&format!("{name}-cogroup-agg-{nth}"), *input, target)
            })
            .collect()
    }

    /// The node where the updates of all streams, of rows with keys `R`, become those of one table, and wait if they must.
    fn meet<R: Data<Present = R>>(&self, name: &str, nodes: &[usize], waits: Option<Waits<R>>) -> usize {
        let name = format!("{name}-cogroup-merge");
        self.builder.telling_operator(&name, nodes, &[], waits, Pass::<R, Change<A>>::default)
    }
}

impl<'b, K: Data<Present = K>, A: Data<Present = A>> CogroupedWindows<'b, K, A> {
    /// Folds the values of all streams into one aggregate per key and window that begins with `init`; otherwise as
    /// [`WindowedStream::aggregate`](crate::WindowedStream::aggregate). Kafka Streams:
    /// `TimeWindowedCogroupedKStream.aggregate`.
    /// ```
    /// # use topo::state::{i64_be, utf8};
    /// # use topo::{Builder, Codecs, Tumbling, WindowValue, Topic, testkit::Driver};
    /// # let numbers = |name: &str| Topic::<String, i64>::new(name, utf8(), i64_be());
    /// # let app = Builder::new("doc");
    /// let by_account = |name: &str| {
    ///     app.stream(name, &numbers(name)).group_by_key(&format!("{name}-by-account"), Codecs::new(utf8(), i64_be()))
    /// };
    /// by_account("deposits")
    ///     .cogroup(|_, cents, balance: i64| balance + cents)
    ///     .cogroup(&by_account("withdrawals"), |_, cents, balance: i64| balance - cents)
    ///     .windowed(Tumbling::of_ms(10).grace_ms(100))
    ///     .aggregate("balance", WindowValue::new("balances", utf8(), i64_be()), || 0);
    ///
    /// let mut driver = Driver::new(app.build()?)?;
    /// driver.pipe(&numbers("deposits"), "ann".to_owned(), 50, 7)?;
    /// driver.pipe(&numbers("withdrawals"), "ann".to_owned(), 20, 3)?;
    /// driver.pipe(&numbers("withdrawals"), "ann".to_owned(), 5, 12)?;
    /// let rows = driver.windows::<String, i64>("balances")?;
    /// let seen: Vec<_> = rows.iter().map(|(_, start, row)| (*start, row.value, row.timestamp)).collect();
    /// assert_eq!(seen, [(0, 30, 7), (10, -5, 12)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn aggregate(
        &self,
        name: &str,
        store: WindowValue<K, A>,
        init: impl Fn() -> A + Send + Sync + 'static,
    ) -> Table<'b, Windowed<K>, A> {
        let (cogrouped, emit) = (&self.cogrouped, EmitStrategy::on_window_update());
        let init: Arc<First<A>> = Arc::new(init);
        let first = init.clone();
        let old: Arc<Init<A>> = Arc::new(move || Some(first()));
        let (inputs, origins) = cogrouped.inputs(name);
        let kept = KeptWindows::add(cogrouped.builder, name, &store, self.windows, emit, old);
        let nodes = cogrouped.operators(name, &inputs, &Target::Windows { kept: &kept, init });
        let node = cogrouped.meet(name, &nodes, kept.waits.clone());
        kept.table(node, origins, &store)
    }
}

impl<'b, K: Data<Present = K>, A: Data<Present = A>> CogroupedSessions<'b, K, A> {
    /// Folds the values of all streams into one aggregate per session that begins with `init`; otherwise as
    /// [`SessionStream::aggregate`](crate::SessionStream::aggregate). Kafka Streams:
    /// `SessionWindowedCogroupedKStream.aggregate`.
    /// ```
    /// # use topo::state::{i64_be, utf8};
    /// # use topo::{Builder, Codecs, Session, SessionValue, Topic, testkit::Driver};
    /// # let numbers = |name: &str| Topic::<String, i64>::new(name, utf8(), i64_be());
    /// # let app = Builder::new("doc");
    /// let by_account = |name: &str| {
    ///     app.stream(name, &numbers(name)).group_by_key(&format!("{name}-by-account"), Codecs::new(utf8(), i64_be()))
    /// };
    /// by_account("deposits")
    ///     .cogroup(|_, cents, balance: i64| balance + cents)
    ///     .cogroup(&by_account("withdrawals"), |_, cents, balance: i64| balance - cents)
    ///     .sessions(Session::gap_ms(10))
    ///     .aggregate("balance", SessionValue::new("balances", utf8(), i64_be()), || 0, |_, one, other| one + other);
    ///
    /// let mut driver = Driver::new(app.build()?)?;
    /// driver.pipe(&numbers("deposits"), "ann".to_owned(), 50, 7)?;
    /// driver.pipe(&numbers("withdrawals"), "ann".to_owned(), 20, 12)?;
    /// let rows = driver.sessions::<String, i64>("balances")?;
    /// let seen: Vec<_> = rows.iter().map(|(key, row)| (key.window.start, key.window.end, *row)).collect();
    /// assert_eq!(seen, [(7, 12, 30)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn aggregate<R: Data<Present = A>>(
        &self,
        name: &str,
        store: SessionValue<K, A>,
        init: impl Fn() -> A + Send + Sync + 'static,
        merge: impl Fn(&K, A, A) -> R + Send + Sync + 'static,
    ) -> Table<'b, Windowed<K>, A> {
        let (cogrouped, emit) = (&self.cogrouped, EmitStrategy::on_window_update());
        let init: Arc<First<A>> = Arc::new(init);
        let first = init.clone();
        let merge: Arc<Merge<K, A>> =
            Arc::new(move |key, so_far, next| merge(key, so_far.unwrap_or_else(&*first), next).present());
        let (inputs, origins) = cogrouped.inputs(name);
        let kept = KeptSessions::add(cogrouped.builder, name, &store, self.windows, emit);
        let nodes = cogrouped.operators(name, &inputs, &Target::Sessions { kept: &kept, init, merge });
        let node = cogrouped.meet(name, &nodes, kept.waits.clone());
        kept.table(node, origins, &store)
    }
}

impl<'b, KP: Data<Present = KP>, A: Data<Present = A>> Member<'b, KP, A> {
    fn of<K: Data<Present = KP>, V: Data, R: Data<Present = A>>(
        grouped: &Grouped<'b, K, V>,
        add: impl Fn(&KP, V, A) -> R + Send + Sync + 'static,
    ) -> Self {
        let (grouped, add) = (grouped.clone(), Arc::new(add));
        let input = move || {
            let input = grouped.input();
            (input.node, input.origins.clone())
        };
        let operator = move |name: &str, input: usize, target: &Target<'_, 'b, KP, A>| match target {
            Target::Rows(Rows { builder, store, init, old, upkeep }) => {
                let fold = folding(&add, init);
                let fold = Arc::new(move |key: &KP, value, so_far| fold(key, V::of(value), so_far));
                let (store, init, old, waits) = (*store, init.clone(), old.clone(), upkeep.waits.is_some());
                let stores = upkeep.stores(store.number());
                builder.partial_operator(name, input, &stores, upkeep.expiry.clone(), move || {
                    let init = init.clone();
                    // What waits for the commit is told against the row as it is stored.
                    let first = move || (!waits).then(|| init());
                    let first = old.wanted().then(|| Arc::new(first) as Arc<Init<A>>);
                    Aggregate::<K, V, A, _>::new(store, fold.clone(), first).deleting_at_cause(waits)
                })
            }
            Target::Windows { kept, init } => {
                kept.operator::<K, V, _>(name, input, Arc::new(folding(&add, init)), None)
            }
            Target::Sessions { kept, init, merge } => {
                let merge = merge.clone();
                let merge = move |key: &KP, so_far, next| merge(key, so_far, next);
                kept.operator::<K, V, _, _>(name, input, Arc::new((folding(&add, init), merge)), None)
            }
        };
        Self { input: Rc::new(input), operator: Rc::new(operator) }
    }
}

/// A stream's function, for an aggregate that may not be there yet.
fn folding<K, V, A, R: Data<Present = A>, F>(
    add: &Arc<F>,
    init: &Arc<First<A>>,
) -> impl Fn(&K, V, Option<A>) -> Option<A> + Send + Sync + 'static
where
    F: Fn(&K, V, A) -> R + Send + Sync + 'static,
    A: Data<Present = A>,
{
    let (add, init) = (add.clone(), init.clone());
    move |key, value, so_far| add(key, value, so_far.unwrap_or_else(&*init)).present()
}
