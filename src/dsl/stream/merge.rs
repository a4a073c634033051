//! `merge`: two streams as one.

use super::Stream;
use crate::data::Data;

impl<'b, K: Data, V: Data> Stream<'b, K, V> {
    /// The records of both streams, in the order they come. The key may have changed if it may have in either.
    /// Kafka Streams: `merge`.
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
