//! What the binary `topo` offers: the topologies, the exit, the generators and the demo, by name.

mod engine;
mod exit;
mod topology;

use topo::broker::kafka::KafkaBroker;
use topo::cli::{Catalogue, Entry};
use topo::config::{ConfigError, Key, Kind, Settings};

const ORDERS_KEYS: &[Key] = &[
    Key::new(
        "orders.topic.prefix",
        Kind::Text,
        "oracle-cdc",
        "First part of the source topics: prefix.SCHEMA.TABLE.",
    ),
    Key::new("orders.schema", Kind::Text, "SALES", "Second part of the source topics."),
    Key::new(
        "orders.catalogue",
        Kind::Path,
        "",
        "File with the declared Oracle types; the built-in tables when empty.",
    ),
    Key::new(
        "orders.unavailable.value.placeholder",
        Kind::Text,
        crate::cdc::UNAVAILABLE_VALUE,
        "What the connector sends for an unchanged large value.",
    ),
    Key::new("orders.alert.threshold", Kind::Decimal, "10000", "An alert needs a greater total."),
    Key::new("orders.alert.tier", Kind::Text, "GOLD", "An alert needs a customer of this tier."),
    Key::new(
        "orders.keep.deleted.ms",
        Kind::Duration,
        "168h",
        "How long versions of deleted rows are kept, in stream time.",
    ),
];

const VELOCITY_KEYS: &[Key] = &[Key::new(
    "velocity.grace.ms",
    Kind::Duration,
    "1h",
    "How much later a payment may come without being late.",
)];

/// Everything the binary offers.
pub fn catalogue() -> Catalogue {
    let entry = |name, about, keys, make| Entry { name, about, keys, make };
    Catalogue {
        entries: vec![
            entry(
                "orders",
                "Change events of five tables to enriched orders, revenue and alerts.",
                ORDERS_KEYS,
                topology::orders,
            ),
            entry(
                "velocity",
                "Payments to verdicts from aggregates per account.",
                VELOCITY_KEYS,
                topology::velocity,
            ),
            entry("orders-ods", "Enriched orders to PostgreSQL, exactly once.", &[], exit::orders_ods),
        ],
        generators: Vec::new(),
        demo: Some(crate::demo::demo),
    }
}

/// The cluster of the settings.
fn broker(settings: &Settings) -> Result<KafkaBroker, ConfigError> {
    Ok(KafkaBroker::new(settings.text("bootstrap.servers")?, settings.kafka()))
}
