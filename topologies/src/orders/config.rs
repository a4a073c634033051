//! What of the topology can be configured.

use super::alerts::AlertRule;
use crate::cdc::{Catalogue, CatalogueError, DecoderConfig};
use crate::decimal::Decimal;

/// Topics, thresholds and limits of `orders`.
#[derive(Clone, Debug)]
pub struct OrdersConfig {
    /// First part of the source topics: `<prefix>.<schema>.<TABLE>`.
    pub prefix: String,
    /// Second part.
    pub schema: String,
    /// Types of the tables and the connector's settings.
    pub decoder: DecoderConfig,
    /// Topic of the enriched orders.
    pub enriched_topic: String,
    /// Topic of the revenue groups.
    pub revenue_topic: String,
    /// Topic of the alerts.
    pub alerts_topic: String,
    /// When an order is worth an alert.
    pub alert: AlertRule,
    /// Length of the revenue windows, microseconds.
    pub window_us: i64,
    /// How long the versions of deleted rows are kept, milliseconds of stream time.
    pub keep_deleted_ms: i64,
}

impl OrdersConfig {
    /// The defaults, with the built-in types of the SALES tables.
    ///
    /// # Errors
    /// When the built-in catalogue is broken.
    pub fn sales() -> Result<Self, CatalogueError> {
        Ok(Self::new(Catalogue::sales()?))
    }

    /// The defaults, with these types of the tables.
    pub fn new(catalogue: Catalogue) -> Self {
        let schema = "SALES".to_owned();
        let mut decoder = DecoderConfig::new(catalogue);
        decoder.schema = Some(schema.clone());
        Self {
            prefix: "oracle-cdc".to_owned(),
            schema,
            decoder,
            enriched_topic: "orders.enriched".to_owned(),
            revenue_topic: "orders.revenue".to_owned(),
            alerts_topic: "orders.alerts".to_owned(),
            alert: AlertRule { threshold: Decimal::new(10_000, 0), tier: "GOLD".to_owned() },
            window_us: 5 * 60 * 1_000_000,
            keep_deleted_ms: 7 * 24 * 3_600_000,
        }
    }

    /// The source topic of a table.
    pub fn source(&self, table: &str) -> String {
        format!("{}.{}.{table}", self.prefix, self.schema)
    }
}
