//! The sentences of the contract, each on a few hand-written records.

use serde_json::{Value, json};

use super::*;
use crate::cdc::{Catalogue, DecoderConfig};
use crate::generate::{OrdersConfig, OrdersGenerator, PaymentsConfig, PaymentsGenerator, WireRecord};

/// A model with its own offsets, fed with events without the schema wrapper.
struct Orders {
    model: OrdersModel,
    offset: i64,
}

impl Orders {
    fn new() -> Orders {
        let decoder = DecoderConfig::new(Catalogue::sales().unwrap());
        Orders { model: OrdersModel::new(OrdersModelConfig::new(decoder)), offset: 0 }
    }

    fn send(&mut self, table: &str, key: Option<Value>, value: Option<Value>) {
        let topic = format!("oracle-cdc.SALES.{table}");
        let bytes = |json: Value| json.to_string().into_bytes();
        let record = WireRecord {
            topic: topic.clone(),
            key: key.map(bytes),
            value: value.map(bytes),
            timestamp_ms: 0,
            headers: Vec::new(),
        };
        self.model.apply(&topic, 0, self.offset, &record);
        self.offset += 1;
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
        let source = json!({"schema": "SALES", "table": table, "ts_ms": commit * 1000, "scn": commit.to_string(),
            "commit_scn": commit.to_string(), "txSeq": 1});
        self.send(
            table,
            Some(key),
            Some(json!({"before": before, "after": after, "source": source, "op": op})),
        );
    }

    fn order(&mut self, op: &str, commit: u64, id: i64, status: &str, total: f64) {
        let row = json!({"ORDER_ID": id, "CUSTOMER_ID": 7, "ORDER_DATE": -1, "STATUS": status, "TOTAL_AMOUNT": total});
        self.change("ORDERS", op, commit, row);
    }

    fn customer(&mut self, commit: u64, tier: &str) {
        let row = json!({"CUSTOMER_ID": 7, "NAME": "Ana", "TIER": tier, "REGION": null});
        self.change("CUSTOMERS", "c", commit, row);
    }

    fn item(&mut self, op: &str, commit: u64, id: i64, order: i64, subtotal: Value) {
        let row = json!({"ITEM_ID": id, "ORDER_ID": order, "PRODUCT_ID": 3, "QUANTITY": 2, "UNIT_PRICE": 5,
            "SUBTOTAL": subtotal});
        self.change("ORDER_ITEMS", op, commit, row);
    }

    fn product(&mut self, commit: u64, category: &str) {
        self.change("PRODUCTS", "c", commit, json!({"PRODUCT_ID": 3, "NAME": "Tea", "CATEGORY": category}));
    }

    fn status(&self, id: i64) -> Option<String> {
        let orders = self.model.expected_enriched();
        Some(orders.get(&id)?["status"].as_str()?.to_owned())
    }
}

#[test]
fn a_full_order_has_the_stated_fields_and_forms() {
    let mut orders = Orders::new();
    orders.order("c", 10, 1, "NEW", 12.5);
    orders.item("c", 11, 20, 1, json!(10));
    orders.product(12, "FOOD");
    orders.customer(13, "GOLD");
    assert_eq!(
        orders.model.expected_enriched()[&1],
        json!({"order_id": 1, "customer_id": 7, "customer_name": "Ana", "customer_tier": "GOLD",
            "customer_region": null, "order_date": "1969-12-31T23:59:59.999999Z", "status": "NEW",
            "total_amount": "12.50", "items": [{"item_id": 20, "product_id": 3, "product_name": "Tea",
            "category": "FOOD", "quantity": 2, "unit_price": "5.00", "subtotal": "10.00"}],
            "source_ts": "1970-01-01T00:00:10Z"})
    );
}

#[test]
fn stale_and_equal_versions_change_nothing_even_after_a_delete() {
    let mut orders = Orders::new();
    orders.order("c", 10, 1, "NEW", 1.0);
    orders.order("u", 12, 1, "PAID", 1.0);
    orders.order("u", 11, 1, "LOST", 1.0);
    orders.order("u", 12, 1, "AGAIN", 1.0);
    assert_eq!(orders.status(1).as_deref(), Some("PAID"));
    orders.order("d", 13, 1, "PAID", 1.0);
    orders.order("u", 12, 1, "BACK", 1.0);
    assert_eq!(orders.status(1), None);
    orders.order("c", 14, 1, "ANEW", 1.0);
    assert_eq!(orders.status(1).as_deref(), Some("ANEW"));
    let counts = orders.model.counts();
    assert_eq!((counts.applied, counts.stale, counts.duplicates), (4, 2, 1));
}

#[test]
fn only_a_tombstone_without_a_delete_before_it_deletes() {
    let mut orders = Orders::new();
    orders.order("c", 10, 1, "NEW", 1.0);
    orders.order("d", 9, 1, "NEW", 1.0);
    orders.send("ORDERS", Some(json!({"ORDER_ID": 1})), None);
    assert_eq!(orders.status(1).as_deref(), Some("NEW"));
    orders.order("u", 11, 1, "PAID", 1.0);
    orders.send("ORDERS", Some(json!({"ORDER_ID": 1})), None);
    assert_eq!(orders.status(1), None);
}

#[test]
fn revenue_counts_an_order_once_per_window_tier_and_category() {
    let mut orders = Orders::new();
    orders.order("c", 10, 1, "NEW", 1.0);
    orders.order("c", 11, 2, "NEW", 1.0);
    orders.item("c", 12, 20, 1, json!(10.01));
    orders.item("c", 13, 21, 1, Value::Null);
    orders.item("c", 14, 22, 2, json!(0.04));
    orders.product(15, "FOOD");
    assert!(orders.model.expected_revenue().is_empty(), "the tier is not known yet");
    orders.customer(16, "GOLD");
    let key = r#"{"window_start":"1969-12-31T23:55:00Z","tier":"GOLD","category":"FOOD"}"#;
    let expected = json!({"window_start": "1969-12-31T23:55:00Z", "window_end": "1970-01-01T00:00:00Z",
        "tier": "GOLD", "category": "FOOD", "order_count": 2, "total_revenue": "10.05", "avg_order_value": "5.03"});
    assert_eq!(orders.model.expected_revenue(), [(key.to_owned(), expected)].into());
    orders.item("u", 17, 22, 1, json!(0.04));
    assert_eq!(orders.model.expected_revenue()[key]["order_count"], json!(1));
    for (commit, item) in [(18, 20), (19, 21), (20, 22)] {
        orders.item("d", commit, item, 1, json!(0));
    }
    assert!(orders.model.expected_revenue().is_empty());
}

#[test]
fn alerts_are_required_by_the_last_state_and_permitted_by_any() {
    let mut orders = Orders::new();
    orders.customer(1, "GOLD");
    orders.order("c", 10, 1, "NEW", 10_000.01);
    orders.order("c", 11, 2, "NEW", 10_000.0);
    orders.order("c", 12, 3, "NEW", 20_000.0);
    orders.order("u", 13, 3, "NEW", 5.0);
    let alerts = orders.model.expected_alerts();
    assert_eq!((alerts.required, alerts.permitted), ([1].into(), [1, 3].into()));
    orders.customer(14, "SILVER");
    let alerts = orders.model.expected_alerts();
    assert_eq!((alerts.required, alerts.permitted), ([].into(), [1, 3].into()));
}

#[test]
fn the_change_time_may_be_that_of_any_version_with_the_same_joined_columns() {
    let mut orders = Orders::new();
    orders.order("c", 10, 1, "NEW", 1.0);
    orders.order("u", 11, 1, "PAID", 1.0);
    orders.order("u", 12, 1, "PAID", 1.0);
    let mut actual = orders.model.expected_enriched();
    assert_eq!(orders.model.differences_enriched(&actual), Vec::<String>::new());
    actual.get_mut(&1).unwrap()["source_ts"] = json!("1970-01-01T00:00:11Z");
    assert_eq!(orders.model.differences_enriched(&actual), Vec::<String>::new());
    actual.get_mut(&1).unwrap()["source_ts"] = json!("1970-01-01T00:00:10Z");
    assert_eq!(orders.model.differences_enriched(&actual).len(), 1);
    actual.remove(&1);
    assert_eq!(orders.model.differences_enriched(&actual).len(), 1);
}

#[test]
fn bad_records_are_dead_letters_at_their_position_and_leave_the_rest_alone() {
    let mut orders = Orders::new();
    orders.order("c", 10, 1, "NEW", 1.0);
    orders.change("ORDERS", "u", 11, json!({"ORDER_ID": 1}));
    orders.send("ORDERS", None, Some(json!({"op": "c", "after": {}, "source": {"table": "ORDERS"}})));
    orders.send("ORDERS", None, Some(json!({"op": "t", "source": {"table": "ORDERS"}})));
    let dead: Vec<_> =
        orders.model.expected_dead_letters().iter().map(|d| (d.offset, d.error_type)).collect();
    assert_eq!(dead, [(1, Some("MISSING_COLUMN")), (2, Some("NULL_KEY"))]);
    assert_eq!(orders.model.counts().skipped, 1);
    assert_eq!(orders.status(1).as_deref(), Some("NEW"));
}

#[test]
fn the_result_of_generated_events_does_not_depend_on_how_topics_interleave() {
    let decoder = DecoderConfig::new(Catalogue::sales().unwrap());
    let config = OrdersConfig { events: 5_000, seed: 3, ..OrdersConfig::default() };
    let records: Vec<WireRecord> = OrdersGenerator::new(config).collect();
    let mut by_topic = records.clone();
    by_topic.sort_by(|a, b| b.topic.cmp(&a.topic));
    let [log_order, topic_order] = [records, by_topic].map(|records| {
        let mut model = OrdersModel::new(OrdersModelConfig::new(decoder.clone()));
        for (offset, record) in (0..).zip(&records) {
            model.apply(&record.topic, 0, offset, record);
        }
        model
    });
    assert_eq!(log_order.expected_enriched(), topic_order.expected_enriched());
    assert_eq!(log_order.expected_revenue(), topic_order.expected_revenue());
    assert_eq!(log_order.expected_alerts(), topic_order.expected_alerts());
    assert_eq!(log_order.counts(), topic_order.counts());
    assert_eq!(log_order.counts().dead, 0);
    assert!(log_order.counts().stale > 0 && log_order.counts().duplicates > 0);
    assert!(!log_order.expected_revenue().is_empty() && !log_order.expected_alerts().required.is_empty());
}

fn pay(model: &mut PaymentsModel, offset: i64, id: &str, timestamp: &str, amount: &str, currency: &str) {
    let value = format!(
        r#"{{"transactionId":"{id}","timestamp":"{timestamp}","amount":{amount},"currency":"{currency}","debtorAccount":"A","creditorAccount":"B"}}"#
    );
    let record = WireRecord {
        topic: "transactions".to_owned(),
        key: None,
        value: Some(value.into_bytes()),
        timestamp_ms: 0,
        headers: Vec::new(),
    };
    model.apply("transactions", 0, offset, &record);
}

/// `indpdntVarbl` of the rules of a payment, by the digits of the rule.
fn counts(model: &PaymentsModel, id: &str) -> Vec<(String, Value, String)> {
    let verdicts = model.expected_verdicts();
    let rules = verdicts[id].value["verdicts"].as_array().unwrap().clone();
    let text = |rule: &Value, name: &str| rule[name].as_str().unwrap().to_owned();
    rules
        .iter()
        .map(|rule| (text(rule, "id"), rule["indpdntVarbl"].clone(), text(rule, "subRuleRef")))
        .collect()
}

fn rule(id: &str, variable: Value, band: &str) -> (String, Value, String) {
    (format!("{id}@1.0.0"), variable, band.to_owned())
}

#[test]
fn both_ends_of_a_window_are_inside_and_the_future_is_not() {
    let mut model = PaymentsModel::new(PaymentsModelConfig::default());
    pay(&mut model, 0, "edge", "2026-02-06T10:00:00.000Z", "1000000", "IDR");
    pay(&mut model, 1, "before", "2026-02-06T09:59:59.999Z", "1000000", "IDR");
    pay(&mut model, 2, "future", "2026-02-07T10:00:00.001Z", "1000000", "IDR");
    pay(&mut model, 3, "t", "2026-02-07T17:00:00+07:00", "999999.99", "IDR");
    assert_eq!(
        counts(&model, "t"),
        [
            rule("901", json!(2), ".02"),
            rule("902", json!(2), ".02"),
            rule("903", json!(999999.99), ".01"),
            rule("904", json!(1), ".01")
        ]
    );
    let value = &model.expected_verdicts()["t"].value;
    assert_eq!(value["verdicts"][0]["sumMinor"], json!({"IDR": 199_999_999}));
    assert_eq!(value["timestamp"], json!("2026-02-07T17:00:00+07:00"));
    assert_eq!(value.get("late"), None);
}

#[test]
fn the_first_payment_of_an_id_wins_and_sums_are_per_currency() {
    let mut model = PaymentsModel::new(PaymentsModelConfig::default());
    pay(&mut model, 0, "a", "2026-02-06T10:00:00Z", "5000000", "IDR");
    pay(&mut model, 1, "a", "2026-02-06T10:00:00Z", "7", "IDR");
    pay(&mut model, 2, "b", "2026-02-06T10:00:30Z", "\"12.34\"", "USD");
    pay(&mut model, 3, "c", "2026-02-06T10:00:40Z", "7", "JPY");
    let verdicts = model.expected_verdicts();
    assert_eq!(verdicts["a"].value["verdicts"][2]["subRuleRef"], json!(".03"));
    assert_eq!(
        verdicts["c"].value["verdicts"],
        json!([
            {"id": "901@1.0.0", "cfg": "1.0.0", "subRuleRef": ".03", "indpdntVarbl": 3, "windowMs": 86_400_000,
                "sumMinor": {"IDR": 500_000_000, "JPY": 7, "USD": 1234}},
            {"id": "902@1.0.0", "cfg": "1.0.0", "subRuleRef": ".03", "indpdntVarbl": 3, "windowMs": 86_400_000,
                "sumMinor": {"IDR": 500_000_000, "JPY": 7, "USD": 1234}},
            {"id": "904@1.0.0", "cfg": "1.0.0", "subRuleRef": ".02", "indpdntVarbl": 3, "windowMs": 60_000,
                "sumMinor": {"IDR": 500_000_000, "JPY": 7, "USD": 1234}}
        ])
    );
    assert_eq!(model.counts().duplicates, 1);
}

#[test]
fn a_payment_later_than_the_grace_says_so() {
    let mut model = PaymentsModel::new(PaymentsModelConfig::default());
    pay(&mut model, 0, "a", "2026-02-06T10:00:00Z", "1", "IDR");
    pay(&mut model, 1, "b", "2026-02-06T09:00:00Z", "1", "IDR");
    pay(&mut model, 2, "c", "2026-02-06T08:59:59.999Z", "1", "IDR");
    let verdicts = model.expected_verdicts();
    assert_eq!(verdicts["b"].value.get("late"), None);
    assert_eq!(verdicts["c"].value["late"], json!(true));
}

#[test]
fn unusable_payments_are_dead_letters() {
    let mut model = PaymentsModel::new(PaymentsModelConfig::default());
    let cases = [
        ("2026-02-06T10:00:00", "1", "IDR"),
        ("2026-02-06T10:00:00Z", "-1", "IDR"),
        ("2026-02-06T10:00:00Z", "0", "IDR"),
        ("2026-02-06T10:00:00Z", "1.001", "IDR"),
        ("2026-02-06T10:00:00Z", "1.5", "JPY"),
        ("2026-02-06T10:00:00Z", "\"NaN\"", "IDR"),
        ("2026-02-06T10:00:00Z", "true", "IDR"),
        ("2026-02-06T10:00:00Z", "1", "rupiah"),
    ];
    for (offset, (timestamp, amount, currency)) in (0..).zip(cases) {
        pay(&mut model, offset, "x", timestamp, amount, currency);
        assert_eq!(model.expected_dead_letters().last().unwrap().offset, offset, "{timestamp} {amount}");
    }
    assert!(model.expected_verdicts().is_empty());
}

#[test]
fn every_generated_payment_gets_one_determined_verdict() {
    let config = PaymentsConfig { events: 3_000, partitions: Some(4), seed: 5, ..PaymentsConfig::default() };
    let mut model = PaymentsModel::new(PaymentsModelConfig::default());
    for (offset, record) in (0..).zip(PaymentsGenerator::new(config)) {
        model.apply("transactions", record.partition(4), offset, &record);
    }
    let verdicts = model.expected_verdicts();
    let counts = model.counts();
    assert_eq!(counts.applied + counts.duplicates, 3_000);
    assert_eq!(u64::try_from(verdicts.len()).unwrap(), counts.applied);
    assert!(counts.duplicates > 0 && verdicts.values().all(|verdict| verdict.determined));
    let bands = |rule: &str, band: &str| {
        verdicts.values().any(|verdict| {
            let rules = verdict.value["verdicts"].as_array().unwrap();
            rules.iter().any(|found| found["id"] == format!("{rule}@1.0.0") && found["subRuleRef"] == band)
        })
    };
    for (rule, band) in [("901", ".03"), ("902", ".03"), ("903", ".04"), ("904", ".02")] {
        assert!(bands(rule, band), "{rule} {band}");
    }
    assert!(verdicts.values().any(|verdict| verdict.value["late"] == true));
}
