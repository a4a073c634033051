//! The PostgreSQL exit: what is in `orders.enriched` is in the tables, whoever is killed or down.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sqlx::Row;
use topo::broker::memory::MemoryBroker;
use topo::broker::{Broker, GroupProtocol, NewTopic, Outgoing, ProducerConfig};
use topo::{Headers, Partition};
use topologies::ods::{Exit, OdsConfig, OdsError, Status};

use crate::support::postgres::Postgres;

const PARTITIONS: i32 = 3;
const PATIENCE: Duration = Duration::from_secs(60);

/// A broker with the topic, a database, and writers and exits on them.
struct Stage {
    broker: Arc<MemoryBroker>,
    url: String,
    runtime: tokio::runtime::Runtime,
    now_ms: i64,
    exits: AtomicUsize,
}

impl Stage {
    fn new(server: &Postgres) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let name = server.unique("ods");
        runtime.block_on(async {
            let pool = sqlx::PgPool::connect(server.url()).await.unwrap();
            let create = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
            sqlx::query(create).execute(&pool).await.unwrap();
        });
        let (base, _) = server.url().rsplit_once('/').unwrap();
        let broker = Arc::new(MemoryBroker::new());
        broker.advance(1);
        Self { broker, url: format!("{base}/{name}"), runtime, now_ms: 1, exits: AtomicUsize::new(0) }
    }

    fn create_topic(&self) {
        let topic = NewTopic {
            name: "orders.enriched".into(),
            partitions: PARTITIONS,
            replication: 1,
            settings: BTreeMap::new(),
        };
        self.broker.admin().unwrap().create(&[topic]).unwrap();
    }

    fn config(&self) -> OdsConfig {
        OdsConfig {
            group: "orders-ods".into(),
            client_id: format!("exit-{}", self.exits.fetch_add(1, Ordering::Relaxed)),
            instance_id: None,
            topic: "orders.enriched".into(),
            dead_letters: "orders-dead-letters".into(),
            database_url: self.url.clone(),
            window_us: 300_000_000,
            protocol: GroupProtocol::Classic,
            session_timeout: Duration::from_secs(10),
            heartbeat_interval: Duration::from_secs(3),
            replication: 1,
        }
    }

    fn exit(&self) -> Exit {
        Exit::new(self.config(), self.broker.clone()).unwrap()
    }

    fn write(&self, id: i64, value: Option<&Value>) {
        self.write_raw(&id.to_string(), value.map(Value::to_string), (id % i64::from(PARTITIONS)) as i32);
    }

    fn write_raw(&self, key: &str, value: Option<String>, partition: i32) {
        let config = ProducerConfig {
            client_id: "test".into(),
            transactional_id: None,
            transaction_timeout: Duration::from_secs(10),
            linger: Duration::ZERO,
        };
        let mut producer = self.broker.producer(&config).unwrap();
        let record = Outgoing {
            topic: "orders.enriched",
            partition,
            key: Some(key.as_bytes()),
            value: value.as_deref().map(str::as_bytes),
            timestamp: 5,
            headers: &Headers::new(),
            slot: None,
        };
        producer.send(record).unwrap();
        assert!(producer.delivered(Duration::from_secs(1)).failure.is_none());
    }

    fn step(&mut self, exit: &mut Exit) -> Result<Status, OdsError> {
        self.now_ms += 50;
        self.broker.advance(self.now_ms);
        exit.step(self.now_ms, Duration::from_millis(1))
    }

    /// Steps the exits until the tables are as they must be.
    #[track_caller]
    fn until_tables_are(&mut self, exits: &mut [Exit], expected: &BTreeMap<i64, Value>) {
        let begun = Instant::now();
        loop {
            for exit in &mut *exits {
                self.step(exit).unwrap();
            }
            let actual = self.tables();
            if actual.as_ref() == Some(expected) {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "the tables are {actual:?}\nand should be {expected:?}");
        }
    }

    /// The tables in the form of the topic; `None` while there are none.
    fn tables(&self) -> Option<BTreeMap<i64, Value>> {
        const ROWS: &str = "
            SELECT o.order_id, to_jsonb(o) - 'processed_at' - 'src_partition' - 'src_offset' || jsonb_build_object(
                'items', COALESCE((SELECT jsonb_agg(to_jsonb(i) - 'order_id' ORDER BY i.item_id)
                    FROM cdc_orders_enriched_items i WHERE i.order_id = o.order_id), '[]')) #>> '{}'
            FROM (SELECT order_id, customer_id, customer_name, customer_tier, customer_region,
                order_date AT TIME ZONE 'UTC' AS order_date, status, total_amount::text,
                window_start AT TIME ZONE 'UTC' AS window_start, window_end AT TIME ZONE 'UTC' AS window_end,
                source_ts AT TIME ZONE 'UTC' AS source_ts, processed_at, src_partition, src_offset
                FROM cdc_orders_enriched) o";
        self.runtime.block_on(async {
            let pool = sqlx::PgPool::connect(&self.url).await.ok()?;
            let rows = sqlx::query(ROWS).fetch_all(&pool).await.ok()?;
            let row = |row: &sqlx::postgres::PgRow| {
                let text: String = row.get(1);
                (row.get(0), serde_json::from_str(&text).unwrap())
            };
            Some(rows.iter().map(row).collect())
        })
    }
}

fn item(id: i64) -> Value {
    json!({"item_id": id, "product_id": 9, "product_name": null, "category": "TOYS", "quantity": 2,
        "unit_price": "1.50", "subtotal": "3.00"})
}

fn order(id: i64, status: &str, items: &[i64]) -> Value {
    json!({"order_id": id, "customer_id": 5, "customer_name": "Ann", "customer_tier": "GOLD",
        "customer_region": null, "order_date": "2024-01-20T08:17:30.123456Z", "status": status,
        "total_amount": "12.50", "items": items.iter().map(|id| item(*id)).collect::<Vec<_>>(),
        "source_ts": "2024-01-20T08:17:31Z"})
}

/// The row of an order, as [`Stage::tables`] shows it.
fn row(id: i64, status: &str, items: &[i64]) -> Value {
    let mut row = order(id, status, items);
    row["order_date"] = json!("2024-01-20T08:17:30.123456");
    row["source_ts"] = json!("2024-01-20T08:17:31");
    row["window_start"] = json!("2024-01-20T08:15:00");
    row["window_end"] = json!("2024-01-20T08:20:00");
    for item in row["items"].as_array_mut().unwrap() {
        item["unit_price"] = json!(1.50);
        item["subtotal"] = json!(3.00);
    }
    row
}

#[test]
fn orders_and_items_are_written_replaced_and_deleted() {
    let mut stage = Stage::new(Postgres::shared());
    stage.create_topic();
    let mut exits = [stage.exit()];
    stage.write(1, Some(&order(1, "NEW", &[10, 11])));
    stage.write(2, Some(&order(2, "NEW", &[20])));
    let expected = BTreeMap::from([(1, row(1, "NEW", &[10, 11])), (2, row(2, "NEW", &[20]))]);
    stage.until_tables_are(&mut exits, &expected);

    // An item moves from order 1 to order 2; another order comes and goes.
    stage.write(1, Some(&order(1, "PAID", &[10])));
    stage.write(2, Some(&order(2, "NEW", &[11, 20])));
    stage.write(3, Some(&order(3, "NEW", &[30])));
    let expected = BTreeMap::from([
        (1, row(1, "PAID", &[10])),
        (2, row(2, "NEW", &[11, 20])),
        (3, row(3, "NEW", &[30])),
    ]);
    stage.until_tables_are(&mut exits, &expected);
    stage.write(3, None);
    stage.write(2, None);
    stage.until_tables_are(&mut exits, &BTreeMap::from([(1, row(1, "PAID", &[10]))]));
}

#[test]
fn without_its_topic_it_waits_and_says_which() {
    let mut stage = Stage::new(Postgres::shared());
    let mut exit = stage.exit();
    let Status::Waiting(reason) = stage.step(&mut exit).unwrap() else { panic!("it must wait") };
    assert!(reason.contains("orders.enriched"), "{reason}");
    stage.create_topic();
    stage.write(1, Some(&order(1, "NEW", &[])));
    stage.until_tables_are(&mut [exit], &BTreeMap::from([(1, row(1, "NEW", &[]))]));
}

#[test]
fn a_database_that_goes_away_is_waited_for_and_nothing_is_lost() {
    let server = Postgres::start();
    let mut stage = Stage::new(&server);
    stage.create_topic();
    let mut exits = [stage.exit()];
    stage.write(1, Some(&order(1, "NEW", &[])));
    stage.until_tables_are(&mut exits, &BTreeMap::from([(1, row(1, "NEW", &[]))]));

    server.kill9();
    stage.write(1, Some(&order(1, "PAID", &[10])));
    stage.write(2, Some(&order(2, "NEW", &[])));
    let begun = Instant::now();
    loop {
        if let Status::Waiting(reason) = stage.step(&mut exits[0]).unwrap() {
            assert!(reason.contains("database"), "{reason}");
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "it does not notice that the database is gone");
    }
    server.restart();
    let expected = BTreeMap::from([(1, row(1, "PAID", &[10])), (2, row(2, "NEW", &[]))]);
    stage.until_tables_are(&mut exits, &expected);
}

#[test]
fn crashed_and_rivalling_exits_apply_every_state_once_and_in_order() {
    let mut stage = Stage::new(Postgres::shared());
    stage.create_topic();
    let mut exits = vec![stage.exit(), stage.exit()];
    let mut expected = BTreeMap::new();
    for round in 0..12_i64 {
        for id in 0..20 {
            let status = format!("R{round}");
            if (id + round) % 7 == 0 {
                stage.write(id, None);
                expected.remove(&id);
            } else {
                stage.write(id, Some(&order(id, &status, &[id * 10 + round % 3])));
                expected.insert(id, row(id, &status, &[id * 10 + round % 3]));
            }
        }
        let crashed = usize::try_from(round % 2).unwrap();
        stage.step(&mut exits[crashed]).unwrap();
        // Gone without a goodbye: its partitions are its own until the session is over.
        exits[crashed] = stage.exit();
        stage.now_ms += 11_000;
    }
    stage.until_tables_are(&mut exits, &expected);
}

#[test]
fn what_is_no_order_becomes_a_dead_letter_and_the_rest_goes_on() {
    let mut stage = Stage::new(Postgres::shared());
    stage.create_topic();
    let mut exits = [stage.exit()];
    stage.write_raw("1", Some("{".into()), 1);
    stage.write(1, Some(&order(1, "NEW", &[])));
    stage.until_tables_are(&mut exits, &BTreeMap::from([(1, row(1, "NEW", &[]))]));
    let mut admin = stage.broker.admin().unwrap();
    let topic = "orders-dead-letters".to_owned();
    assert!(admin.partitions(std::slice::from_ref(&topic)).unwrap().contains_key(&topic));
    let config = topo::broker::ConsumerConfig {
        client_id: "test".into(),
        group: None,
        isolation: topo::broker::Isolation::ReadCommitted,
        buffer_bytes: 1 << 20,
    };
    let mut consumer = stage.broker.consumer(&config).unwrap();
    // As many partitions as the input has, and the letter in the one of its record.
    let partition = Partition::new(&*topic, 1);
    let start = topo::broker::StartOffset::Earliest;
    consumer.assign(&[topo::broker::Assignment { partition, start, slot: 0 }]).unwrap();
    let mut letters = Vec::new();
    consumer.poll(10, Duration::from_secs(1), &mut letters).unwrap();
    assert_eq!(1, letters.len());
    let record = &letters[0].record;
    assert_eq!(Some(&b"{"[..]), record.value.as_deref());
    assert_eq!(Some(&b"SCHEMA_MISMATCH"[..]), record.headers.last("dlq.error.type"));
    assert_eq!(Some(&b"1"[..]), record.headers.last("__streams.errors.partition"));
}

#[test]
fn a_topic_that_was_made_anew_is_an_error_that_says_what_to_do() {
    let mut stage = Stage::new(Postgres::shared());
    stage.create_topic();
    for status in ["A", "B", "C"] {
        stage.write(1, Some(&order(1, status, &[])));
    }
    stage.until_tables_are(&mut [stage.exit()], &BTreeMap::from([(1, row(1, "C", &[]))]));
    stage.broker = Arc::new(MemoryBroker::new());
    stage.broker.advance(stage.now_ms);
    stage.create_topic();
    let mut exit = stage.exit();
    let begun = Instant::now();
    let error = loop {
        match stage.step(&mut exit) {
            Err(error) => break error.to_string(),
            Ok(_) => assert!(begun.elapsed() < PATIENCE, "it reads a topic that is not the one it knew"),
        }
    };
    assert!(error.contains("cdc_exit_offsets") && error.contains("orders.enriched-1"), "{error}");
}
