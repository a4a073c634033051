//! `merge`: two streams as one.

use super::Stream;
use crate::data::Data;

impl<'b, K: Data, V: Data> Stream<'b, K, V> {
    /// The records of both streams, in the order they come. The key may have changed if it may have in either.
    /// Nulls, timestamps and headers pass as they are. Kafka Streams: `merge` (KIP-202).
    ///
    /// ```
    /// # use topo::{Builder, Topic, state::utf8, testkit::Driver};
    /// let web: Topic<String, String> = Topic::new("web", utf8(), utf8());
    /// let phone: Topic<String, String> = Topic::new("phone", utf8(), utf8());
    /// let all: Topic<String, String> = Topic::new("all", utf8(), utf8());
    /// let app = Builder::new("doc");
    /// app.stream("web", &web).merge("both", &app.stream("phone", &phone)).to("write", &all);
    ///
    /// let mut driver = Driver::new(app.build()?)?;
    /// driver.pipe(&web, "a".to_owned(), "x".to_owned(), 0)?;
    /// driver.pipe(&phone, "b".to_owned(), "y".to_owned(), 1)?;
    /// assert_eq!(driver.read(&all)?.len(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn merge(&self, name: &str, other: &Self) -> Self {
        let parents = [self.node, other.node];
        let node = self.builder.operator(name, &parents, &[], crate::ops::Pass::<K, V>::default);
        self.builder.wiring.borrow_mut().mergeable.junctions.push(node);
        let mut origins: Vec<_> = self.origins.iter().chain(other.origins.iter()).cloned().collect();
        origins.sort();
        origins.dedup();
        let mut merged = self.same(node);
        merged.key_changed |= other.key_changed;
        merged.origins = origins.into();
        merged
    }
}
