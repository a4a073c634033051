//! `process`, `process_values`: your own processor.

use std::convert::Infallible;
use std::sync::Arc;

use super::Stream;
use crate::data::Data;
use crate::dsl::stores::Stores;
use crate::fault::Fault;
use crate::ops::Each;
use crate::processor::{Context, Processor};
use crate::record::Record;

impl<'b, K: Data, V: Data> Stream<'b, K, V> {
    /// Runs a [`Processor`] on every record: with stores, punctuations, and any number of results. `make` makes one for
    /// each task. The key may change, so a later verb that needs records by key repartitions. It sees
    /// nulls, headers and timestamps as they are, and emits what it forwards, when it does. Kafka Streams: `process`
    /// (KIP-478, KIP-820).
    ///
    /// ```
    /// use topo::{Builder, Context, Fault, KeyValue, Processor, Record, StoreHandle, Topic};
    /// use topo::state::{KeyValueStore, i64_be, utf8};
    ///
    /// type Seen = KeyValueStore<String, i64>;
    ///
    /// /// Lets only the first record of each key pass.
    /// struct Once(StoreHandle<Seen>);
    ///
    /// impl Processor for Once {
    ///     type KeyIn = String;
    ///     type ValueIn = i64;
    ///     type KeyOut = String;
    ///     type ValueOut = i64;
    ///     fn process(
    ///         &mut self,
    ///         record: Record<String, i64>,
    ///         ctx: &mut Context<'_, '_, String, i64>,
    ///     ) -> Result<(), Fault> {
    ///         let seen = ctx.store(self.0)?;
    ///         if seen.get(&record.key)?.is_some() {
    ///             return Ok(());
    ///         }
    ///         seen.put(&record.key, record.value, record.timestamp)?;
    ///         ctx.forward(record)
    ///     }
    /// }
    ///
    /// let app = Builder::new("first");
    /// let payments: Topic<String, i64> = Topic::new("payments", utf8(), i64_be());
    /// let seen = app.store(KeyValue::new("seen", utf8(), i64_be()));
    /// let first = app.stream("payments", &payments).process("once", seen, move || Once(seen));
    /// ```
    pub fn process<P: Processor<KeyIn = K, ValueIn = V>>(
        &self,
        name: &str,
        stores: impl Stores,
        make: impl Fn() -> P + Send + Sync + 'static,
    ) -> Stream<'b, P::KeyOut, P::ValueOut> {
        let node = self.builder.operator(name, &[self.node], &stores.numbers(), make);
        self.next(node, true, None, None)
    }

    /// Gives each record a new value, with stores, headers, timestamp and position at hand, by a function: the short form of
    /// [`process_values`](Self::process_values) for one value per record and no punctuations. It cannot forward. Key,
    /// timestamp and headers stay, so nothing is repartitioned. Kafka Streams: `processValues`, formerly `transformValues`.
    ///
    /// ```
    /// # use topo::{Builder, KeyValue, Topic, state::{i64_be, utf8}, testkit::Driver};
    /// let visits: Topic<String, String> = Topic::new("visits", utf8(), utf8());
    /// let numbered: Topic<String, i64> = Topic::new("numbered", utf8(), i64_be());
    /// let app = Builder::new("doc");
    /// let counts = app.store(KeyValue::new("counts", utf8(), i64_be()));
    /// app.stream("read", &visits)
    ///     .transform_values("number", counts, move |visit, ctx| {
    ///         let counts = ctx.store(counts)?;
    ///         let count = counts.get(&visit.key)?.map_or(0, |row| row.value) + 1;
    ///         counts.put(&visit.key, count, visit.timestamp)?;
    ///         Ok(count)
    ///     })
    ///     .to("write", &numbered);
    ///
    /// let mut driver = Driver::new(app.build()?)?;
    /// for time in 0..3 {
    ///     driver.pipe(&visits, "ann".to_owned(), "home".to_owned(), time)?;
    /// }
    /// let seen: Vec<_> = driver.read(&numbered)?.into_iter().map(|it| it.value).collect();
    /// assert_eq!(seen, [1, 2, 3]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn transform_values<V2: Data>(
        &self,
        name: &str,
        stores: impl Stores,
        transform: impl Fn(&Record<K, V>, &mut Context<'_, '_, K, Infallible>) -> Result<V2, Fault>
        + Send
        + Sync
        + 'static,
    ) -> Stream<'b, K, V2> {
        let work = Arc::new(move |record: Record<K, V>, ctx: &mut Context<'_, '_, K, V2>| {
            let value = ctx.without_forwarding(|ctx| transform(&record, ctx))?;
            ctx.forward(record.with_value(value))
        });
        let make = move || Each::<K, V, K, V2, _>::new(work.clone());
        let node = self.builder.operator(name, &[self.node], &stores.numbers(), make);
        self.next(node, false, self.key.clone(), None)
    }

    /// The same for a processor that leaves the key alone, so that nothing need be repartitioned later. It must forward
    /// records only under the key it was given. For one value per record without punctuations
    /// [`transform_values`](Self::transform_values) is shorter. Kafka Streams: `processValues` (KIP-820).
    ///
    /// ```
    /// # use topo::{Builder, Context, Fault, Processor, Record, Topic, state::{i64_be, utf8}, testkit::Driver};
    /// /// Says where each record lay.
    /// struct Where;
    ///
    /// impl Processor for Where {
    ///     type KeyIn = String;
    ///     type ValueIn = i64;
    ///     type KeyOut = String;
    ///     type ValueOut = String;
    ///     fn process(
    ///         &mut self,
    ///         record: Record<String, i64>,
    ///         ctx: &mut Context<'_, '_, String, String>,
    ///     ) -> Result<(), Fault> {
    ///         let place = ctx.position().map(|it| format!("{}-{}@{}", it.topic, it.partition, it.offset));
    ///         ctx.forward(record.with_value(place.unwrap_or_default()))
    ///     }
    /// }
    ///
    /// let numbers: Topic<String, i64> = Topic::new("numbers", utf8(), i64_be());
    /// let places: Topic<String, String> = Topic::new("places", utf8(), utf8());
    /// let app = Builder::new("doc");
    /// app.stream("read", &numbers).process_values("where", (), || Where).to("write", &places);
    ///
    /// let mut driver = Driver::new(app.build()?)?;
    /// driver.pipe(&numbers, "a".to_owned(), 5, 0)?;
    /// assert_eq!(driver.read(&places)?[0].value, "numbers-0@0");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn process_values<P: Processor<KeyIn = K, ValueIn = V, KeyOut = K>>(
        &self,
        name: &str,
        stores: impl Stores,
        make: impl Fn() -> P + Send + Sync + 'static,
    ) -> Stream<'b, K, P::ValueOut> {
        let node = self.builder.operator(name, &[self.node], &stores.numbers(), make);
        self.next(node, false, self.key.clone(), None)
    }
}
