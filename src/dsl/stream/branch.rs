//! `split`: one stream becomes several, each record goes to the first branch that wants it.

use std::sync::Arc;

use super::Stream;
use crate::data::Data;
use crate::ops::{Pass, Predicate, Split};

/// A stream about to be split: name branches in order, then end with [`default`](Self::default) or
/// [`no_default`](Self::no_default). The streams come back in the order of their branches.
#[must_use = "end with `default` or `no_default`"]
pub struct Branches<'b, K: Data, V: Data> {
    stream: Stream<'b, K, V>,
    split: String,
    names: Vec<String>,
    predicates: Vec<Predicate<K, V>>,
}

impl<'b, K: Data, V: Data> Stream<'b, K, V> {
    /// Splits the stream: the first branch whose predicate holds gets the record, as it is; nulls are shown to predicates like
    /// anything else. Kafka Streams: `split`, `branch`, `defaultBranch`, `noDefaultBranch` (KIP-418).
    ///
    /// ```
    /// # use topo::{Builder, Topic, state::{utf8, i64_be}, testkit::Driver};
    /// # let numbers = |name: &str| Topic::<String, i64>::new(name, utf8(), i64_be());
    /// let app = Builder::new("doc");
    /// let branches = app
    ///     .stream("payments", &numbers("payments"))
    ///     .split("by-size")
    ///     .branch("large", |_, amount| *amount > 10_000)
    ///     .branch("debits", |_, amount| *amount < 0)
    ///     .default("small");
    /// let [large, debits, small] = &branches[..] else { unreachable!() };
    /// large.to("write-large", &numbers("large-payments"));
    /// debits.for_each("ignore", |_, _| ());
    /// small.to("write-small", &numbers("small-payments"));
    ///
    /// let mut driver = Driver::new(app.build()?)?;
    /// for amount in [5, 50_000, -3] {
    ///     driver.pipe(&numbers("payments"), "a".to_owned(), amount, 0)?;
    /// }
    /// assert_eq!(driver.read(&numbers("large-payments"))?[0].value, 50_000);
    /// assert_eq!(driver.read(&numbers("small-payments"))?[0].value, 5);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn split(&self, name: &str) -> Branches<'b, K, V> {
        Branches { stream: self.clone(), split: name.to_owned(), names: Vec::new(), predicates: Vec::new() }
    }
}

impl<'b, K: Data, V: Data> Branches<'b, K, V> {
    /// One more branch, with the node name `name`.
    /// Predicates are asked in the order of their branches, until one holds. Kafka Streams: `branch`. (Example: [`Stream::split`].)
    pub fn branch(mut self, name: &str, wanted: impl Fn(&K, &V) -> bool + Send + Sync + 'static) -> Self {
        self.names.push(name.to_owned());
        self.predicates.push(Arc::new(wanted));
        self
    }

    /// The last branch, with the node name `name`: what no other branch wanted.
    /// Kafka Streams: `defaultBranch`. (Example: [`Stream::split`].)
    pub fn default(mut self, name: &str) -> Vec<Stream<'b, K, V>> {
        self = self.branch(name, |_, _| true);
        self.no_default()
    }

    /// Drops what no branch wanted, uncounted.
    /// Kafka Streams: `noDefaultBranch`.
    ///
    /// ```
    /// # use topo::{Builder, Topic, state::{i64_be, utf8}, testkit::Driver};
    /// # let numbers = |name: &str| Topic::<String, i64>::new(name, utf8(), i64_be());
    /// # let app = Builder::new("doc");
    /// let branches =
    ///     app.stream("payments", &numbers("payments")).split("by-size").branch("large", |_, cents| *cents > 100).no_default();
    /// branches[0].to("write", &numbers("large"));
    ///
    /// let mut driver = Driver::new(app.build()?)?;
    /// for cents in [5, 500] {
    ///     driver.pipe(&numbers("payments"), "a".to_owned(), cents, 0)?;
    /// }
    /// assert_eq!(driver.read(&numbers("large"))?.len(), 1);
    /// assert_eq!(driver.dropped(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn no_default(self) -> Vec<Stream<'b, K, V>> {
        let Self { stream, split, names, predicates } = self;
        let predicates: Arc<[Predicate<K, V>]> = predicates.into();
        let builder = stream.builder;
        let node = builder.operator(&split, &[stream.node], &[], move || Split::new(predicates.clone()));
        let branch = |name: &String| stream.same(builder.operator(name, &[node], &[], Pass::<K, V>::default));
        names.iter().map(branch).collect()
    }
}
