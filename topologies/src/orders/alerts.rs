//! `HIGH_VALUE_ORDER`: once per order id, when the total exceeds the threshold and the customer has the tier.

use serde::{Deserialize, Serialize};
use topo::state::KeyValueStore;
use topo::{Change, Context, Fault, Processor, Record, StoreHandle};

use super::model::Enriched;
use super::money;
use crate::decimal::Decimal;
use crate::time::rfc3339_from_micros;

/// When an order is worth an alert.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertRule {
    /// The total must be greater.
    pub threshold: Decimal,
    /// The tier the customer must have.
    pub tier: String,
}

/// The value of `orders.alerts`, in the order of its fields on the wire.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// Always `HIGH_VALUE_ORDER`.
    pub notification_type: String,
    /// Always `HIGH`.
    pub priority: String,
    /// The order.
    pub order_id: i64,
    /// Its customer.
    pub customer_id: Option<i64>,
    /// The order's total.
    pub amount: Decimal,
    /// What it exceeded.
    pub threshold: Decimal,
    /// The customer's tier.
    pub tier: String,
    /// Change time of the ORDERS row, RFC 3339.
    pub timestamp: String,
}

topo::data!(Alert);

impl AlertRule {
    /// The alert an order is worth, if it is.
    pub fn alert(&self, order: &Enriched) -> Option<Alert> {
        let amount = order.total_amount.filter(|amount| *amount > self.threshold)?;
        let tier = order.customer_tier.as_ref().filter(|tier| **tier == self.tier)?;
        Some(Alert {
            notification_type: "HIGH_VALUE_ORDER".to_owned(),
            priority: "HIGH".to_owned(),
            order_id: order.order_id,
            customer_id: order.customer_id,
            amount,
            threshold: money::with_cents(self.threshold),
            tier: tier.clone(),
            timestamp: rfc3339_from_micros(order.source_ts).ok()?,
        })
    }
}

/// Changes of orders to alerts. Remembers every order it has alerted, for ever.
pub(crate) struct Alerts {
    /// When to alert.
    pub rule: AlertRule,
    /// Orders that have been alerted.
    pub alerted: StoreHandle<KeyValueStore<i64, ()>>,
}

impl Processor for Alerts {
    type KeyIn = i64;
    type ValueIn = Change<Enriched>;
    type KeyOut = i64;
    type ValueOut = Alert;

    fn process(
        &mut self,
        record: Record<i64, Change<Enriched>>,
        ctx: &mut Context<'_, '_, i64, Alert>,
    ) -> Result<(), Fault> {
        let Some(alert) = record.value.new.as_ref().and_then(|order| self.rule.alert(order)) else {
            return Ok(());
        };
        let alerted = ctx.store(self.alerted)?;
        if alerted.get(&record.key)?.is_some() {
            return Ok(());
        }
        alerted.put(&record.key, (), record.timestamp)?;
        ctx.forward(record.with_value(alert))
    }
}
