//! The rows that are joined, and what they become.

use serde::{Deserialize, Serialize};

use crate::decimal::Decimal;
use crate::time::{micros_from_text, rfc3339_from_micros};

/// A row of ORDERS, as far as it is joined, and the CLOB that unchanged updates do not repeat.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// Who ordered.
    pub customer_id: Option<i64>,
    /// When, microseconds since the epoch.
    pub order_date: Option<i64>,
    /// Free text of the source.
    pub status: Option<String>,
    /// The order's total.
    pub total_amount: Option<Decimal>,
    /// XML of the source; kept so that the placeholder of an unchanged CLOB can be resolved.
    pub shipping_info: Option<String>,
    /// Change time of the row in the database, microseconds since the epoch.
    pub source_ts: i64,
}

/// A row of ORDER_ITEMS.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Item {
    /// The order it belongs to.
    pub order_id: Option<i64>,
    /// The product it is.
    pub product_id: Option<i64>,
    /// How many.
    pub quantity: Option<i64>,
    /// Price of one.
    pub unit_price: Option<Decimal>,
    /// Price of all.
    pub subtotal: Option<Decimal>,
}

/// The joined columns of CUSTOMERS.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Customer {
    /// Full name.
    pub name: Option<String>,
    /// GOLD, SILVER, BRONZE.
    pub tier: Option<String>,
    /// Where they live.
    pub region: Option<String>,
}

/// The joined columns of PRODUCTS.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Product {
    /// What it is called.
    pub name: Option<String>,
    /// What it is counted under.
    pub category: Option<String>,
}

/// An item with its product: one line of an enriched order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Primary key of the item.
    pub item_id: i64,
    /// The product.
    pub product_id: Option<i64>,
    /// Null while the product is unknown.
    pub product_name: Option<String>,
    /// Null while the product is unknown.
    pub category: Option<String>,
    /// How many.
    pub quantity: Option<i64>,
    /// Price of one.
    pub unit_price: Option<Decimal>,
    /// Price of all.
    pub subtotal: Option<Decimal>,
}

/// An item of some order, with its product.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct OrderedLine {
    /// The order it belongs to.
    pub order_id: Option<i64>,
    /// The line.
    pub line: Line,
}

/// The lines of one order, by item id.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Lines(pub Vec<Line>);

/// An order with its customer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Head {
    /// Primary key of the order.
    pub order_id: i64,
    /// The order.
    pub order: Order,
    /// Its customer, once known.
    pub customer: Option<Customer>,
}

/// The value of `orders.enriched`, in the order of its fields on the wire.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Enriched {
    /// Primary key of the order.
    pub order_id: i64,
    /// The customer, known or not.
    pub customer_id: Option<i64>,
    /// Null while the customer is unknown.
    pub customer_name: Option<String>,
    /// Null while the customer is unknown.
    pub customer_tier: Option<String>,
    /// Null while the customer is unknown.
    pub customer_region: Option<String>,
    /// When it was ordered.
    #[serde(with = "optional_instant")]
    pub order_date: Option<i64>,
    /// Free text of the source.
    pub status: Option<String>,
    /// The order's total.
    pub total_amount: Option<Decimal>,
    /// Its items, by item id.
    pub items: Vec<Line>,
    /// Change time of the ORDERS row.
    #[serde(with = "instant")]
    pub source_ts: i64,
}

topo::data!(Order, Item, Customer, Product, Line, OrderedLine, Lines, Head, Enriched);

impl OrderedLine {
    /// Joins an item with its product, which may be unknown.
    pub(crate) fn of(item_id: i64, item: &Item, product: Option<&Product>) -> Self {
        let line = Line {
            item_id,
            product_id: item.product_id,
            product_name: product.and_then(|product| product.name.clone()),
            category: product.and_then(|product| product.category.clone()),
            quantity: item.quantity,
            unit_price: item.unit_price,
            subtotal: item.subtotal,
        };
        Self { order_id: item.order_id, line }
    }
}

impl Lines {
    /// Adds a line, or replaces the one of the same item.
    #[must_use]
    pub fn with(mut self, line: Line) -> Self {
        match self.0.binary_search_by_key(&line.item_id, |known| known.item_id) {
            Ok(at) => self.0[at] = line,
            Err(at) => self.0.insert(at, line),
        }
        self
    }

    /// Removes the line of an item. Without lines there is nothing.
    #[must_use]
    pub fn without(mut self, item_id: i64) -> Option<Self> {
        self.0.retain(|line| line.item_id != item_id);
        (!self.0.is_empty()).then_some(self)
    }
}

impl Enriched {
    /// Puts an order together.
    pub fn of(head: &Head, lines: Option<&Lines>) -> Self {
        let customer = head.customer.as_ref();
        Self {
            order_id: head.order_id,
            customer_id: head.order.customer_id,
            customer_name: customer.and_then(|customer| customer.name.clone()),
            customer_tier: customer.and_then(|customer| customer.tier.clone()),
            customer_region: customer.and_then(|customer| customer.region.clone()),
            order_date: head.order.order_date,
            status: head.order.status.clone(),
            total_amount: head.order.total_amount,
            items: lines.map(|lines| lines.0.clone()).unwrap_or_default(),
            source_ts: head.order.source_ts,
        }
    }

    /// Whether both say the same, whenever it was said.
    pub fn says_the_same_as(&self, other: &Self) -> bool {
        let Self {
            order_id,
            customer_id,
            customer_name,
            customer_tier,
            customer_region,
            order_date,
            status,
            total_amount,
            items,
            source_ts: _,
        } = self;
        (order_id, customer_id, customer_name, customer_tier, customer_region)
            == (
                &other.order_id,
                &other.customer_id,
                &other.customer_name,
                &other.customer_tier,
                &other.customer_region,
            )
            && (order_date, status, total_amount, items)
                == (&other.order_date, &other.status, &other.total_amount, &other.items)
    }
}

/// Microseconds as RFC 3339 text in UTC.
mod instant {
    use serde::{Deserialize, Deserializer, Serializer, de, ser};

    pub(super) fn serialize<S: Serializer>(micros: &i64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::rfc3339_from_micros(*micros).map_err(ser::Error::custom)?)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
        super::micros_from_text(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

/// As [`instant`], or null.
mod optional_instant {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

    pub(super) fn serialize<S: Serializer>(micros: &Option<i64>, serializer: S) -> Result<S::Ok, S::Error> {
        let text = micros.map(super::rfc3339_from_micros).transpose().map_err(ser::Error::custom)?;
        text.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| super::micros_from_text(&text)).transpose().map_err(de::Error::custom)
    }
}
