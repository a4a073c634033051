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
pub(crate) struct Difference {
    /// Orders.
    pub orders: i64,
    /// Revenue.
    pub revenue: Decimal,
    /// End of the window, microseconds since the epoch.
    pub window_end: i64,
}

/// A group's totals.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Totals {
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
pub(crate) fn differences(change: &Change<Enriched>, window_us: i64) -> Vec<(Group, Difference)> {
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
    /// The totals of a group without orders.
    pub(crate) const NONE: Self = Self { orders: 0, revenue: Decimal::ZERO, window_end: 0 };

    /// Totals with a difference taken in; `None` when no order is left.
    pub(crate) fn with(self, difference: Difference) -> Option<Self> {
        let Difference { orders, revenue, window_end } = difference;
        let totals =
            Self { orders: self.orders + orders, revenue: money::sum(self.revenue, revenue), window_end };
        (totals.orders != 0).then_some(totals)
    }

    /// The record that says so.
    pub(crate) fn to_revenue(self, group: &Group) -> Revenue {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::orders::model::Line;

    const WINDOW: i64 = 300_000_000;

    fn order(tier: Option<&str>, date: Option<i64>, items: &[(i64, Option<&str>, Option<i128>)]) -> Enriched {
        let line = |(item_id, category, cents): &(i64, Option<&str>, Option<i128>)| Line {
            item_id: *item_id,
            product_id: Some(1),
            product_name: None,
            category: category.map(str::to_owned),
            quantity: None,
            unit_price: None,
            subtotal: cents.map(|cents| Decimal::new(cents, 2)),
        };
        Enriched {
            order_id: 1,
            customer_id: Some(1),
            customer_name: None,
            customer_tier: tier.map(str::to_owned),
            customer_region: None,
            order_date: date,
            status: None,
            total_amount: None,
            items: items.iter().map(line).collect(),
            source_ts: 0,
        }
    }

    fn gained(order: Enriched) -> Vec<(String, String, i64, String)> {
        let change = Change { old: None, new: Some(order) };
        let flat = |(group, it): (Group, Difference)| {
            (group.window_start, group.category, it.orders, it.revenue.to_string())
        };
        differences(&change, WINDOW).into_iter().map(flat).collect()
    }

    #[test]
    fn an_order_counts_once_per_category_with_the_sum_of_its_items_there() {
        let items =
            [(1, Some("TOYS"), Some(100)), (2, Some("BOOKS"), Some(250)), (3, Some("TOYS"), Some(11))];
        let start = "2024-01-20T08:15:00Z".to_owned();
        let expected = vec![
            (start.clone(), "BOOKS".to_owned(), 1, "2.50".to_owned()),
            (start, "TOYS".to_owned(), 1, "1.11".to_owned()),
        ];
        assert_eq!(expected, gained(order(Some("GOLD"), Some(1_705_738_650_123_456), &items)));
    }

    #[test]
    fn what_is_unknown_is_left_out_and_a_null_subtotal_is_nothing() {
        let toys = [(1, Some("TOYS"), None)];
        assert!(gained(order(None, Some(0), &toys)).is_empty(), "no tier");
        assert!(gained(order(Some("GOLD"), None, &toys)).is_empty(), "no date");
        assert!(gained(order(Some("GOLD"), Some(0), &[(1, None, Some(5))])).is_empty(), "no category");
        let (_, _, orders, revenue) = &gained(order(Some("GOLD"), Some(0), &toys))[0];
        assert_eq!((1, "0"), (*orders, revenue.as_str()));
    }

    #[test]
    fn windows_are_cut_on_microseconds_also_before_1970() {
        let start = |date| gained(order(Some("GOLD"), Some(date), &[(1, Some("TOYS"), None)]))[0].0.clone();
        assert_eq!("1969-12-31T23:55:00Z", start(-1));
        assert_eq!("1970-01-01T00:00:00Z", start(WINDOW - 1));
        assert_eq!("1970-01-01T00:05:00Z", start(WINDOW));
    }

    #[test]
    fn a_change_moves_an_order_from_its_old_groups_to_its_new_ones() {
        let old = order(Some("GOLD"), Some(0), &[(1, Some("TOYS"), Some(100)), (2, Some("BOOKS"), Some(5))]);
        let new = order(Some("GOLD"), Some(0), &[(1, Some("TOYS"), Some(130)), (2, Some("GAMES"), Some(5))]);
        let moved = differences(&Change { old: Some(old.clone()), new: Some(new) }, WINDOW);
        let moved: Vec<_> = moved.iter().map(|(g, d)| (g.category.as_str(), d.orders, d.revenue)).collect();
        let cents = |cents| Decimal::new(cents, 2);
        assert_eq!(vec![("BOOKS", -1, cents(-5)), ("GAMES", 1, cents(5)), ("TOYS", 0, cents(30))], moved);
        assert!(differences(&Change { old: Some(old.clone()), new: Some(old) }, WINDOW).is_empty());
    }

    #[test]
    fn a_group_without_orders_is_no_group_and_averages_are_rounded_half_up() {
        let difference =
            |orders, cents| Difference { orders, revenue: Decimal::new(cents, 2), window_end: WINDOW };
        let totals = Totals::NONE.with(difference(8, 1004)).unwrap();
        let group = Group {
            window_start: "1970-01-01T00:00:00Z".into(),
            tier: "GOLD".into(),
            category: "TOYS".into(),
        };
        let revenue = totals.to_revenue(&group);
        assert_eq!(
            ("10.04", "1.26"),
            (&*revenue.total_revenue.to_string(), &*revenue.avg_order_value.to_string())
        );
        assert_eq!("1970-01-01T00:05:00Z", revenue.window_end);
        let key = serde_json::to_string(&group).unwrap();
        assert_eq!(r#"{"window_start":"1970-01-01T00:00:00Z","tier":"GOLD","category":"TOYS"}"#, key);
        assert_eq!(None, totals.with(difference(-8, -1004)));
    }
}
