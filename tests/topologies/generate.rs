//! Generated records are what the real producers write, and tell a consistent story.

use std::collections::{BTreeMap, BTreeSet};

use topologies::cdc::{
    Catalogue, Cell, Decoder, DecoderConfig, Event, Operation, Order, OrderItem, TableRow,
};
use topologies::generate::{
    OrdersConfig, OrdersGenerator, PaymentsConfig, PaymentsGenerator, WireRecord, orders_topics,
};

fn decoder() -> Decoder {
    Decoder::new(DecoderConfig::new(Catalogue::sales().unwrap()))
}

fn decode(decoder: &Decoder, record: &WireRecord) -> Event {
    decoder
        .decode(&record.topic, 0, record.key.as_deref(), record.value.as_deref())
        .unwrap_or_else(|error| panic!("{error}: {record:?}"))
}

fn orders(config: OrdersConfig) -> Vec<WireRecord> {
    OrdersGenerator::new(config).collect()
}

#[test]
fn the_count_of_events_is_exact_and_the_same_seed_gives_the_same_records() {
    for events in [1, 7, 100, 5_000] {
        let config = OrdersConfig { events, seed: 9, ..OrdersConfig::default() };
        let records = orders(config.clone());
        let changes = records.iter().filter(|record| record.value.is_some()).count();
        assert_eq!(u64::try_from(changes).unwrap(), events);
        assert_eq!(records, orders(config));
    }
    let other = |seed| orders(OrdersConfig { events: 100, seed, ..OrdersConfig::default() });
    assert_ne!(other(1), other(2));
}

#[test]
fn a_sample_and_a_generated_record_have_the_same_schema_texts() {
    let decoder = decoder();
    let record = OrdersGenerator::new(OrdersConfig { events: 2_000, ..OrdersConfig::default() })
        .find(|record| record.topic.ends_with(".ORDERS") && record.value.is_some())
        .unwrap();
    decode(&decoder, &record);
    let text = String::from_utf8(record.value.unwrap()).unwrap();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    let sample = include_str!("data/debezium/03_orders_create.json");
    let sample: serde_json::Value = serde_json::from_str(sample).unwrap();
    let sample = &sample["records"][0]["value"];
    assert_eq!(value["schema"], sample["schema"]);
    let fields = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    for part in ["payload", "schema"] {
        assert_eq!(fields(&value[part]), fields(&sample[part]));
    }
    assert_eq!(fields(&value["payload"]["source"]), fields(&sample["payload"]["source"]));
    assert_eq!(fields(&value["payload"]["after"]), fields(&sample["payload"]["after"]));
}

#[test]
fn keys_fall_into_the_partitions_of_the_samples() {
    let key = |table: &str, column: &str, id: i64| {
        format!(
            r#"{{"schema":{{"type":"struct","fields":[{{"type":"int64","optional":false,"field":"{column}"}}],"optional":false,"name":"oracle-cdc.SALES.{table}.Key"}},"payload":{{"{column}":{id}}}}}"#
        )
    };
    for (table, column, id, partition) in [
        ("ORDERS", "ORDER_ID", 1001, 4),
        ("CUSTOMERS", "CUSTOMER_ID", 500, 2),
        ("ORDER_ITEMS", "ITEM_ID", 9001, 0),
    ] {
        assert_eq!(topo::partition_of(key(table, column, id).as_bytes(), 6), partition);
    }
    let records = orders(OrdersConfig { events: 3_000, ..OrdersConfig::default() });
    let order = records.iter().find(|record| record.topic == "oracle-cdc.SALES.ORDERS").unwrap();
    assert_eq!(order.key.as_deref(), Some(key("ORDERS", "ORDER_ID", 1001).as_bytes()));
}

#[test]
fn tables_and_operations_have_the_rates_of_the_blueprint() {
    let decoder = decoder();
    let config = OrdersConfig {
        events: 40_000,
        replays_per_mille: 0,
        incremental_per_mille: 0,
        ..OrdersConfig::default()
    };
    let mut counts: BTreeMap<(String, &str), u32> = BTreeMap::new();
    for record in OrdersGenerator::new(config) {
        if let Event::Change(change) = decode(&decoder, &record) {
            *counts.entry((change.table, change.op.letter())).or_default() += 1;
        }
    }
    let total: u32 = counts.iter().filter(|((_, op), _)| *op != "r").map(|(_, count)| count).sum();
    let expected = [
        ("ORDERS", 40, [("c", 70), ("u", 25), ("d", 5)]),
        ("ORDER_ITEMS", 40, [("c", 80), ("u", 15), ("d", 5)]),
        ("CUSTOMERS", 10, [("c", 20), ("u", 75), ("d", 5)]),
        ("PRODUCTS", 8, [("c", 10), ("u", 85), ("d", 5)]),
        ("AUDIT_LOG", 2, [("c", 100), ("u", 0), ("d", 0)]),
    ];
    for (table, share, operations) in expected {
        let of = |op: &str| {
            f64::from(counts.iter().filter(|((t, o), _)| t == table && *o == op).map(|(_, n)| n).sum::<u32>())
        };
        let events = of("c") + of("u") + of("d");
        let found = 100.0 * events / f64::from(total);
        assert!((found - f64::from(share)).abs() < 2.0, "{table}: {found} % of the events, {counts:?}");
        for (op, share) in operations {
            let found = 100.0 * of(op) / events;
            assert!((found - f64::from(share)).abs() < 4.0, "{table} {op}: {found} %, {counts:?}");
        }
    }
}

#[test]
fn rows_refer_to_rows_that_exist_when_nothing_is_delayed() {
    let decoder = decoder();
    let config =
        OrdersConfig { events: 20_000, replays_per_mille: 0, delays_per_mille: 0, ..OrdersConfig::default() };
    let mut live: BTreeMap<String, BTreeSet<i64>> = BTreeMap::new();
    for record in OrdersGenerator::new(config) {
        let Event::Change(change) = decode(&decoder, &record) else { continue };
        let has =
            |table: &str, id: Option<i64>| live.get(table).is_some_and(|ids| ids.contains(&id.unwrap()));
        if let Some(after) = &change.after {
            if change.table == Order::TABLE {
                assert!(has("CUSTOMERS", Order::from_row(after).unwrap().customer_id), "{record:?}");
            }
            if change.table == OrderItem::TABLE {
                let item = OrderItem::from_row(after).unwrap();
                assert!(has("ORDERS", item.order_id) && has("PRODUCTS", item.product_id), "{record:?}");
            }
        }
        let (_, Cell::Value(id)) = change.key.iter().next().unwrap() else { panic!("{record:?}") };
        let id = id.to_json().as_i64().unwrap();
        let ids = live.entry(change.table.clone()).or_default();
        match change.op {
            Operation::Create => assert!(ids.insert(id), "{record:?}"),
            Operation::Read => drop(ids.insert(id)),
            Operation::Update => assert!(ids.contains(&id), "{record:?}"),
            Operation::Delete => assert!(ids.remove(&id), "{record:?}"),
        }
    }
}

#[test]
fn the_hard_cases_of_a_real_connector_occur() {
    let decoder = decoder();
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let mut versions: BTreeMap<Vec<u8>, topologies::cdc::Version> = BTreeMap::new();
    let mut customers = BTreeSet::new();
    for record in OrdersGenerator::new(OrdersConfig { events: 30_000, ..OrdersConfig::default() }) {
        match decode(&decoder, &record) {
            Event::Tombstone { .. } => drop(seen.insert("tombstone")),
            Event::Skipped(kind) => panic!("{kind:?}"),
            Event::Change(change) => {
                if !change.unavailable_after().is_empty() {
                    seen.insert("unchanged clob");
                }
                if change.snapshot != "false" {
                    seen.insert(if change.snapshot == "incremental" { "incremental" } else { "snapshot" });
                }
                let key = record.key.clone().unwrap();
                if let Some(stored) = versions.get(&key) {
                    match change.version.against(stored) {
                        topologies::cdc::Freshness::Duplicate => drop(seen.insert("duplicate")),
                        topologies::cdc::Freshness::Stale => drop(seen.insert("stale")),
                        topologies::cdc::Freshness::Newer => drop(versions.insert(key, change.version)),
                    }
                } else {
                    versions.insert(key, change.version);
                }
                if let ("CUSTOMERS", Some(after)) = (change.table.as_str(), &change.after) {
                    customers.insert(after.int("CUSTOMER_ID").unwrap());
                }
                if let ("ORDERS", Some(after)) = (change.table.as_str(), &change.after)
                    && !customers.contains(&after.int("CUSTOMER_ID").unwrap())
                {
                    seen.insert("order before its customer");
                }
            }
        }
    }
    let expected = [
        "tombstone",
        "unchanged clob",
        "incremental",
        "snapshot",
        "duplicate",
        "stale",
        "order before its customer",
    ];
    assert_eq!(seen, BTreeSet::from(expected));
}

#[test]
fn topics_are_named_by_prefix_schema_and_table() {
    assert_eq!(orders_topics("p", "S")[1], "p.S.ORDER_ITEMS");
}

#[test]
fn payments_repeat_and_come_late_and_keep_to_their_partition() {
    let config = PaymentsConfig { events: 20_000, partitions: Some(6), ..PaymentsConfig::default() };
    let records: Vec<WireRecord> = PaymentsGenerator::new(config.clone()).collect();
    assert_eq!(records, PaymentsGenerator::new(config).collect::<Vec<_>>());
    assert_eq!(records.len(), 20_000);
    let (mut ids, mut backwards, mut currencies) = (BTreeSet::new(), 0, BTreeSet::new());
    let mut latest = i64::MIN;
    for record in &records {
        let value: serde_json::Value = serde_json::from_slice(record.value.as_deref().unwrap()).unwrap();
        let text = |name: &str| value[name].as_str().unwrap().to_owned();
        let (debtor, creditor) = (text("debtorAccount"), text("creditorAccount"));
        assert_eq!(record.key.as_deref(), Some(debtor.as_bytes()));
        assert_eq!(topo::partition_of(creditor.as_bytes(), 6), record.partition(6));
        assert_ne!(debtor, creditor);
        ids.insert(text("transactionId"));
        currencies.insert(text("currency"));
        let at = topologies::time::millis_from_text(&text("timestamp")).unwrap();
        backwards += u32::from(at < latest);
        latest = latest.max(at);
    }
    assert!(ids.len() < records.len() && ids.len() > records.len() * 9 / 10);
    assert!(backwards > 100);
    assert_eq!(currencies, ["IDR", "JPY", "USD"].map(str::to_owned).into());
}
