//! What topics and applications are called: as in production, or with a tag, so that many systems share one Kafka.

use topologies::generate::orders_topics;

/// Connector's schema in the names of the source topics.
const SCHEMA: &str = "SALES";

/// The names of one system.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    tag: Option<String>,
}

impl Names {
    /// The names of production.
    pub(crate) fn usual() -> Self {
        Self { tag: None }
    }

    /// Names that begin with a tag.
    pub(crate) fn tagged(tag: String) -> Self {
        Self { tag: Some(tag) }
    }

    fn tagged_name(&self, between: char, name: &str) -> String {
        self.tag.as_ref().map_or_else(|| name.to_owned(), |tag| format!("{tag}{between}{name}"))
    }

    /// An output topic, by its usual name.
    pub(crate) fn topic(&self, usual: &str) -> String {
        self.tagged_name('.', usual)
    }

    /// `topic.prefix` of the connector.
    pub(crate) fn source_prefix(&self) -> String {
        self.topic("oracle-cdc")
    }

    /// Topic of the payments.
    pub(crate) fn payments(&self) -> String {
        self.topic("transactions")
    }

    /// Topics of the five tables.
    pub(crate) fn tables(&self) -> Vec<String> {
        orders_topics(&self.source_prefix(), SCHEMA).to_vec()
    }

    /// Application id, and with it the group, of a runnable.
    pub(crate) fn application(&self, runnable: &str) -> String {
        self.tagged_name('-', runnable)
    }

    /// Topic of dead letters of a runnable.
    pub(crate) fn letters(&self, runnable: &str) -> String {
        self.topic(&format!("{runnable}-dead-letters"))
    }

    /// What a process is told so that it uses these names.
    pub(super) fn settings(&self, runnable: &str) -> Vec<(&'static str, String)> {
        if self.tag.is_none() {
            return Vec::new();
        }
        vec![
            ("application.id", self.application(runnable)),
            ("dead.letter.topic", self.letters(runnable)),
            ("orders.source.prefix", self.source_prefix()),
            ("orders.topic.enriched", self.topic("orders.enriched")),
            ("orders.topic.revenue", self.topic("orders.revenue")),
            ("orders.topic.alerts", self.topic("orders.alerts")),
            ("velocity.topic.input", self.payments()),
            ("velocity.topic.output", self.topic("velocity.verdicts")),
        ]
    }
}
