//! `orders` for the command line.

use std::path::Path;

use topo::cli::{Application, Exit, Failure, TopologyApplication};
use topo::config::{Key, Kind, Settings};

use crate::cdc::Catalogue;
use crate::decimal::Decimal;
use crate::orders::{OrdersConfig, topology};

pub(super) const PREFIX: Key = Key::new(
    "orders.source.prefix",
    Kind::Text,
    "oracle-cdc",
    "`topic.prefix` of the connector: first part of the source topics.",
);
pub(super) const SCHEMA: Key =
    Key::new("orders.source.schema", Kind::Text, "SALES", "Oracle schema: second part of the source topics.");
pub(super) const ENRICHED: Key =
    Key::new("orders.topic.enriched", Kind::Text, "orders.enriched", "Topic of the enriched orders.");

/// The keys of `orders`.
#[rustfmt::skip]
pub(super) const KEYS: &[Key] = &[
    PREFIX,
    SCHEMA,
    ENRICHED,
    Key::new("orders.source.catalogue", Kind::Path, "", "JSON file with the Oracle types of the tables; the built-in one of the five SALES tables when empty."),
    Key::new("orders.source.placeholder", Kind::Text, "__debezium_unavailable_value", "`unavailable.value.placeholder` of the connector."),
    Key::new("orders.topic.revenue", Kind::Text, "orders.revenue", "Topic of the revenue groups."),
    Key::new("orders.topic.alerts", Kind::Text, "orders.alerts", "Topic of the alerts."),
    Key::new("orders.alert.threshold", Kind::Decimal, "10000", "An order above this amount is worth an alert."),
    Key::new("orders.alert.tier", Kind::Text, "GOLD", "Customers of this tier are worth an alert."),
    Key::new("orders.keep.deleted", Kind::Duration, "168h", "How long the versions of deleted rows are kept, in stream time."),
];

/// Makes the application of its settings.
pub(super) fn make(settings: &Settings) -> Result<Box<dyn Application>, Failure> {
    let built =
        topology(&config(settings)?).map_err(|errors| Failure::new(Exit::Usage, errors.to_string()))?;
    Ok(Box::new(TopologyApplication::new(built, settings, "orders")?))
}

fn config(settings: &Settings) -> Result<OrdersConfig, Failure> {
    let usage = |what: &str| Failure::new(Exit::Usage, what.to_owned());
    let catalogue = match settings.optional("orders.source.catalogue")? {
        Some(file) => Catalogue::from_file(Path::new(file)),
        None => Catalogue::sales(),
    };
    let mut config = OrdersConfig::new(catalogue.map_err(|error| usage(&error.to_string()))?);
    config.prefix = settings.text(PREFIX.name)?.to_owned();
    config.schema = settings.text(SCHEMA.name)?.to_owned();
    config.decoder.schema = Some(config.schema.clone());
    config.decoder.placeholder = settings.text("orders.source.placeholder")?.to_owned();
    config.enriched_topic = settings.text(ENRICHED.name)?.to_owned();
    config.revenue_topic = settings.text("orders.topic.revenue")?.to_owned();
    config.alerts_topic = settings.text("orders.topic.alerts")?.to_owned();
    config.alert.threshold = settings
        .text("orders.alert.threshold")?
        .parse::<Decimal>()
        .map_err(|error| usage(&format!("`orders.alert.threshold`: {error}")))?;
    config.alert.tier = settings.text("orders.alert.tier")?.to_owned();
    let keep = settings.duration("orders.keep.deleted")?;
    config.keep_deleted_ms = i64::try_from(keep.as_millis()).unwrap_or(i64::MAX);
    Ok(config)
}
