//! `peek`, `for_each`: a look at the records.

use super::Stream;
use crate::data::Data;

impl<'b, K: Data, V: Data> Stream<'b, K, V> {
    /// Shows each record to `look` and passes it on, nulls too. It may be shown again after a crash: what `look` does to the
    /// outside belongs to no transaction. Kafka Streams: `peek` (KIP-132).
    ///
    /// ```
    /// # use std::sync::{Arc, atomic::{AtomicI64, Ordering}};
    /// # use topo::{Builder, Topic, state::{i64_be, utf8}, testkit::Driver};
    /// # let numbers = |name: &str| Topic::<String, i64>::new(name, utf8(), i64_be());
    /// let sum = Arc::new(AtomicI64::new(0));
    /// let seen = sum.clone();
    /// let app = Builder::new("doc");
    /// app.stream("read", &numbers("in"))
    ///     .peek("add-up", move |_, number| drop(seen.fetch_add(*number, Ordering::Relaxed)))
    ///     .to("write", &numbers("out"));
    ///
    /// let mut driver = Driver::new(app.build()?)?;
    /// for number in [1, 2] {
    ///     driver.pipe(&numbers("in"), "a".to_owned(), number, 0)?;
    /// }
    /// assert_eq!((sum.load(Ordering::Relaxed), driver.read(&numbers("out"))?.len()), (3, 2));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn peek(&self, name: &str, look: impl Fn(&K, &V) + Send + Sync + 'static) -> Self {
        let node = self.builder.each::<K, V, K, V>(name, self.node, move |record, ctx| {
            look(&record.key, &record.value);
            ctx.forward(record)
        });
        self.same(node)
    }

    /// Shows each record to `look` and ends there, nulls too. It may be shown again after a crash. Kafka Streams: `foreach`.
    ///
    /// ```
    /// # use std::sync::{Arc, Mutex};
    /// # use topo::{Builder, Topic, state::{i64_be, utf8}, testkit::Driver};
    /// # let numbers = |name: &str| Topic::<String, i64>::new(name, utf8(), i64_be());
    /// let seen = Arc::new(Mutex::new(Vec::new()));
    /// let list = seen.clone();
    /// let app = Builder::new("doc");
    /// app.stream("read", &numbers("in"))
    ///     .for_each("collect", move |key, number| list.lock().expect("no panic").push((key.clone(), *number)));
    ///
    /// let mut driver = Driver::new(app.build()?)?;
    /// driver.pipe(&numbers("in"), "a".to_owned(), 7, 0)?;
    /// assert_eq!(*seen.lock().expect("no panic"), [("a".to_owned(), 7)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn for_each(&self, name: &str, look: impl Fn(&K, &V) + Send + Sync + 'static) {
        self.builder.each::<K, V, K, V>(name, self.node, move |record, _| {
            look(&record.key, &record.value);
            Ok(())
        });
    }
}
