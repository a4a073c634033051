//! `changes_only`: updates that change something.

use super::Table;
use crate::data::Data;

impl<'b, K: Data<Present = K>, V: Data<Present = V> + PartialEq> Table<'b, K, V> {
    /// Stops updates that leave the row as it is, whatever their timestamp, so that nothing behind is recomputed. A view:
    /// lookups see the table itself. Kafka Streams forwards such updates (KIP-557 is not active there).
    ///
    /// ```
    /// # use topo::{Builder, KeyValue, Topic, state::{i64_be, utf8}, testkit::Driver};
    /// let levels: Topic<String, Option<i64>> = Topic::new("levels", utf8(), i64_be());
    /// let changes: Topic<String, Option<i64>> = Topic::new("changes", utf8(), i64_be());
    /// let app = Builder::new("doc");
    /// app.table("levels", &levels, KeyValue::new("levels-store", utf8(), i64_be()))
    ///     .changes_only("changed")
    ///     .to_stream("updates")
    ///     .to("write", &changes);
    ///
    /// let mut driver = Driver::new(app.build()?)?;
    /// for (time, level) in [(0, 5), (1, 5), (2, 6)] {
    ///     driver.pipe(&levels, "a".to_owned(), Some(level), time)?;
    /// }
    /// let seen: Vec<_> = driver.read(&changes)?.into_iter().map(|it| (it.value, it.timestamp)).collect();
    /// assert_eq!(seen, [(Some(5), 0), (Some(6), 2)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn changes_only(&self, name: &str) -> Self {
        self.want_old(name);
        let node = self.builder.each(
            name,
            self.node,
            |record: crate::record::Record<K, crate::data::Change<V>>, ctx| {
                if record.value.old == record.value.new { Ok(()) } else { ctx.forward(record) }
            },
        );
        Self { node, kept: None, store: None, ..self.clone() }
    }
}
