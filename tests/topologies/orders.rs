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

/// An event of table PRODUCTS with a version of its own making.
fn product_event(op: &str, name: &str, source: &Value) -> Value {
    let row = json!({"PRODUCT_ID": 3, "NAME": name, "CATEGORY": "FOOD"});
    let (before, after) = if op == "d" { (row, Value::Null) } else { (Value::Null, row) };
    let mut full = json!({"schema": "SALES", "table": "PRODUCTS", "ts_ms": 1000, "snapshot": "false"});
    full.as_object_mut().unwrap().extend(source.as_object().unwrap().clone());
    json!({"before": before, "after": after, "source": full, "op": op})
}

/// The name of the product in order 1 after each of these events.
fn names_after(events: &[(&str, &str, Value)]) -> Vec<Value> {
    let mut stage = Stage::new();
    stage.order("c", 1, 1, "NEW", 1.0);
    stage.item("c", 2, 20, 1, 10.0);
    let mut names = Vec::new();
    for (op, name, source) in events {
        let value = (*op != "tombstone").then(|| product_event(op, name, source));
        stage.send("PRODUCTS", Some(json!({"PRODUCT_ID": 3})), value);
        names.push(stage.enriched()[&1]["items"][0]["product_name"].clone());
    }
    assert!(stage.letters.is_empty(), "{:?}", stage.letters);
    names
}

#[test]
fn the_later_version_wins_by_commit_then_place_in_the_transaction_then_offset() {
    let change = |scn: u64, commit: u64, seq: Option<u64>| json!({"scn": scn.to_string(), "commit_scn": commit.to_string(), "txSeq": seq});
    let names = names_after(&[
        ("c", "first", change(90, 100, Some(2))),
        ("u", "same place again", change(90, 100, Some(2))),
        ("u", "earlier in it", change(95, 100, Some(1))),
        ("u", "later in it", change(80, 100, Some(3))),
        ("u", "older commit", change(99, 99, Some(9))),
        ("u", "numbers, not text: 1000 is more than 101", change(101, 1000, Some(1))),
        ("u", "101", change(101, 101, Some(9))),
    ]);
    let latest = "numbers, not text: 1000 is more than 101";
    assert_eq!(names, ["first", "first", "first", "later in it", "later in it", latest, latest]);
    // Without a place in the transaction the later offset wins; a commit below the change's own SCN is not believed.
    let names = names_after(&[
        ("c", "a", change(100, 100, None)),
        ("u", "b", change(100, 100, None)),
        ("u", "c", change(100, 50, None)),
        ("u", "d", change(99, 50, None)),
    ]);
    assert_eq!(names, ["a", "b", "c", "c"]);
}

#[test]
fn a_stale_snapshot_changes_nothing_and_an_incremental_one_comes_after_its_commit() {
    let read = |scn: u64, kind: &str| json!({"scn": scn.to_string(), "commit_scn": null, "txSeq": null, "snapshot": kind});
    let change = |commit: u64, seq: u64| json!({"scn": commit.to_string(), "commit_scn": commit.to_string(), "txSeq": seq});
    let names = names_after(&[
        ("r", "snapshot", read(100, "first")),
        ("u", "committed behind it, begun before", json!({"scn": "90", "commit_scn": "110", "txSeq": 1})),
        ("r", "a second snapshot of old rows", read(105, "true")),
        ("u", "next", change(120, 7)),
        ("r", "incremental", read(120, "incremental")),
        ("u", "of the same commit", change(120, 9)),
        ("u", "of the next commit", change(121, 1)),
    ]);
    let behind = "committed behind it, begun before";
    let expected = ["snapshot", behind, behind, "next", "incremental", "incremental", "of the next commit"];
    assert_eq!(names, expected);
}

#[test]
fn only_a_tombstone_without_a_delete_in_front_of_it_deletes() {
    let change =
        |commit: u64| json!({"scn": commit.to_string(), "commit_scn": commit.to_string(), "txSeq": 1});
    let names = names_after(&[
        ("c", "a", change(100)),
        ("d", "", change(90)),
        ("tombstone", "", json!({})),
        ("d", "", change(110)),
        ("c", "again", change(120)),
        ("tombstone", "", json!({})),
        ("u", "late", change(115)),
        ("u", "back", change(130)),
    ]);
    let null = Value::Null;
    let expected =
        ["a".into(), "a".into(), "a".into(), null.clone(), "again".into(), null.clone(), null, "back".into()];
    assert_eq!(names, expected);
}

#[test]
fn a_changed_primary_key_is_the_end_of_one_row_and_the_begin_of_another() {
    let mut stage = Stage::new();
    stage.order("c", 10, 510, "NEW", 1.0);
    stage.item("c", 11, 20, 510, 10.0);
    stage.order("d", 12, 510, "NEW", 1.0);
    stage.send("ORDERS", Some(json!({"ORDER_ID": 510})), None);
    stage.order("c", 12, 610, "NEW", 1.0);
    stage.item("u", 13, 20, 610, 10.0);
    let enriched = stage.enriched();
    assert_eq!(enriched.keys().collect::<Vec<_>>(), [&610]);
    assert_eq!(enriched[&610]["items"].as_array().unwrap().len(), 1);
}

#[test]
fn absent_columns_are_dead_letters_when_they_are_joined_null_when_they_are_not_and_unknown_ones_are_ignored()
{
    let row = json!({"ORDER_ID": 1, "CUSTOMER_ID": 7, "ORDER_DATE": null, "STATUS": "NEW", "TOTAL_AMOUNT": 1.5,
        "SHIPPING_INFO": null});
    for column in ["ORDER_ID", "CUSTOMER_ID", "ORDER_DATE", "STATUS", "TOTAL_AMOUNT"] {
        let mut stage = Stage::new();
        let mut row = row.clone();
        row.as_object_mut().unwrap().remove(column);
        let source = json!({"schema": "SALES", "table": "ORDERS", "ts_ms": 1, "scn": "1"});
        let event = json!({"before": null, "after": row, "source": source, "op": "c"});
        stage.send("ORDERS", Some(json!({"ORDER_ID": 1})), Some(event));
        assert_eq!((stage.letters.len(), stage.said.len()), (1, 0), "{column}");
        assert_eq!(stage.letters[0].headers.last("dlq.error.type"), Some(&b"MISSING_COLUMN"[..]), "{column}");
    }
    let mut stage = Stage::new();
    let mut odd = row;
    odd.as_object_mut().unwrap().remove("SHIPPING_INFO");
    odd["LOYALTY_POINTS"] = json!([1, {"deep": null}]);
    stage.change("ORDERS", "c", 10, odd);
    assert_eq!((stage.letters.len(), stage.said.len()), (0, 1));
    assert_eq!(stage.enriched()[&1]["order_date"], Value::Null);
    assert!(stage.revenue.is_empty(), "a null date is in no window");
}

#[test]
fn revenue_follows_dates_tiers_and_categories_and_a_null_subtotal_counts_nothing() {
    let mut stage = Stage::new();
    stage.customer("c", 1, "GOLD", "");
    stage.product("c", 2, "FOOD");
    for id in [1, 2] {
        stage.order("c", 10, id, "NEW", 1.0);
    }
    stage.item("c", 11, 20, 1, 0.05);
    let nothing = json!({"ITEM_ID": 21, "ORDER_ID": 2, "PRODUCT_ID": 3, "QUANTITY": 1, "UNIT_PRICE": null, "SUBTOTAL": null});
    stage.change("ORDER_ITEMS", "c", 12, nothing);
    let group = |stage: &Stage| {
        let groups: Vec<_> = stage
            .revenue
            .values()
            .map(|it| {
                [&it["tier"], &it["category"], &it["total_revenue"], &it["avg_order_value"]]
                    .map(|it| it.as_str().unwrap().to_owned())
            })
            .collect();
        (groups, stage.revenue.values().map(|it| it["order_count"].as_i64().unwrap()).sum::<i64>())
    };
    let row = |tier: &str, category: &str, total: &str, average: &str| {
        [tier, category, total, average].map(str::to_owned)
    };
    assert_eq!(group(&stage), (vec![row("GOLD", "FOOD", "0.05", "0.03")], 2), "half a cent is rounded up");
    stage.product("u", 13, "TOYS");
    assert_eq!(group(&stage), (vec![row("GOLD", "TOYS", "0.05", "0.03")], 2));
    stage.customer("u", 14, "SILVER", "");
    assert_eq!(group(&stage), (vec![row("SILVER", "TOYS", "0.05", "0.03")], 2));
    stage.change(
        "CUSTOMERS",
        "d",
        15,
        json!({"CUSTOMER_ID": 7, "NAME": "Ana", "EMAIL": "", "TIER": "SILVER", "REGION": null}),
    );
    assert_eq!(group(&stage), (vec![], 0), "no tier is known any more");
    assert_eq!(stage.enriched()[&1]["customer_name"], Value::Null);
}

#[test]
fn what_is_no_change_of_a_row_is_skipped_in_every_topic() {
    let mut stage = Stage::new();
    let heartbeat = json!({"ts_ms": 5});
    let transaction =
        json!({"status": "END", "id": "5.6", "event_count": 2, "data_collections": [], "ts_ms": 1});
    let ddl =
        json!({"source": {}, "ts_ms": 1, "databaseName": "ORCL", "ddl": "DROP TABLE X", "tableChanges": []});
    for (table, sent) in
        [("ORDERS", 1), ("ORDER_ITEMS", 2), ("CUSTOMERS", 3), ("PRODUCTS", 4), ("AUDIT_LOG", 5)]
    {
        stage.send(table, None, Some(heartbeat.clone()));
        stage.send(table, Some(json!({"id": "5.6"})), Some(transaction.clone()));
        stage.send(table, Some(json!({"databaseName": "ORCL"})), Some(ddl.clone()));
        stage.send(table, None, None);
        assert_eq!((stage.letters.len(), stage.driver.skipped()), (0, 4 * sent), "{table}");
    }
}

#[test]
fn the_main_input_is_the_table_of_orders() {
    let text = orders::topology(&OrdersConfig::sales().unwrap()).unwrap().describe();
    let first = text.lines().find(|line| line.contains("Source: ")).unwrap();
    assert!(first.contains("oracle-cdc.SALES.ORDERS]"), "{first}");
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
