//! `transform_values` on tables: another form of each row, with stores and the whole record.

use std::convert::Infallible;
use std::sync::Arc;

use super::Table;
use crate::data::Data;
use crate::dsl::stores::Stores;
use crate::fault::Fault;
use crate::ops::{Kept, TableTransform};
use crate::processor::Context;
use crate::record::Record;

impl<'b, K: Data<Present = K>, V: Data<Present = V>> Table<'b, K, V> {
    /// Computes each row anew, with stores, headers and timestamp at hand: `transform` sees the record with the row as it is,
    /// `None` when it was deleted, once per update. A null result means there is no row. It cannot forward: its
    /// [`Context`] has no value to forward. Unlike those of [`map_values`](Self::map_values) its answers may depend on more than
    /// the row, so they are not computed again at a lookup: a verb that needs rows of the result, or what they were, needs it to be
    /// [`stored`](Self::stored). Kafka Streams: `KTable.transformValues` (KIP-292), which calls its transformer at lookups too.
    ///
    /// ```
    /// # use topo::{Builder, KeyValue, Topic, state::{i64_be, utf8}, testkit::Driver};
    /// let levels: Topic<String, Option<i64>> = Topic::new("levels", utf8(), i64_be());
    /// let rises: Topic<String, Option<i64>> = Topic::new("rises", utf8(), i64_be());
    /// let app = Builder::new("doc");
    /// let last = app.store(KeyValue::new("last-level", utf8(), i64_be()));
    /// app.table_view("levels", &levels)
    ///     .transform_values("rise", last, move |record, ctx| {
    ///         let last = ctx.store(last)?;
    ///         let before = last.get(&record.key)?.map_or(0, |row| row.value);
    ///         let Some(level) = record.value else { return Ok(None) };
    ///         last.put(&record.key, level, record.timestamp)?;
    ///         Ok(Some(level - before))
    ///     })
    ///     .to_stream("updates")
    ///     .to("write", &rises);
    ///
    /// let mut driver = Driver::new(app.build()?)?;
    /// for (time, level) in [(0, Some(5)), (1, Some(8)), (2, None)] {
    ///     driver.pipe(&levels, "a".to_owned(), level, time)?;
    /// }
    /// let seen: Vec<_> = driver.read(&rises)?.into_iter().map(|it| it.value).collect();
    /// assert_eq!(seen, [Some(5), Some(3), None]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn transform_values<R: Data>(
        &self,
        name: &str,
        stores: impl Stores,
        transform: impl Fn(&Record<K, Option<V>>, &mut Context<'_, '_, K, Infallible>) -> Result<R, Fault>
        + Send
        + Sync
        + 'static,
    ) -> Table<'b, K, R::Present> {
        let transform =
            Arc::new(move |record: &Record<K, Option<V>>, ctx: &mut Context<'_, '_, K, Infallible>| {
                transform(record, ctx).map(Data::present)
            });
        let kept = Kept::default();
        let (slot, upkeep) = (kept.clone(), kept.clone());
        let node = self.builder.table_operator(
            name,
            &[self.node],
            &stores.numbers(),
            move || upkeep.upkeep(),
            move || TableTransform::<K, V, R::Present, _>::new(transform.clone(), slot.keep()),
        );
        let mut table = Table::view(self.builder, node, self.origins.clone(), Some(kept));
        (table.grace_ms, table.key, table.place) = (self.grace_ms, self.key.clone(), self.place.clone());
        table
    }
}
