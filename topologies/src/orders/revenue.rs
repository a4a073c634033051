//! Revenue per window of the order date, tier and category: exact whatever is updated or deleted.
//!
//! An order contributes to every category it has items of: one order, and the sum of the subtotals of these items.
//! (The blueprint sums TOTAL_AMOUNT over the joined rows, which counts an order once per item.) When an order changes,
//! the difference between its old and its new contributions goes to the groups, each of which adds up differences.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use topo::Change;

use super::model::Enriched;
use super::money;
use crate::decimal::Decimal;
use crate::time::{floor_to_window, rfc3339_from_micros};

/// Which group: the fields in the order of the key on the wire.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Group {
    /// Start of the window, RFC 3339.
    pub window_start: String,
    /// The customer's tier.
    pub tier: String,
    /// The product's category.
    pub category: String,
}

/// What a group gains or loses.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// Orders.
    pub orders: i64,
    /// Revenue.
    pub revenue: Decimal,
    /// End of the window, microseconds since the epoch.
    pub window_end: i64,
}

/// A group's totals.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Totals {
    orders: i64,
    revenue: Decimal,
    window_end: i64,
}

/// The value of `orders.revenue`, in the order of its fields on the wire.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Revenue {
    /// Start of the window, RFC 3339.
    pub window_start: String,
    /// End of the window, RFC 3339; it belongs to the next window.
    pub window_end: String,
    /// The customer's tier.
    pub tier: String,
    /// The product's category.
    pub category: String,
    /// Orders with items of this category.
    pub order_count: i64,
    /// Sum of the subtotals of these items.
    pub total_revenue: Decimal,
    /// The one divided by the other, rounded half up to 2 decimals.
    pub avg_order_value: Decimal,
}

topo::data!(Group, Difference, Totals, Revenue);

/// What the groups gain and lose by a change of an order. Groups that stay the same are left out.
pub fn differences(change: &Change<Enriched>, window_us: i64) -> Vec<(Group, Difference)> {
    let mut groups = BTreeMap::new();
    let mut collect = |order: &Option<Enriched>, sign: i64| {
        for (group, end, revenue) in order.iter().flat_map(|order| contributions(order, window_us)) {
            let none = Difference { orders: 0, revenue: Decimal::ZERO, window_end: end };
            let difference = groups.entry(group).or_insert(none);
            difference.orders += sign;
            difference.revenue = if sign > 0 {
                money::sum(difference.revenue, revenue)
            } else {
                money::difference(difference.revenue, revenue)
            };
        }
    };
    collect(&change.old, -1);
    collect(&change.new, 1);
    groups.into_iter().filter(|(_, it)| it.orders != 0 || !it.revenue.is_zero()).collect()
}

/// The groups an order counts in, with the end of the window and its revenue there.
fn contributions(order: &Enriched, window_us: i64) -> Vec<(Group, i64, Decimal)> {
    let (Some(date), Some(tier)) = (order.order_date, &order.customer_tier) else { return Vec::new() };
    let start = floor_to_window(date, window_us);
    let Ok(window_start) = rfc3339_from_micros(start) else { return Vec::new() };
    let mut by_category: BTreeMap<&str, Decimal> = BTreeMap::new();
    for line in &order.items {
        if let Some(category) = &line.category {
            let revenue = by_category.entry(category).or_insert(Decimal::ZERO);
            *revenue = money::sum(*revenue, line.subtotal.unwrap_or(Decimal::ZERO));
        }
    }
    let group = |(category, revenue): (&str, Decimal)| {
        let group =
            Group { window_start: window_start.clone(), tier: tier.clone(), category: category.to_owned() };
        (group, start.saturating_add(window_us), revenue)
    };
    by_category.into_iter().map(group).collect()
}

impl Totals {
    /// Totals with a difference taken in; `None` when no order is left.
    pub fn with(totals: Option<Self>, difference: Difference) -> Option<Self> {
        let Difference { orders, revenue, window_end } = difference;
        let totals = match totals {
            Some(old) => {
                Self { orders: old.orders + orders, revenue: money::sum(old.revenue, revenue), window_end }
            }
            None => Self { orders, revenue, window_end },
        };
        (totals.orders != 0).then_some(totals)
    }

    /// The record that says so.
    pub fn to_revenue(self, group: &Group) -> Revenue {
        let total = money::with_cents(self.revenue);
        Revenue {
            window_start: group.window_start.clone(),
            window_end: rfc3339_from_micros(self.window_end).unwrap_or_default(),
            tier: group.tier.clone(),
            category: group.category.clone(),
            order_count: self.orders,
            total_revenue: total,
            avg_order_value: total.divide_by_count(self.orders, 2).unwrap_or(Decimal::ZERO),
        }
    }
}
