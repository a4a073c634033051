//! What a processor sees while it handles a record.

use std::convert::Infallible;
use std::marker::PhantomData;

use topo_state::Store;

use super::Position;
use super::expiring::{ExpiringHandle, ExpiringStore};
use super::pipeline::{Given, Hop};
use super::read_only::{ReadHandle, ReadOnly};
use super::tally::LeftOut;
use crate::data::Data;
use crate::fault::Fault;
use crate::record::Record;

/// Names a store of the topology, with its type. Made while wiring, used while processing.
pub struct StoreHandle<S> {
    pub(crate) store: usize,
    types: PhantomData<fn() -> S>,
}

impl<S> StoreHandle<S> {
    pub(crate) fn new(store: usize) -> Self {
        Self { store, types: PhantomData }
    }
}

impl<S> Clone for StoreHandle<S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for StoreHandle<S> {}

/// Names a time that several nodes of one operator share: its place in the topology's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SharedTime(pub(crate) usize);

/// A processor's way to its stores, to time and to the next steps. Valid only during one call.
pub struct Context<'h, 'p, K, V> {
    pub(super) hop: &'h mut Hop<'p>,
    out: PhantomData<fn(K, V)>,
}

impl<'h, 'p, K: Data, V: Data> Context<'h, 'p, K, V> {
    pub(crate) fn new(hop: &'h mut Hop<'p>) -> Self {
        Self { hop, out: PhantomData }
    }

    /// Hands a record to every step that follows.
    ///
    /// # Errors
    /// The fault of a later step; return it with `?`.
    pub fn forward(&mut self, record: Record<K, V>) -> Result<(), Fault> {
        self.hop.forward(record)
    }

    /// Hands a record to one of the steps that follow, by its name: that of the verb called on the stream behind this
    /// processor, as `describe` shows it. Kafka Streams: `forward(record, childName)`.
    ///
    /// # Errors
    /// The fault of that step; a fatal one when no step of this name follows.
    ///
    /// ```
    /// # use topo::{Builder, Context, Fault, Processor, Record, Topic, state::{i64_be, utf8}, testkit::Driver};
    /// struct Sort;
    ///
    /// impl Processor for Sort {
    ///     type KeyIn = String;
    ///     type ValueIn = i64;
    ///     type KeyOut = String;
    ///     type ValueOut = i64;
    ///     fn process(
    ///         &mut self,
    ///         record: Record<String, i64>,
    ///         ctx: &mut Context<'_, '_, String, i64>,
    ///     ) -> Result<(), Fault> {
    ///         ctx.forward_to(if record.value < 0 { "debits" } else { "credits" }, record)
    ///     }
    /// }
    ///
    /// let numbers = |name: &str| Topic::<String, i64>::new(name, utf8(), i64_be());
    /// let app = Builder::new("doc");
    /// let sorted = app.stream("read", &numbers("bookings")).process("sort", (), || Sort);
    /// sorted.to("debits", &numbers("debits"));
    /// sorted.to("credits", &numbers("credits"));
    ///
    /// let mut driver = Driver::new(app.build()?)?;
    /// driver.pipe(&numbers("bookings"), "a".to_owned(), -5, 0)?;
    /// assert_eq!(driver.read(&numbers("debits"))?.len(), 1);
    /// assert_eq!(driver.read(&numbers("credits"))?.len(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn forward_to(&mut self, step: &str, record: Record<K, V>) -> Result<(), Fault> {
        self.hop.forward_to(step, record)
    }

    /// Hands a record to one of the steps that follow, by its place in the order they were attached.
    pub(crate) fn forward_nth(&mut self, nth: usize, record: Record<K, V>) -> Result<(), Fault> {
        self.hop.forward_nth(nth, record)
    }

    /// Hands on an update of a table that is out of date, or one that is not: what lies behind it need not look at any
    /// other sign of it.
    pub(crate) fn forward_update(&mut self, record: Record<K, V>, outdated: bool) -> Result<(), Fault> {
        let before = std::mem::replace(&mut self.hop.pipeline.env.outdated, outdated);
        let done = self.hop.forward(record);
        self.hop.pipeline.env.outdated = before;
        done
    }

    /// Whether the update of a table in hand is older than what the table has for its key.
    pub(crate) fn is_outdated(&self) -> bool {
        self.hop.pipeline.env.outdated
    }

    /// A store this processor was wired to.
    ///
    /// # Errors
    /// A fatal fault when the processor was not connected to the store in the topology, and when only the processor of a global
    /// store may write it.
    pub fn store<S: Store>(&mut self, handle: StoreHandle<S>) -> Result<&mut S, Fault> {
        if self.hop.pipeline.views.get(handle.store) == Some(&true) {
            let why = "a global store is written by its own processor only: read it with `Context::read`";
            return Err(Fault::fatal("TOPOLOGY", why));
        }
        typed(&mut self.hop.pipeline.stores, handle)
    }

    /// A store this processor was wired to, to be read only. That of a global table can be read without being wired.
    ///
    /// # Errors
    /// A fatal fault when the processor was not connected to the store in the topology.
    ///
    /// ```
    /// # use topo::{Builder, Context, Fault, KeyValue, Processor, ReadHandle, Record, Topic, testkit::Driver};
    /// # use topo::state::{KeyValueStore, i64_be, utf8};
    /// /// Lets payments of those pass that are not on the list.
    /// struct Check {
    ///     blocked: ReadHandle<KeyValueStore<String, String>>,
    /// }
    ///
    /// impl Processor for Check {
    ///     type KeyIn = String;
    ///     type ValueIn = i64;
    ///     type KeyOut = String;
    ///     type ValueOut = i64;
    ///     fn process(
    ///         &mut self,
    ///         record: Record<String, i64>,
    ///         ctx: &mut Context<'_, '_, String, i64>,
    ///     ) -> Result<(), Fault> {
    ///         match ctx.read(self.blocked)?.get(&record.key)? {
    ///             Some(_) => Ok(()),
    ///             None => ctx.forward(record),
    ///         }
    ///     }
    /// }
    ///
    /// let list: Topic<String, Option<String>> = Topic::new("list", utf8(), utf8());
    /// let payments: Topic<String, i64> = Topic::new("payments", utf8(), i64_be());
    /// let passed: Topic<String, i64> = Topic::new("passed", utf8(), i64_be());
    /// let app = Builder::new("doc");
    /// let blocked = app.global_table("list", &list, KeyValue::new("list-store", utf8(), utf8())).store();
    /// app.stream("read", &payments)
    ///     .process_values("check", (), move || Check { blocked })
    ///     .to("write", &passed);
    ///
    /// let mut driver = Driver::new(app.build()?)?;
    /// driver.pipe(&list, "eve".to_owned(), Some("fraud".to_owned()), 0)?;
    /// driver.pipe(&payments, "eve".to_owned(), 1, 1)?;
    /// driver.pipe(&payments, "ann".to_owned(), 2, 2)?;
    /// assert_eq!(driver.read(&passed)?.len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn read<S: Store>(&mut self, handle: ReadHandle<S>) -> Result<ReadOnly<'_, S>, Fault> {
        Ok(ReadOnly(typed(&mut self.hop.pipeline.stores, handle.0)?))
    }

    /// A store whose rows end, each at a time of its own. This is the time to live per record.
    ///
    /// # Errors
    /// As [`store`](Self::store), when it is used.
    ///
    /// ```
    /// # use topo::{Builder, Clock, Context, ExpiringHandle, Fault, Headers, KeyValue, Processor, Punctuation};
    /// # use topo::{Record, Topic, state::{i64_be, utf8}, testkit::Driver};
    /// /// Remembers each offer for as many milliseconds as it says, and tells when it is over.
    /// struct Offers(ExpiringHandle<String, i64>);
    ///
    /// impl Processor for Offers {
    ///     type KeyIn = String;
    ///     type ValueIn = i64;
    ///     type KeyOut = String;
    ///     type ValueOut = Option<i64>;
    ///     fn init(&mut self, ctx: &mut Context<'_, '_, String, Option<i64>>) -> Result<(), Fault> {
    ///         ctx.schedule(Clock::Stream, 1);
    ///         Ok(())
    ///     }
    ///     fn process(
    ///         &mut self,
    ///         offer: Record<String, i64>,
    ///         ctx: &mut Context<'_, '_, String, Option<i64>>,
    ///     ) -> Result<(), Fault> {
    ///         let (time, until) = (offer.timestamp, offer.timestamp + offer.value);
    ///         ctx.expiring(&self.0).put(&offer.key, offer.value, time, until)
    ///     }
    ///     fn punctuate(
    ///         &mut self,
    ///         tick: Punctuation,
    ///         ctx: &mut Context<'_, '_, String, Option<i64>>,
    ///     ) -> Result<(), Fault> {
    ///         for (key, over) in ctx.expiring(&self.0).take_due(tick.time, 1_000)? {
    ///             let (timestamp, headers) = (over.until, Headers::new());
    ///             ctx.forward(Record { key, value: None, timestamp, headers })?;
    ///         }
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let offers: Topic<String, i64> = Topic::new("offers", utf8(), i64_be());
    /// let over: Topic<String, Option<i64>> = Topic::new("over", utf8(), i64_be());
    /// let app = Builder::new("doc");
    /// let store = app.expiring_store(KeyValue::new("open", utf8(), i64_be()));
    /// app.stream("read", &offers)
    ///     .process("watch", store.clone(), move || Offers(store.clone()))
    ///     .to("write", &over);
    ///
    /// let mut driver = Driver::new(app.build()?)?;
    /// for (key, lasts, time) in [("tea", 100, 0), ("milk", 10, 5), ("rice", 50, 20)] {
    ///     driver.pipe(&offers, key.to_owned(), lasts, time)?;
    /// }
    /// let seen: Vec<_> = driver.read(&over)?.into_iter().map(|it| (it.key, it.timestamp)).collect();
    /// assert_eq!(seen, [("milk".to_owned(), 15)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn expiring<'c, RK, RV>(
        &'c mut self,
        handle: &'c ExpiringHandle<RK, RV>,
    ) -> ExpiringStore<'c, RK, RV> {
        ExpiringStore { stores: &mut self.hop.pipeline.stores, handle }
    }

    /// The same context for a function that has nothing to forward.
    pub(crate) fn without_forwarding<T>(
        &mut self,
        work: impl FnOnce(&mut Context<'_, 'p, K, Infallible>) -> T,
    ) -> T {
        work(&mut Context::new(self.hop))
    }

    /// All stores of the task, for lookups through views that read several.
    pub(crate) fn stores(&mut self) -> &mut [Option<Box<dyn Store>>] {
        &mut self.hop.pipeline.stores
    }

    /// The partition this task works on.
    pub(crate) fn partition(&self) -> i32 {
        self.hop.pipeline.env.partition
    }

    /// The highest record timestamp this task has seen, milliseconds; `None` before the first record.
    pub fn stream_time(&self) -> Option<i64> {
        self.hop.pipeline.env.stream_time
    }

    /// The wall clock, milliseconds since the epoch. Moves between records, never within one.
    pub fn wall_clock(&self) -> i64 {
        self.hop.pipeline.env.wall_clock
    }

    /// Where the record in hand came from; `None` in a punctuation.
    pub fn position(&self) -> Option<&Position> {
        self.hop.pipeline.env.position.as_ref()
    }

    /// `<sub-topology>_<partition>` of the running task.
    pub fn task(&self) -> &str {
        &self.hop.pipeline.env.task
    }

    /// Raises this operator's own stream time to `timestamp` and returns it. It is committed with the state and
    /// survives restarts, unlike Kafka Streams'.
    pub fn observe(&mut self, timestamp: i64) -> i64 {
        let node = self.hop.node;
        let time = &mut self.hop.pipeline.env.operator_times[node];
        let observed = time.map_or(timestamp, |time| time.max(timestamp));
        *time = Some(observed);
        observed
    }

    /// This operator's own stream time so far.
    pub fn observed(&self) -> Option<i64> {
        self.hop.pipeline.env.operator_times[self.hop.node]
    }

    /// In [`idle`](super::Processor::idle): raises this operator's own stream time to what it is without records, and returns it
    /// if it has gone on. `None` before the first record that it [observed](Self::observe).
    pub fn idle_time(&mut self) -> Option<i64> {
        self.go_on(self.hop.node)
    }

    /// The same for a stream time that nodes share.
    pub(crate) fn idle_shared(&mut self, time: SharedTime) -> Option<i64> {
        self.go_on(self.hop.pipeline.nodes.len() + time.0)
    }

    fn go_on(&mut self, place: usize) -> Option<i64> {
        let env = &mut self.hop.pipeline.env;
        let (now, known) = (env.idle?, env.operator_times[place]?);
        (now > known).then(|| {
            env.operator_times[place] = Some(now);
            now
        })
    }

    /// How far this operator has given final results. Committed with the state, like its stream time.
    pub(crate) fn given(&mut self) -> &mut Given {
        &mut self.hop.pipeline.env.given[self.hop.node]
    }

    /// Raises the stream time that the nodes of an operator share, and returns it. Committed like [`observe`](Self::observe).
    pub(crate) fn observe_shared(&mut self, time: SharedTime, timestamp: i64) -> i64 {
        let at = self.hop.pipeline.nodes.len() + time.0;
        let time = &mut self.hop.pipeline.env.operator_times[at];
        let observed = time.map_or(timestamp, |time| time.max(timestamp));
        *time = Some(observed);
        observed
    }

    /// A time that the nodes of an operator share.
    pub(crate) fn shared(&self, time: SharedTime) -> Option<i64> {
        self.hop.pipeline.env.operator_times[self.hop.pipeline.nodes.len() + time.0]
    }

    /// Sets it. Of what different checkpoints say of it, the highest counts.
    pub(crate) fn set_shared(&mut self, time: SharedTime, to: i64) {
        let at = self.hop.pipeline.nodes.len() + time.0;
        self.hop.pipeline.env.operator_times[at] = Some(to);
    }

    /// Counts a record that a rule of this step drops, under the step's own rule.
    pub fn dropped(&mut self) {
        self.dropped_because("rule");
    }

    /// Counts a record that a rule drops, under the rule's name (`null_key`, `closed_window`).
    pub fn dropped_because(&mut self, rule: &'static str) {
        self.hop.pipeline.env.drop_record(rule);
    }

    /// Counts a record that is no data for this step and no error either, under what it is (`heartbeat`).
    pub fn skipped(&mut self, kind: &'static str) {
        let env = &mut self.hop.pipeline.env;
        env.skipped += 1;
        let topic = env.position.as_ref().map(|position| &position.topic);
        env.tally.count(LeftOut::Skipped, topic, kind);
    }

    /// Asks for a commit after this record.
    pub fn request_commit(&mut self) {
        self.hop.pipeline.env.commit_requested = true;
    }
}

/// One of a task's stores, by its type.
pub(crate) fn typed<S: Store>(
    stores: &mut [Option<Box<dyn Store>>],
    handle: StoreHandle<S>,
) -> Result<&mut S, Fault> {
    stores
        .get_mut(handle.store)
        .and_then(Option::as_mut)
        .and_then(|store| store.as_any_mut().downcast_mut::<S>())
        .ok_or_else(|| Fault::fatal("TOPOLOGY", "this processor is not connected to the store it asks for"))
}
