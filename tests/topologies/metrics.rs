//! `/metrics` of running processes: every record that has no effect is counted there, by what it was or what was wrong.

use std::time::Duration;

use serde_json::json;
use topologies::generate::{WireRecord, orders_topics};

use crate::support::scratch::wait_until;
use crate::system::{Input, System, Worker};

const PATIENCE: Duration = Duration::from_secs(60);
const ORDERS: &str = "oracle-cdc.SALES.ORDERS";

fn record(topic: &str, key: Option<&str>, value: Option<&str>) -> WireRecord {
    let bytes = |text: &str| text.as_bytes().to_vec();
    let (topic, key, value) = (topic.to_owned(), key.map(bytes), value.map(bytes));
    WireRecord { topic, key, value, timestamp_ms: 1_700_000_000_000, headers: Vec::new() }
}

fn payment(id: &str) -> String {
    json!({"transactionId": id, "timestamp": "2026-02-06T10:30:00Z", "amount": 5, "currency": "USD",
        "debtorAccount": "D", "creditorAccount": "C"})
    .to_string()
}

fn order(id: i64, op: &str, scn: u64) -> String {
    let row = json!({"ORDER_ID": id, "CUSTOMER_ID": 1, "ORDER_DATE": 1_700_000_000_000_000_i64, "STATUS": "NEW",
        "TOTAL_AMOUNT": "Aknw", "SHIPPING_INFO": null});
    let source = json!({"schema": "SALES", "table": "ORDERS", "ts_ms": 1_700_000_000_000_i64,
        "scn": scn.to_string(), "commit_scn": scn.to_string(), "txSeq": 1, "snapshot": "false"});
    json!({"before": null, "after": row, "source": source, "op": op, "ts_ms": 1_700_000_000_000_i64})
        .to_string()
}

/// Waits until each series has its value, and stays so.
#[track_caller]
fn shows(worker: &mut Worker, expected: &[(&str, f64)]) {
    for (series, value) in expected {
        let mut last = None;
        let deadline = std::time::Instant::now() + PATIENCE;
        while last != Some(*value) {
            worker.must_live();
            last = worker.metric(series);
            assert!(
                std::time::Instant::now() < deadline,
                "{series} is {last:?}, not {value}\n{:?}",
                worker.get("/metrics")
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

#[test]
fn records_without_effect_are_counted_by_reason() {
    let system = System::start();
    let mut topics = orders_topics("oracle-cdc", "SALES").to_vec();
    topics.push("transactions".to_owned());
    system.create_topics(&topics, 1);
    let mut worker = Worker::start_all(&system, "both", &["orders", "velocity"], &[]);
    worker.await_ready(PATIENCE);
    let mut input = Input::new(&system, 1);
    let key = Some(r#"{"ORDER_ID":7}"#);
    let heartbeat = json!({"ts_ms": 5}).to_string();
    let transaction =
        json!({"status": "BEGIN", "id": "t", "event_count": null, "data_collections": null}).to_string();
    let ddl = json!({"source": {}, "ts_ms": 5, "databaseName": "ORCL", "ddl": "DROP", "tableChanges": []})
        .to_string();
    let truncate = json!({"before": null, "after": null, "op": "t", "ts_ms": 5,
        "source": {"schema": "SALES", "table": "ORDERS", "ts_ms": 1, "scn": "1"}})
    .to_string();
    let orders = [
        record(ORDERS, key, Some(&order(7, "c", 10))),
        record(ORDERS, key, Some(&order(7, "c", 10))),
        record(ORDERS, key, Some(&order(7, "u", 9))),
        record(ORDERS, None, Some(&heartbeat)),
        record(ORDERS, None, Some(&transaction)),
        record(ORDERS, None, Some(&ddl)),
        record(ORDERS, None, Some(&truncate)),
        record(ORDERS, None, Some(&truncate)),
        record(ORDERS, key, Some("{")),
        record(ORDERS, None, Some(&order(8, "c", 10))),
    ];
    let payments = [
        record("transactions", None, Some(&payment("a"))),
        record("transactions", None, Some(&payment("a"))),
        record("transactions", Some("k"), None),
        record("transactions", None, Some("{}")),
    ];
    orders.iter().chain(&payments).for_each(|record| input.write(record));
    input.flush();
    let labels = |application: &str, topic: &str, label: &str, reason: &str| {
        format!("{{application=\"{application}\",topic=\"{topic}\",{label}=\"{reason}\"}}")
    };
    let skipped = |topic, kind| {
        let application = if topic == ORDERS { "orders" } else { "velocity" };
        format!("topo_records_skipped_total{}", labels(application, topic, "reason", kind))
    };
    let dead = |application, topic, error| {
        format!("topo_records_dead_lettered_total{}", labels(application, topic, "error", error))
    };
    let by_id = "orders-orders-by-id-repartition";
    let by_transaction = "velocity-transaction-payments-repartition";
    let dropped = |application, topic, rule| {
        format!("topo_records_dropped_total{}", labels(application, topic, "reason", rule))
    };
    let expected = [
        (skipped(ORDERS, "heartbeat"), 1.0),
        (skipped(ORDERS, "transaction"), 1.0),
        (skipped(ORDERS, "schema_change"), 1.0),
        (skipped(ORDERS, "truncate"), 2.0),
        (skipped("transactions", "tombstone"), 1.0),
        (dead("orders", ORDERS, "MALFORMED_JSON"), 1.0),
        (dead("orders", ORDERS, "NULL_KEY"), 1.0),
        (dead("velocity", "transactions", "MISSING_FIELD"), 1.0),
        (dropped("orders", by_id, "duplicate"), 1.0),
        (dropped("orders", by_id, "stale"), 1.0),
        (dropped("velocity", by_transaction, "duplicate"), 1.0),
        (format!("topo_records_consumed_total{{application=\"orders\",topic=\"{ORDERS}\"}}"), 10.0),
    ];
    shows(&mut worker, &expected.each_ref().map(|(series, value)| (series.as_str(), *value)));
    for application in ["orders", "velocity"] {
        let count = |family: &str| worker.metric(&format!("{family}{{application=\"{application}\"}}"));
        assert!(count("topo_process_seconds_count").is_some_and(|count| count > 0.0));
        assert!(count("topo_commits_total").is_some_and(|count| count > 0.0));
    }
    let page = worker.get("/metrics").unwrap();
    assert!(page.contains("topo_store_buffered_bytes{application=\"orders\",task=\""), "{page}");
    worker.must_stop();
}

#[test]
fn a_record_that_is_skipped_by_policy_leaves_a_count_and_a_few_log_lines() {
    let system = System::start();
    system.create_topics(&["transactions".to_owned()], 1);
    let policies = [("faults.deserialization", "skip"), ("faults.processing", "skip")];
    let mut worker = Worker::start(&system, "velocity", "velocity", &policies);
    worker.await_ready(PATIENCE);
    let mut input = Input::new(&system, 1);
    for number in 0..500 {
        input.write(&record("transactions", None, Some("{")));
        input.write(&record("transactions", None, Some(&payment(&number.to_string()))));
    }
    input.flush();
    let skipped =
        r#"topo_records_skipped_total{application="velocity",topic="transactions",reason="MALFORMED_JSON"}"#;
    shows(&mut worker, &[(skipped, 500.0)]);
    wait_until("all verdicts", PATIENCE, || system.read_all("velocity.verdicts", 1).len() == 500);
    assert!(system.read_all("velocity-dead-letters", 1).is_empty());
    let log = std::fs::read_to_string(worker.log()).unwrap();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("records failed")).collect();
    assert!(!lines.is_empty() && lines.len() < 30, "{} lines", lines.len());
    let told = ["were skipped", "MALFORMED_JSON", "transactions", "offset=0"];
    assert!(told.iter().all(|word| lines[0].contains(word)), "{}", lines[0]);
    worker.must_stop();
}
