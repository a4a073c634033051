//! The ten samples of real Debezium records, byte for byte on a real Kafka, through `topo run`: the stated rows come out.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use topologies::generate::WireRecord;

use crate::debezium::{compact, sample};
use crate::support::scratch::tail;
use crate::system::{Input, Outputs, System, Worker};

/// As many as the cluster the samples were taken from had.
const PARTITIONS: i32 = 6;
const PATIENCE: Duration = Duration::from_secs(30);

/// A system with both processes, and what has come out of it.
struct Stage {
    system: System,
    workers: [Worker; 2],
    input: Input,
    outputs: Outputs,
}

impl Stage {
    fn start() -> Self {
        let system = System::start();
        let input = Input::to(&system, &system.names.tables(), PARTITIONS);
        let workers =
            ["orders", "orders-ods"].map(|application| Worker::start(&system, application, application, &[]));
        let outputs = Outputs::new(&system);
        Self { system, workers, input, outputs }
    }

    /// Writes the records of a sample into the partition they came from.
    fn produce(&mut self, name: &str) {
        for record in sample(name) {
            let headers = record.headers.into_iter();
            let wire = WireRecord {
                topic: record.topic,
                key: record.key.as_deref().map(|key| compact(key).into_bytes()),
                value: record.value.as_deref().map(|value| compact(value).into_bytes()),
                timestamp_ms: record.timestamp,
                headers: headers.map(|it| (it.key, Some(it.value.into_bytes()))).collect(),
            };
            assert_eq!(wire.partition(PARTITIONS), record.partition, "{name}");
            self.input.write(&wire);
        }
        self.input.flush();
    }

    /// Waits until the topics and the tables are so.
    #[track_caller]
    fn becomes(&mut self, enriched: &[Value], revenue: &[(&str, Value)]) {
        let enriched =
            enriched.iter().map(|order| (order["order_id"].as_i64().unwrap(), order.clone())).collect();
        let revenue = revenue.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.outputs.read(Duration::from_millis(100));
            let tables = self.system.tables().unwrap_or_default();
            if self.outputs.enriched == enriched
                && self.outputs.revenue == revenue
                && tables.orders == enriched
            {
                assert_eq!((tables.wrong_windows.len(), self.outputs.anomalies.len()), (0, 0));
                assert!(self.outputs.repeats.is_empty(), "{:?}", self.outputs.repeats);
                return;
            }
            let logs = self.workers.each_ref().map(|worker| tail(&worker.log())).join("\n---\n");
            assert!(
                Instant::now() < deadline,
                "topic {:?}\ntables {:?}\nrevenue {:?}\nnot right: {:?}\n{logs}",
                self.outputs.enriched,
                tables.orders,
                self.outputs.revenue,
                self.outputs.anomalies
            );
        }
    }
}

fn order_1001(status: &str, source_ts: &str, items: &[Value]) -> Value {
    json!({
        "order_id": 1001, "customer_id": 500, "customer_name": "John Doe", "customer_tier": "GOLD",
        "customer_region": "Jakarta", "order_date": "2024-01-20T08:15:30.123456Z", "status": status,
        "total_amount": "1500.00", "items": items, "source_ts": source_ts,
    })
}

/// One microsecond before 1970, and a negative amount.
fn order_1002() -> Value {
    json!({
        "order_id": 1002, "customer_id": 501, "customer_name": "Siti Nurhaliza", "customer_tier": "GOLD",
        "customer_region": "Bandung", "order_date": "1969-12-31T23:59:59.999999Z", "status": "REFUNDED",
        "total_amount": "-1234.56", "items": [], "source_ts": "2024-03-01T00:00:00Z",
    })
}

fn item_9001() -> Value {
    json!({
        "item_id": 9001, "product_id": 101,
        "product_name": "Kopi Luwak 250g \u{2014} \u{e9}dition \u{65e5}\u{672c} \"d'or\" \\ \u{1f389}",
        "category": "BEVERAGE", "quantity": 2, "unit_price": "49.99", "subtotal": "99.98",
    })
}

#[test]
fn the_ten_samples_end_in_the_stated_rows() {
    let mut stage = Stage::start();
    for name in [
        "01_customers_create",
        "02_products_create",
        "03_orders_create",
        "04_order_items_create",
        "05_audit_log_create",
    ] {
        stage.produce(name);
    }
    let revenue = json!({
        "window_start": "2024-01-20T08:15:00Z", "window_end": "2024-01-20T08:20:00Z", "tier": "GOLD",
        "category": "BEVERAGE", "order_count": 1, "total_revenue": "99.98", "avg_order_value": "99.98",
    });
    let group = r#"{"window_start":"2024-01-20T08:15:00Z","tier":"GOLD","category":"BEVERAGE"}"#;
    let created = order_1001("PENDING", "2024-01-23T08:53:22Z", &[item_9001()]);
    stage.becomes(&[created], &[(group, revenue.clone())]);

    // The customer is of another order; the CLOB that did not change is none of the joined columns.
    stage.produce("06_customers_update");
    stage.produce("07_orders_update_unavailable_clob");
    let shipped = order_1001("SHIPPED", "2024-01-23T09:00:00Z", &[item_9001()]);
    stage.becomes(&[shipped], &[(group, revenue)]);

    // The item goes, and with it the revenue; the tombstone behind it says nothing new.
    stage.produce("08_order_items_delete_tombstone");
    stage.produce("09_products_snapshot_read");
    stage.produce("10_orders_update_base64_decimal");
    let emptied = order_1001("SHIPPED", "2024-01-23T09:00:00Z", &[]);
    stage.becomes(&[emptied, order_1002()], &[]);
    assert!(stage.outputs.alerts.is_empty(), "no order is above 10,000");
    assert_eq!(stage.outputs.anomalies, Vec::<String>::new());
    for worker in stage.workers {
        worker.must_stop();
    }
}
