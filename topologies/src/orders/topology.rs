//! The page of `orders`.

use topo::state::{bincode, i64_be, json, utf8};
use topo::{Builder, Codecs, KeyValue, Topic, Topology, TopologyErrors};

use super::alerts::{Alert, Alerts};
use super::config::OrdersConfig;
use super::latest::Latest;
use super::model::{Customer, Enriched, Head, Item, Lines, Order, OrderedLine, Product};
use super::revenue::{self, Group, Revenue, Totals};
use super::sources::Sources;

/// Orders, each with its customer and its items, each item with its product; revenue of them; alerts on them.
///
/// # Errors
/// What is wrong with the topology, which only names from the configuration can cause.
pub fn topology(config: &OrdersConfig) -> Result<Topology, TopologyErrors> {
    let app = Builder::new("orders");
    let sources = Sources::new(&app, config);
    // The first source is the main input: it decides how many partitions the outputs get.
    let orders = sources.table::<Order>("orders");
    let items = sources.table::<Item>("items");
    let customers = sources.table::<Customer>("customers");
    let products = sources.table::<Product>("products");
    sources.audit();

    // Every item with its product, gathered under its order.
    let lines = items
        .left_fk_join(
            "item-product",
            &products,
            |_, item| item.product_id,
            |id, item, product| OrderedLine::of(*id, item, product),
        )
        .stored(KeyValue::new("item-lines", i64_be(), bincode()))
        .group_by(
            "lines-by-order",
            |_, item| (item.order_id, item.line.clone()),
            Codecs::new(i64_be(), bincode()),
        )
        .aggregate(
            "order-lines",
            KeyValue::new("order-lines-store", i64_be(), bincode()),
            Lines::default,
            |_, line, lines: Lines| lines.with(line),
            |_, line, lines: Lines| lines.without(line.item_id),
        );

    // Every order with its customer and its lines.
    let enriched = orders
        .left_fk_join(
            "order-customer",
            &customers,
            |_, order| order.customer_id,
            |id, order, customer| Head {
                order_id: *id,
                order: Order { shipping_info: None, ..order.clone() },
                customer: customer.cloned(),
            },
        )
        .stored(KeyValue::new("order-heads", i64_be(), bincode()))
        .left_join("enriched", &lines, Enriched::of);

    // What is new about an order, said once.
    let written = app.store(KeyValue::new("written", i64_be(), bincode()));
    let changes =
        enriched.to_stream("enriched-states").process_values("changes", written, move || Latest { written });

    changes
        .map("enriched-record", |id, change| (id.to_string(), change.new))
        .to("enriched-out", &Topic::<String, Option<Enriched>>::new(&*config.enriched_topic, utf8(), json()));

    // The revenue of a group is the sum of what its orders contribute.
    let window_us = config.window_us;
    changes
        .flat_map("contributions", move |_, change| revenue::differences(&change, window_us))
        .group_by_key("by-group", Codecs::new(json::<Group>(), bincode()))
        .aggregate(
            "revenue",
            KeyValue::new("revenue-store", json::<Group>(), bincode()),
            || Totals::NONE,
            |_, difference, totals: Totals| totals.with(difference),
        )
        .to_stream("revenue-updates")
        .map("revenue-record", |group, totals| {
            let revenue = totals.map(|totals| totals.to_revenue(&group));
            (group, revenue)
        })
        .to("revenue-out", &Topic::<Group, Option<Revenue>>::new(&*config.revenue_topic, json(), json()));

    // One alert per order.
    let alerted = app.store(KeyValue::new("alerted", i64_be(), bincode()));
    let rule = config.alert.clone();
    changes
        .process("alerts", alerted, move || Alerts { rule: rule.clone(), alerted })
        .map("alert-record", |id, alert| (id.to_string(), alert))
        .to("alerts-out", &Topic::<String, Alert>::new(&*config.alerts_topic, utf8(), json()));

    app.build()
}
