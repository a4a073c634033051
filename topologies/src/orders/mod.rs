//! `orders`: change events of five Oracle tables, joined into enriched orders, revenue and alerts.
//!
//! ```text
//! ORDERS -----------------> decode > by id > versions --+-- customer --+
//! CUSTOMERS --------------> decode > by id > versions --+              +--> enriched --> orders.enriched
//! ORDER_ITEMS ------------> decode > by id > versions --+-- product ---+       |  |
//! PRODUCTS ---------------> decode > by id > versions --+   by order           |  +----> orders.alerts
//! AUDIT_LOG > counted                                                          +-------> orders.revenue
//! ```
//!
//! [`topology()`] is the page that says so. The source topics are keyed and partitioned differently, so nothing here
//! relies on them: rows are gathered by primary key first, dimensions are joined by foreign key.
//!
//! Owns what rows, enriched orders, revenue and alerts are. Never knows how Debezium writes (that is [`cdc`](crate::cdc)).

mod alerts;
mod capture;
mod config;
mod guard;
mod latest;
mod model;
mod money;
mod revenue;
mod sources;
mod topology;

pub use alerts::{Alert, AlertRule};
pub use config::OrdersConfig;
pub use model::{Enriched, Line};
pub use revenue::{Group, Revenue};
pub use topology::topology;
