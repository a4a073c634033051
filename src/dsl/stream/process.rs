//! `process`, `process_values`: your own processor.

use super::Stream;
use crate::data::Data;
use crate::dsl::stores::Stores;
use crate::processor::Processor;

impl<'b, K: Data, V: Data> Stream<'b, K, V> {
    /// Runs a [`Processor`] on every record: with stores, punctuations, and any number of results. `make` makes one for
    /// each task. The key may change, so a later verb that needs records by key repartitions. Kafka Streams: `process`.
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

    /// The same for a processor that leaves the key alone, so that nothing need be repartitioned later. It must forward
    /// records only under the key it was given. Kafka Streams: `processValues`.
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
