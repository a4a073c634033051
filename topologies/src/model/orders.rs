//! What the topology `orders` must have written once its input is at rest.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::tables::{Effect, Table};
use super::{Counts, ExpectedDeadLetter};
use crate::cdc::{
    AuditLog, ChangeEvent, Customer, DecodeError, Decoder, DecoderConfig, Event, Order, OrderItem, Product,
    Row, TableRow,
};
use crate::decimal::Decimal;
use crate::generate::WireRecord;
use crate::time::{floor_to_window, rfc3339_from_micros, rfc3339_from_millis};

/// The settings of the topology that change its result.
#[derive(Clone, Debug)]
pub struct OrdersModelConfig {
    /// How the input is decoded.
    pub decoder: DecoderConfig,
    /// An order above this amount, of a customer of the alert tier, is reported.
    pub alert_above: Decimal,
    /// Tier whose high orders are reported.
    pub alert_tier: String,
    /// Width of a revenue window, microseconds.
    pub window_us: i64,
}

/// Orders for which an alert must, or may, have been written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExpectedAlerts {
    /// Orders that qualify in the final state: exactly one alert each.
    pub required: BTreeSet<i64>,
    /// Orders that could have qualified at some moment: at most one alert each. Contains the required ones.
    pub permitted: BTreeSet<i64>,
}

/// The joined columns of an order.
#[derive(Clone, Debug, PartialEq)]
struct Joined {
    customer_id: Option<i64>,
    order_date: Option<i64>,
    status: Option<String>,
    total_amount: Option<Decimal>,
}

/// The rows of the five tables and the history that the contract leaves room for.
#[derive(Debug)]
pub struct OrdersModel {
    config: OrdersModelConfig,
    decoder: Decoder,
    orders: Table,
    items: Table,
    customers: Table,
    products: Table,
    audit_log: Table,
    /// Every applied version of an order: its joined columns and its change time.
    history: BTreeMap<i64, Vec<(Joined, Option<i64>)>>,
    /// Customers that were of the alert tier at some moment.
    ever_in_tier: BTreeSet<i64>,
    dead_letters: Vec<ExpectedDeadLetter>,
    counts: Counts,
}

impl OrdersModelConfig {
    /// The defaults of the topology: above 10,000, tier GOLD, windows of five minutes.
    pub fn new(decoder: DecoderConfig) -> OrdersModelConfig {
        OrdersModelConfig {
            decoder,
            alert_above: Decimal::from(10_000),
            alert_tier: "GOLD".to_owned(),
            window_us: 300_000_000,
        }
    }
}

impl OrdersModel {
    /// A model that has seen nothing.
    pub fn new(config: OrdersModelConfig) -> OrdersModel {
        OrdersModel {
            decoder: Decoder::new(config.decoder.clone()),
            config,
            orders: Table::default(),
            items: Table::default(),
            customers: Table::default(),
            products: Table::default(),
            audit_log: Table::default(),
            history: BTreeMap::new(),
            ever_in_tier: BTreeSet::new(),
            dead_letters: Vec::new(),
            counts: Counts::default(),
        }
    }

    /// Takes the next record of a partition. Records of one partition must come in the order of their offsets;
    /// partitions may be interleaved in any way.
    pub fn apply(&mut self, topic: &str, partition: i32, offset: i64, record: &WireRecord) {
        match self.effect(topic, offset, record) {
            Ok(Some(Effect::Applied)) => self.counts.applied += 1,
            Ok(Some(Effect::Duplicate)) => self.counts.duplicates += 1,
            Ok(Some(Effect::Stale)) => self.counts.stale += 1,
            Ok(Some(Effect::NothingNew)) => self.counts.tombstones += 1,
            Ok(None) => self.counts.skipped += 1,
            Err(error) => {
                self.counts.dead += 1;
                let error_type = Some(error.error_type());
                self.dead_letters.push(ExpectedDeadLetter {
                    topic: topic.to_owned(),
                    partition,
                    offset,
                    error_type,
                });
            }
        }
    }

    fn effect(
        &mut self,
        topic: &str,
        offset: i64,
        record: &WireRecord,
    ) -> Result<Option<Effect>, DecodeError> {
        match self.decoder.decode(topic, offset, record.key.as_deref(), record.value.as_deref())? {
            Event::Skipped(_) => Ok(None),
            Event::Tombstone { table, key } => {
                let id = id_of(&table, &key)?;
                Ok(Some(self.table_mut(&table)?.tombstone(id)))
            }
            Event::Change(change) => {
                let id = id_of(&change.table, &change.key)?;
                check(&change)?;
                let effect = self.table_mut(&change.table)?.apply(id, &change);
                if effect == Effect::Applied {
                    self.remember(id, &change.table)?;
                }
                Ok(Some(effect))
            }
        }
    }

    fn table_mut(&mut self, name: &str) -> Result<&mut Table, DecodeError> {
        match name {
            Order::TABLE => Ok(&mut self.orders),
            OrderItem::TABLE => Ok(&mut self.items),
            Customer::TABLE => Ok(&mut self.customers),
            Product::TABLE => Ok(&mut self.products),
            AuditLog::TABLE => Ok(&mut self.audit_log),
            other => Err(unknown_table(other)),
        }
    }

    fn remember(&mut self, id: i64, table: &str) -> Result<(), DecodeError> {
        if let (Order::TABLE, Some(current)) = (table, self.orders.get(id)) {
            let version = (joined(&Order::from_row(&current.row)?), current.source_ts);
            self.history.entry(id).or_default().push(version);
        }
        if let (Customer::TABLE, Some(current)) = (table, self.customers.get(id))
            && Customer::from_row(&current.row)?.tier.as_ref() == Some(&self.config.alert_tier)
        {
            self.ever_in_tier.insert(id);
        }
        Ok(())
    }

    /// The values of `orders.enriched` by order id; a deleted order is absent. `source_ts` is the latest
    /// change, see [`OrdersModel::permitted_source_ts`].
    pub fn expected_enriched(&self) -> BTreeMap<i64, Value> {
        let items = self.items_by_order();
        let orders = self.orders.live().filter_map(|(id, current)| {
            let order = Order::from_row(&current.row).ok()?;
            let customer = order.customer_id.and_then(|id| self.customer(id));
            let rows = items.get(&id).map(Vec::as_slice).unwrap_or_default();
            let rows: Vec<Value> = rows.iter().map(|item| self.item_json(item)).collect();
            let value = json!({
                "order_id": id,
                "customer_id": order.customer_id,
                "customer_name": customer.as_ref().and_then(|customer| customer.name.clone()),
                "customer_tier": customer.as_ref().and_then(|customer| customer.tier.clone()),
                "customer_region": customer.as_ref().and_then(|customer| customer.region.clone()),
                "order_date": order.order_date.and_then(|micros| rfc3339_from_micros(micros).ok()),
                "status": order.status,
                "total_amount": order.total_amount,
                "items": rows,
                "source_ts": source_ts_json(current.source_ts),
            });
            Some((id, value))
        });
        orders.collect()
    }

    /// The values `source_ts` of an order may have: a change of nothing but the change time writes nothing, and
    /// states may be coalesced, so any version with the final joined columns may have been the one written.
    pub fn permitted_source_ts(&self, order_id: i64) -> BTreeSet<Option<String>> {
        let final_joined =
            self.orders.get(order_id).and_then(|current| Some(joined(&Order::from_row(&current.row).ok()?)));
        let versions = self.history.get(&order_id).map(Vec::as_slice).unwrap_or_default();
        let same = versions.iter().filter(|(joined, _)| Some(joined) == final_joined.as_ref());
        same.map(|(_, ts)| ts.and_then(|millis| rfc3339_from_millis(millis).ok())).collect()
    }

    /// Compares the final values of `orders.enriched` with the model; every difference is one line.
    pub fn differences_enriched(&self, actual: &BTreeMap<i64, Value>) -> Vec<String> {
        let expected = self.expected_enriched();
        let mut lines = Vec::new();
        for id in expected.keys().chain(actual.keys()).collect::<BTreeSet<_>>() {
            match (expected.get(id), actual.get(id)) {
                (Some(expected), Some(actual)) if self.same_enriched(*id, expected, actual) => {}
                (Some(expected), Some(actual)) => {
                    lines.push(format!("order {id}: expected {expected}, found {actual}"));
                }
                (Some(expected), None) => {
                    lines.push(format!("order {id}: expected {expected}, found nothing"))
                }
                (None, actual) => lines.push(format!("order {id}: expected nothing, found {actual:?}")),
            }
        }
        lines
    }

    fn same_enriched(&self, id: i64, expected: &Value, actual: &Value) -> bool {
        let found = actual.get("source_ts").and_then(Value::as_str).map(str::to_owned);
        let mut expected = expected.clone();
        if self.permitted_source_ts(id).contains(&found) {
            expected["source_ts"] = json!(found);
        }
        expected == *actual
    }

    /// The values of `orders.revenue` by key text; an emptied group is absent.
    pub fn expected_revenue(&self) -> BTreeMap<String, Value> {
        let mut groups: BTreeMap<(i64, String, String), (BTreeSet<i64>, Decimal)> = BTreeMap::new();
        let items = self.items_by_order();
        for (id, current) in self.orders.live() {
            let Ok(order) = Order::from_row(&current.row) else { continue };
            let tier = order.customer_id.and_then(|id| self.customer(id)).and_then(|customer| customer.tier);
            let (Some(date), Some(tier)) = (order.order_date, tier) else { continue };
            let start = floor_to_window(date, self.config.window_us);
            for item in items.get(&id).map(Vec::as_slice).unwrap_or_default() {
                let product = item.product_id.and_then(|id| self.product(id));
                let Some(category) = product.and_then(|product| product.category) else { continue };
                let group = groups
                    .entry((start, tier.clone(), category))
                    .or_insert_with(|| (BTreeSet::new(), Decimal::new(0, 2)));
                group.0.insert(id);
                let subtotal = item.subtotal.unwrap_or(Decimal::ZERO);
                // NUMBER(15,2) leaves room for 10^20 rows in a sum.
                group.1 = group.1.checked_add(subtotal).unwrap_or(group.1);
            }
        }
        let window_us = self.config.window_us;
        groups
            .into_iter()
            .filter_map(|(key, (orders, total))| revenue(key, &orders, total, window_us))
            .collect()
    }

    /// The orders for which `orders.alerts` must or may hold an alert.
    pub fn expected_alerts(&self) -> ExpectedAlerts {
        let high = |amount: Option<Decimal>| amount.is_some_and(|amount| amount > self.config.alert_above);
        let required = self.orders.live().filter_map(|(id, current)| {
            let order = Order::from_row(&current.row).ok()?;
            let tier = self.customer(order.customer_id?)?.tier?;
            (high(order.total_amount) && tier == self.config.alert_tier).then_some(id)
        });
        let could = |(joined, _): &(Joined, Option<i64>)| {
            high(joined.total_amount) && joined.customer_id.is_some_and(|id| self.ever_in_tier.contains(&id))
        };
        let permitted = self.history.iter().filter(|(_, versions)| versions.iter().any(could));
        ExpectedAlerts { required: required.collect(), permitted: permitted.map(|(id, _)| *id).collect() }
    }

    /// The records that must be in the dead letter topic, in the order they came.
    pub fn expected_dead_letters(&self) -> &[ExpectedDeadLetter] {
        &self.dead_letters
    }

    /// How many records had which effect.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    fn items_by_order(&self) -> BTreeMap<i64, Vec<OrderItem>> {
        let mut by_order: BTreeMap<i64, Vec<OrderItem>> = BTreeMap::new();
        for (_, current) in self.items.live() {
            if let Ok(item) = OrderItem::from_row(&current.row)
                && let Some(order) = item.order_id
            {
                by_order.entry(order).or_default().push(item);
            }
        }
        by_order
    }

    fn customer(&self, id: i64) -> Option<Customer> {
        Customer::from_row(&self.customers.get(id)?.row).ok()
    }

    fn product(&self, id: i64) -> Option<Product> {
        Product::from_row(&self.products.get(id)?.row).ok()
    }

    fn item_json(&self, item: &OrderItem) -> Value {
        let product = item.product_id.and_then(|id| self.product(id));
        json!({
            "item_id": item.item_id,
            "product_id": item.product_id,
            "product_name": product.as_ref().and_then(|product| product.name.clone()),
            "category": product.as_ref().and_then(|product| product.category.clone()),
            "quantity": item.quantity,
            "unit_price": item.unit_price,
            "subtotal": item.subtotal,
        })
    }
}

fn unknown_table(name: &str) -> DecodeError {
    DecodeError::SchemaMismatch(format!("table {name} is none of the five"))
}

fn id_of(table: &str, key: &Row) -> Result<i64, DecodeError> {
    let id = match table {
        Order::TABLE => Order::key_of(key),
        OrderItem::TABLE => OrderItem::key_of(key),
        Customer::TABLE => Customer::key_of(key),
        Product::TABLE => Product::key_of(key),
        AuditLog::TABLE => AuditLog::key_of(key),
        other => Err(unknown_table(other)),
    };
    id.map_err(|error| DecodeError::UndecodableKey(error.to_string()))
}

/// A row that cannot be read as its table's type is a dead letter before its version is looked at.
fn check(change: &ChangeEvent) -> Result<(), DecodeError> {
    let Some(row) = &change.after else { return Ok(()) };
    match change.table.as_str() {
        Order::TABLE => Order::from_row(row).map(drop),
        OrderItem::TABLE => OrderItem::from_row(row).map(drop),
        Customer::TABLE => Customer::from_row(row).map(drop),
        Product::TABLE => Product::from_row(row).map(drop),
        _ => AuditLog::from_row(row).map(drop),
    }
}

fn joined(order: &Order) -> Joined {
    Joined {
        customer_id: order.customer_id,
        order_date: order.order_date,
        status: order.status.clone(),
        total_amount: order.total_amount,
    }
}

fn source_ts_json(millis: Option<i64>) -> Value {
    json!(millis.and_then(|millis| rfc3339_from_millis(millis).ok()))
}

fn revenue(
    (start, tier, category): (i64, String, String),
    orders: &BTreeSet<i64>,
    total: Decimal,
    window_us: i64,
) -> Option<(String, Value)> {
    let start_text = rfc3339_from_micros(start).ok()?;
    let end_text = rfc3339_from_micros(start + window_us).ok()?;
    let key = format!(
        r#"{{"window_start":{},"tier":{},"category":{}}}"#,
        json!(start_text),
        json!(tier),
        json!(category)
    );
    let count = i64::try_from(orders.len()).ok()?;
    let value = json!({
        "window_start": start_text,
        "window_end": end_text,
        "tier": tier,
        "category": category,
        "order_count": count,
        "total_revenue": total,
        "avg_order_value": total.divide_by_count(count, 2),
    });
    Some((key, value))
}
