//! The applications under the simulator: made-up input, and the models that share no code with them.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use serde_json::Value;
use topo::testkit::sim::{Input, Outcome, Random, Scenario};
use topo::{Headers, RawRecord, Topology};
use topologies::cdc::{Catalogue, DecoderConfig};
use topologies::generate::{self, OrdersGenerator, PaymentsGenerator, WireRecord};
use topologies::model::{
    ExpectedDeadLetter, OrdersModel, OrdersModelConfig, PaymentsModel, PaymentsModelConfig,
};
use topologies::orders::{self, OrdersConfig};
use topologies::tazama::{self, VelocityConfig};

const PARTITIONS: i32 = 2;

/// Both applications.
pub(crate) fn all() -> Vec<Box<dyn Scenario>> {
    vec![Box::new(Orders), Box::new(Velocity)]
}

pub(crate) struct Orders;
pub(crate) struct Velocity;

impl Scenario for Orders {
    fn name(&self) -> &str {
        "orders"
    }

    fn topology(&self) -> Topology {
        let config = OrdersConfig::sales().expect("the catalogue is right");
        orders::topology(&config).expect("the topology is right")
    }

    fn topics(&self) -> Vec<(String, i32)> {
        generate::orders_topics("oracle-cdc", "SALES").map(|topic| (topic, PARTITIONS)).to_vec()
    }

    fn input(&self, random: &mut Random) -> Vec<Input> {
        let config = generate::OrdersConfig {
            seed: random.draw(),
            events: 10 + random.below(60) as u64,
            customers: 4,
            products: 3,
            replays_per_mille: 60,
            delays_per_mille: 50,
            incremental_per_mille: 50,
            ..generate::OrdersConfig::default()
        };
        OrdersGenerator::new(config).map(|record| input(&record)).collect()
    }

    fn check(&self, outcome: &Outcome) -> Result<(), String> {
        let decoder = DecoderConfig::new(Catalogue::sales().map_err(|error| error.to_string())?);
        let mut model = OrdersModel::new(OrdersModelConfig::new(decoder));
        for topic in generate::orders_topics("oracle-cdc", "SALES") {
            each(outcome, &topic, |partition, offset, record| model.apply(&topic, partition, offset, record));
        }
        let id = |key: &str| key.parse::<i64>().unwrap_or(-1);
        if !outcome.exactly_once() {
            // A process that was stopped may have brought an old value back, and a sum may count a change twice; but every
            // order that must be there was said.
            let said: BTreeSet<i64> = keys(outcome, "orders.enriched").iter().map(|key| id(key)).collect();
            let missing: Vec<_> =
                model.expected_enriched().into_keys().filter(|id| !said.contains(id)).collect();
            if !missing.is_empty() {
                return Err(format!("orders {missing:?} were never said"));
            }
            return letters(outcome, model.expected_dead_letters(), "orders-dead-letters");
        }
        let enriched = newest(outcome, "orders.enriched").into_iter().map(|(key, value)| (id(&key), value));
        let differences = model.differences_enriched(&enriched.collect());
        if !differences.is_empty() {
            return Err(differences.join("; "));
        }
        let (expected, revenue) = (model.expected_revenue(), newest(outcome, "orders.revenue"));
        if expected != revenue {
            return Err(format!("revenue is {revenue:?} instead of {expected:?}"));
        }
        let alerts = values(outcome, "orders.alerts");
        let alerted: Vec<i64> = alerts.iter().filter_map(|alert| alert["order_id"].as_i64()).collect();
        let once: BTreeSet<i64> = alerted.iter().copied().collect();
        let expected = model.expected_alerts();
        if once.len() != alerted.len() {
            return Err(format!("alerted twice: {alerted:?}"));
        }
        if !expected.required.is_subset(&once) || !once.is_subset(&expected.permitted) {
            return Err(format!("alerted {once:?}; {expected:?}"));
        }
        letters(outcome, model.expected_dead_letters(), "orders-dead-letters")
    }
}

impl Scenario for Velocity {
    fn name(&self) -> &str {
        "velocity"
    }

    fn topology(&self) -> Topology {
        tazama::topology(&VelocityConfig::default()).expect("the topology is right")
    }

    fn topics(&self) -> Vec<(String, i32)> {
        vec![("transactions".into(), PARTITIONS)]
    }

    fn input(&self, random: &mut Random) -> Vec<Input> {
        let config = generate::PaymentsConfig {
            seed: random.draw(),
            events: 10 + random.below(50) as u64,
            per_minute: [60, 6, 1][random.below(3)],
            accounts: 8,
            busy_account_per_mille: 200,
            duplicates_per_mille: 80,
            out_of_order_per_mille: 150,
            late_per_mille: 30,
            partitions: Some(PARTITIONS),
            ..generate::PaymentsConfig::default()
        };
        PaymentsGenerator::new(config).map(|record| input(&record)).collect()
    }

    fn check(&self, outcome: &Outcome) -> Result<(), String> {
        let mut model = PaymentsModel::new(PaymentsModelConfig::default());
        each(outcome, "transactions", |partition, offset, record| {
            model.apply("transactions", partition, offset, record);
        });
        let mut found: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for verdict in values(outcome, "velocity.verdicts") {
            let id = verdict["transactionId"].as_str().unwrap_or_default().to_owned();
            found.entry(id).or_default().push(verdict);
        }
        if !outcome.exactly_once() {
            // What was said again, or before a crash, may have counted more or less; but every payment is answered, and none is
            // made up.
            let expected = model.expected_verdicts();
            if !found.keys().eq(expected.keys()) {
                return Err(format!("verdicts {:?} instead of {:?}", found.keys(), expected.keys()));
            }
            return letters(outcome, model.expected_dead_letters(), "velocity-dead-letters");
        }
        for (id, expected) in model.expected_verdicts() {
            let verdicts = found.remove(&id).unwrap_or_default();
            if verdicts.len() != 1 || expected.determined && verdicts[0] != expected.value {
                return Err(format!("payment {id}: {verdicts:?} instead of {:?}", expected.value));
            }
        }
        if !found.is_empty() {
            return Err(format!("verdicts of no payment: {:?}", found.keys()));
        }
        letters(outcome, model.expected_dead_letters(), "velocity-dead-letters")
    }
}

fn input(record: &WireRecord) -> Input {
    let bytes = |bytes: &Option<Vec<u8>>| bytes.as_deref().map(Bytes::copy_from_slice);
    let headers = record.headers.iter().fold(Headers::new(), |mut headers, (name, value)| {
        headers.push(name.as_str(), value.clone());
        headers
    });
    let (key, value) = (bytes(&record.key), bytes(&record.value));
    let raw = RawRecord { key, value, timestamp: record.timestamp_ms, headers };
    Input { topic: record.topic.clone(), partition: record.partition(PARTITIONS), record: raw }
}

/// Shows a model the records of a topic, partition by partition.
fn each(outcome: &Outcome, topic: &str, mut apply: impl FnMut(i32, i64, &WireRecord)) {
    for (partition, records) in (0..).zip(outcome.raw(topic)) {
        for (offset, raw) in records {
            let record = WireRecord {
                topic: topic.to_owned(),
                key: raw.key.as_deref().map(<[u8]>::to_vec),
                value: raw.value.as_deref().map(<[u8]>::to_vec),
                timestamp_ms: raw.timestamp,
                headers: Vec::new(),
            };
            apply(partition, *offset, &record);
        }
    }
}

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap_or(Value::Null)
}

/// The last value of every key that was not deleted.
fn newest(outcome: &Outcome, topic: &str) -> BTreeMap<String, Value> {
    let mut newest = BTreeMap::new();
    for (_, record) in outcome.raw(topic).iter().flatten() {
        let key = String::from_utf8_lossy(record.key.as_deref().unwrap_or_default()).into_owned();
        match record.value.as_deref() {
            Some(value) => drop(newest.insert(key, json(value))),
            None => drop(newest.remove(&key)),
        }
    }
    newest
}

/// Every key that was ever written.
fn keys(outcome: &Outcome, topic: &str) -> BTreeSet<String> {
    let records = outcome.raw(topic).iter().flatten();
    records
        .map(|(_, record)| String::from_utf8_lossy(record.key.as_deref().unwrap_or_default()).into_owned())
        .collect()
}

fn values(outcome: &Outcome, topic: &str) -> Vec<Value> {
    let records = outcome.raw(topic).iter().flatten();
    records.map(|(_, record)| record.value.as_deref().map_or(Value::Null, json)).collect()
}

/// Exactly one dead letter for every record that must be one.
fn letters(outcome: &Outcome, expected: &[ExpectedDeadLetter], topic: &str) -> Result<(), String> {
    let mut found: Vec<(String, i32, i64)> = Vec::new();
    for (_, letter) in outcome.raw(topic).iter().flatten() {
        let header = |name: &str| {
            let text = letter.headers.last(&format!("__streams.errors.{name}")).unwrap_or_default();
            String::from_utf8_lossy(text).into_owned()
        };
        let number = |name: &str| header(name).parse::<i64>().unwrap_or(-1);
        let partition = i32::try_from(number("partition")).unwrap_or(-1);
        found.push((header("topic"), partition, number("offset")));
    }
    let mut wanted: Vec<_> = expected.iter().map(|it| (it.topic.clone(), it.partition, it.offset)).collect();
    found.sort();
    wanted.sort();
    if !outcome.exactly_once() {
        found.dedup();
    }
    if found == wanted { Ok(()) } else { Err(format!("dead letters {found:?} instead of {wanted:?}")) }
}
