//! `orders` through the driver: the sentences of the contract, then made-up change events against the model.

use std::collections::{BTreeMap, BTreeSet};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use topo::testkit::Driver;
use topo::{Headers, RawRecord};
use topologies::cdc::{Catalogue, DecoderConfig};
use topologies::generate::{OrdersConfig as Generated, OrdersGenerator, WireRecord};
use topologies::model::{OrdersModel, OrdersModelConfig};
use topologies::orders::{self, OrdersConfig};

/// The topology, and everything it has said.
struct Stage {
    driver: Driver,
    /// All records of `orders.enriched`: order id and value.
    said: Vec<(i64, Option<Value>)>,
    revenue: BTreeMap<String, Value>,
    alerts: Vec<Value>,
    letters: Vec<RawRecord>,
}

impl Stage {
    fn new() -> Self {
        let driver = Driver::new(orders::topology(&OrdersConfig::sales().unwrap()).unwrap()).unwrap();
        Self { driver, said: Vec::new(), revenue: BTreeMap::new(), alerts: Vec::new(), letters: Vec::new() }
    }

    fn send(&mut self, table: &str, key: Option<Value>, value: Option<Value>) {
        let text = |json: Value| json.to_string().into_bytes();
        self.send_bytes(&format!("oracle-cdc.SALES.{table}"), key.map(text), value.map(text), 0);
    }

    fn send_bytes(&mut self, topic: &str, key: Option<Vec<u8>>, value: Option<Vec<u8>>, timestamp: i64) {
        let (key, value) = (key.map(Into::into), value.map(Into::into));
        self.driver.pipe_raw(topic, RawRecord { key, value, timestamp, headers: Headers::new() }).unwrap();
        self.listen();
    }

    fn listen(&mut self) {
        let json =
            |record: &RawRecord| record.value.as_deref().map(|text| serde_json::from_slice(text).unwrap());
        let key = |record: &RawRecord| String::from_utf8(record.key.as_deref().unwrap().to_vec()).unwrap();
        for record in self.driver.read_raw("orders.enriched") {
            self.said.push((key(&record).parse().unwrap(), json(&record)));
        }
        for record in self.driver.read_raw("orders.revenue") {
            match json(&record) {
                Some(value) => drop(self.revenue.insert(key(&record), value)),
                None => assert!(self.revenue.remove(&key(&record)).is_some(), "a tombstone for nothing"),
            }
        }
        self.alerts.extend(self.driver.read_raw("orders.alerts").iter().map(|it| json(it).unwrap()));
        self.letters.extend(self.driver.dead_letters());
    }

    fn change(&mut self, table: &str, op: &str, commit: u64, row: Value) {
        let column = match table {
            "ORDERS" => "ORDER_ID",
            "ORDER_ITEMS" => "ITEM_ID",
            "CUSTOMERS" => "CUSTOMER_ID",
            _ => "PRODUCT_ID",
        };
        let key = json!({ column: row[column] });
        let (before, after) = if op == "d" { (row, Value::Null) } else { (Value::Null, row) };
        let scn = commit.to_string();
        let source = json!({"schema": "SALES", "table": table, "ts_ms": commit * 1000, "scn": scn,
            "commit_scn": scn, "txSeq": 1});
        let event = json!({"before": before, "after": after, "source": source, "op": op});
        self.send(table, Some(key), Some(event));
    }

    fn order(&mut self, op: &str, commit: u64, id: i64, status: &str, total: f64) {
        let row = json!({"ORDER_ID": id, "CUSTOMER_ID": 7, "ORDER_DATE": -1, "STATUS": status,
            "TOTAL_AMOUNT": total, "SHIPPING_INFO": "<x/>"});
        self.change("ORDERS", op, commit, row);
    }

    fn customer(&mut self, op: &str, commit: u64, tier: &str, email: &str) {
        let row = json!({"CUSTOMER_ID": 7, "NAME": "Ana", "EMAIL": email, "TIER": tier, "REGION": null});
        self.change("CUSTOMERS", op, commit, row);
    }

    fn item(&mut self, op: &str, commit: u64, id: i64, order: i64, subtotal: f64) {
        let row = json!({"ITEM_ID": id, "ORDER_ID": order, "PRODUCT_ID": 3, "QUANTITY": 2, "UNIT_PRICE": 5,
            "SUBTOTAL": subtotal});
        self.change("ORDER_ITEMS", op, commit, row);
    }

    fn product(&mut self, op: &str, commit: u64, category: &str) {
        self.change("PRODUCTS", op, commit, json!({"PRODUCT_ID": 3, "NAME": "Tea", "CATEGORY": category}));
    }

    /// What `orders.enriched` says now.
    fn enriched(&self) -> BTreeMap<i64, Value> {
        let mut newest = BTreeMap::new();
        for (id, value) in &self.said {
            match value {
                Some(value) => drop(newest.insert(*id, value.clone())),
                None => {
                    assert!(newest.remove(id).is_some(), "a tombstone for order {id}, which is not there")
                }
            }
        }
        newest
    }
}

#[test]
fn an_order_fills_up_as_its_parts_arrive_in_any_order() {
    let mut stage = Stage::new();
    stage.item("c", 10, 20, 1, 10.0);
    assert!(stage.said.is_empty(), "items alone are no order");
    stage.order("c", 11, 1, "NEW", 12.5);
    stage.product("c", 12, "FOOD");
    stage.customer("c", 13, "GOLD", "a@b");
    let item = json!({"item_id": 20, "product_id": 3, "product_name": "Tea", "category": "FOOD", "quantity": 2,
        "unit_price": "5.00", "subtotal": "10.00"});
    let expected = json!({"order_id": 1, "customer_id": 7, "customer_name": "Ana", "customer_tier": "GOLD",
        "customer_region": null, "order_date": "1969-12-31T23:59:59.999999Z", "status": "NEW",
        "total_amount": "12.50", "items": [item], "source_ts": "1970-01-01T00:00:11Z"});
    assert_eq!(expected, stage.enriched()[&1]);
    let keys: Vec<&str> = stage.revenue.keys().map(String::as_str).collect();
    assert_eq!(vec![r#"{"window_start":"1969-12-31T23:55:00Z","tier":"GOLD","category":"FOOD"}"#], keys);
}

#[test]
fn what_changes_no_joined_field_is_not_said_again() {
    let mut stage = Stage::new();
    stage.customer("c", 10, "GOLD", "a@b");
    stage.order("c", 11, 1, "NEW", 12.5);
    let said = stage.said.len();
    stage.customer("u", 12, "GOLD", "new@mail");
    stage.order("u", 13, 1, "NEW", 12.5);
    stage.order("u", 11, 1, "STALE", 12.5);
    assert_eq!(said, stage.said.len(), "{:?}", stage.said);
    stage.customer("u", 14, "SILVER", "new@mail");
    assert_eq!(said + 1, stage.said.len());
    assert_eq!(
        "1970-01-01T00:00:13Z",
        stage.enriched()[&1]["source_ts"],
        "the change time of the row as it is now"
    );
}

#[test]
fn deletes_end_orders_and_items_once() {
    let mut stage = Stage::new();
    stage.product("c", 1, "FOOD");
    stage.customer("c", 2, "GOLD", "");
    stage.order("c", 10, 1, "NEW", 1.0);
    stage.item("c", 11, 20, 1, 10.0);
    stage.item("c", 12, 21, 1, 2.0);
    stage.item("d", 13, 20, 1, 10.0);
    stage.send("ORDER_ITEMS", Some(json!({"ITEM_ID": 20})), None);
    assert_eq!(1, stage.enriched()[&1]["items"].as_array().unwrap().len());
    assert_eq!("2.00", stage.revenue.values().next().unwrap()["total_revenue"]);
    stage.order("d", 14, 1, "NEW", 1.0);
    stage.send("ORDERS", Some(json!({"ORDER_ID": 1})), None);
    stage.order("u", 12, 1, "LATE", 1.0);
    stage.order("d", 9, 2, "NEVER WRITTEN", 1.0);
    assert!(stage.enriched().is_empty() && stage.revenue.is_empty());
    assert_eq!(1, stage.said.iter().filter(|(_, value)| value.is_none()).count());
}

#[test]
fn an_item_that_moves_changes_both_orders() {
    let mut stage = Stage::new();
    stage.order("c", 10, 1, "NEW", 1.0);
    stage.order("c", 11, 2, "NEW", 1.0);
    stage.item("c", 12, 20, 1, 10.0);
    stage.item("u", 13, 20, 2, 10.0);
    let items = |id: i64| stage.enriched()[&id]["items"].as_array().unwrap().len();
    assert_eq!((0, 1), (items(1), items(2)));
}

#[test]
fn an_order_is_alerted_once_for_ever() {
    let mut stage = Stage::new();
    stage.order("c", 10, 1, "NEW", 10_000.01);
    assert!(stage.alerts.is_empty(), "the tier is not known yet");
    stage.customer("c", 11, "GOLD", "");
    stage.order("u", 12, 1, "PAID", 20_000.0);
    stage.order("d", 13, 1, "PAID", 20_000.0);
    stage.order("c", 14, 1, "AGAIN", 30_000.0);
    stage.order("c", 15, 2, "NEW", 10_000.0);
    let expected = json!({"notification_type": "HIGH_VALUE_ORDER", "priority": "HIGH", "order_id": 1,
        "customer_id": 7, "amount": "10000.01", "threshold": "10000.00", "tier": "GOLD",
        "timestamp": "1970-01-01T00:00:10Z"});
    assert_eq!(vec![expected], stage.alerts);
}

#[test]
fn bad_events_are_dead_letters_and_what_is_no_change_is_neither() {
    let mut stage = Stage::new();
    stage.send_bytes("oracle-cdc.SALES.ORDERS", Some(b"{}".to_vec()), Some(b"{".to_vec()), 5);
    stage.send("ORDERS", None, Some(json!({"before": null, "after": {}, "source": {}, "op": "c"})));
    let source = json!({"schema": "SALES", "table": "ORDERS", "ts_ms": 1, "scn": "1"});
    let unknown = json!({"before": null, "after": null, "source": source, "op": "x"});
    stage.send("ORDERS", Some(json!({"ORDER_ID": 1})), Some(unknown));
    assert_eq!(3, stage.letters.len());
    let first = &stage.letters[0];
    assert_eq!(
        (Some(&b"{}"[..]), Some(&b"{"[..]), 5),
        (first.key.as_deref(), first.value.as_deref(), first.timestamp)
    );
    assert_eq!(Some(&b"MALFORMED_JSON"[..]), first.headers.last("dlq.error.type"));
    assert_eq!(Some(&b"oracle-cdc.SALES.ORDERS"[..]), first.headers.last("__streams.errors.topic"));
    let skipped = stage.driver.skipped();
    let truncate = json!({"before": null, "after": null, "source": source, "op": "t"});
    stage.send("ORDERS", None, Some(truncate));
    assert_eq!((3, skipped + 1), (stage.letters.len(), stage.driver.skipped()));
    stage.order("c", 10, 1, "NEW", 1.0);
    assert_eq!(1, stage.enriched().len(), "everything else goes on");
}

#[test]
fn the_audit_log_is_counted_and_says_nothing() {
    let mut stage = Stage::new();
    for id in 1..=3 {
        let row = json!({"LOG_ID": id, "TABLE_NAME": "ORDERS", "OPERATION": "UPDATE"});
        let source = json!({"schema": "SALES", "table": "AUDIT_LOG", "ts_ms": 1, "scn": "1"});
        let event = json!({"before": null, "after": row, "source": source, "op": "c"});
        stage.send("AUDIT_LOG", Some(json!({"LOG_ID": id})), Some(event));
    }
    let count = stage.driver.value::<String, u64>("audit-counts", &"ORDERS UPDATE".to_owned()).unwrap();
    assert_eq!(Some(3), count);
    assert!(stage.said.is_empty() && stage.letters.is_empty());
}

/// Records of all topics, each topic in its own order, otherwise shuffled.
fn interleaved(records: Vec<WireRecord>, random: &mut StdRng) -> Vec<WireRecord> {
    let mut topics: BTreeMap<String, std::collections::VecDeque<WireRecord>> = BTreeMap::new();
    for record in records {
        topics.entry(record.topic.clone()).or_default().push_back(record);
    }
    let mut mixed = Vec::new();
    while !topics.is_empty() {
        let nth = random.random_range(0..topics.len());
        let topic = topics.keys().nth(nth).unwrap().clone();
        let queue = topics.get_mut(&topic).unwrap();
        for _ in 0..random.random_range(1..=50) {
            mixed.extend(queue.pop_front());
        }
        if queue.is_empty() {
            topics.remove(&topic);
        }
    }
    mixed
}

fn compare(seed: u64, crash: bool) {
    let mut random = StdRng::seed_from_u64(seed);
    let config = Generated {
        seed,
        events: 1500,
        customers: 30,
        products: 20,
        replays_per_mille: 60,
        delays_per_mille: 50,
        incremental_per_mille: 50,
        schema_wrapper: seed.is_multiple_of(2),
        ..Generated::default()
    };
    let records = interleaved(OrdersGenerator::new(config).collect(), &mut random);
    let decoder = DecoderConfig::new(Catalogue::sales().unwrap());
    let mut model = OrdersModel::new(OrdersModelConfig::new(decoder));
    let mut stage = Stage::new();
    let mut offsets: BTreeMap<String, i64> = BTreeMap::new();
    for record in records {
        let offset = offsets.entry(record.topic.clone()).or_default();
        model.apply(&record.topic, 0, *offset, &record);
        *offset += 1;
        stage.send_bytes(&record.topic, record.key, record.value, record.timestamp_ms);
        if crash && random.random_range(0..250) == 0 {
            stage.driver.restore().unwrap();
        }
    }
    assert_eq!(Vec::<String>::new(), model.differences_enriched(&stage.enriched()), "seed {seed}");
    assert_eq!(model.expected_revenue(), stage.revenue, "seed {seed}");
    let alerted: Vec<i64> = stage.alerts.iter().map(|alert| alert["order_id"].as_i64().unwrap()).collect();
    let once: BTreeSet<i64> = alerted.iter().copied().collect();
    assert_eq!(once.len(), alerted.len(), "seed {seed}: an order is alerted twice");
    let expected = model.expected_alerts();
    assert!(expected.required.is_subset(&once) && once.is_subset(&expected.permitted), "seed {seed}");
    assert_eq!(model.expected_dead_letters().len(), stage.letters.len(), "seed {seed}");
    for pair in stage.said.chunk_by(|one, other| one.0 == other.0) {
        assert!(pair.windows(2).all(|pair| pair[0] != pair[1]), "seed {seed}: said twice in a row");
    }
}

#[test]
fn made_up_events_in_any_interleaving_end_as_the_model_says() {
    for seed in 0..4 {
        compare(seed, false);
    }
}

#[test]
fn crashes_with_all_state_lost_change_nothing() {
    for seed in 4..6 {
        compare(seed, true);
    }
}
