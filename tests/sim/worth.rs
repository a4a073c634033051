//! Orders beside the price of their own time, for which they wait a while: a stream joined with grace to a table that
//! keeps its history.
//!
//! Orders and prices are parts of one topic, so what each order meets is known to the record.

use std::collections::BTreeMap;

use topo::state::utf8;
use topo::testkit::sim::{Input, Outcome, Random, Scenario};
use topo::{Builder, KeyValue, Record, Topic, Topology};

const PARTITIONS: i32 = 2;
const GRACE_MS: i64 = 60;
const HISTORY_MS: i64 = 100;
/// The time of the last orders, by which no other one waits.
const END_MS: i64 = 1_000_000;
const KEYS: [&str; 3] = ["a", "b", "c"];

pub(crate) struct Worth;

/// `o<number>` is an order, `p<price>` the new price of the key, nothing the end of its price.
fn events() -> Topic<String, Option<String>> {
    Topic::new("events", utf8(), utf8())
}

/// `<order>:<price>`, the price empty if there was none.
fn worth() -> Topic<String, String> {
    Topic::new("worth", utf8(), utf8())
}

fn is_order(event: Option<&String>) -> bool {
    event.is_some_and(|event| event.starts_with('o'))
}

impl Scenario for Worth {
    fn name(&self) -> &str {
        "worth"
    }

    fn topology(&self) -> Topology {
        let app = Builder::new("worth");
        let events = app.stream("events", &events());
        let orders = events.filter("orders", |_, event| is_order(event.as_ref()));
        let prices = events
            .filter_not("prices", |_, event| is_order(event.as_ref()))
            .to_table("price", KeyValue::new("prices-store", utf8(), utf8()).history_ms(HISTORY_MS));
        orders
            .left_join_table_with_grace("worth", &prices, GRACE_MS, |_, order, price: Option<&String>| {
                format!("{order}:{}", price.map_or("", String::as_str))
            })
            .to("write", &worth());
        app.build().expect("the topology is right")
    }

    fn topics(&self) -> Vec<(String, i32)> {
        vec![("events".into(), PARTITIONS)]
    }

    fn input(&self, random: &mut Random) -> Vec<Input> {
        let event = |random: &mut Random, number: i64| {
            let key = KEYS[random.below(KEYS.len())].to_owned();
            let (event, back) = match random.below(8) {
                0 => (None, 150),
                1..=3 => (Some(format!("p{number}")), 150),
                _ => (Some(format!("o{number}")), 90),
            };
            let time = number * 10 - random.between(0, back);
            Input::new(&events(), PARTITIONS, &key, &event, time.max(0))
        };
        let mut all: Vec<Input> = (0..random.between(10, 50)).map(|number| event(random, number)).collect();
        let last = |key: &&str| {
            Input::new(&events(), PARTITIONS, &(*key).to_owned(), &Some("o-last".to_owned()), END_MS)
        };
        all.extend(KEYS.iter().map(last));
        all
    }

    /// Record by record, from all that was told before it.
    fn check(&self, outcome: &Outcome) -> Result<(), String> {
        let (events, results) = (outcome.read(&events())?, outcome.read(&worth())?);
        for (partition, events) in events.iter().enumerate() {
            let results = results.get(partition).map(Vec::as_slice).unwrap_or_default();
            let found: Vec<Joined> =
                results.iter().map(|it| (it.timestamp, it.key.clone(), it.value.clone())).collect();
            let expected = Model::default().run(events);
            // An order that is said again may meet a price that came later the first time.
            let orders = |of: &[Joined]| -> std::collections::BTreeSet<Option<String>> {
                of.iter().map(|(_, _, joined)| joined.split(':').next().map(str::to_owned)).collect()
            };
            let right = match outcome.exactly_once() {
                true => found == expected,
                false => orders(&found).is_superset(&orders(&expected)),
            };
            if !right {
                return Err(format!("orders {found:?} instead of {expected:?}"));
            }
        }
        Ok(())
    }
}

/// Time, key, and `<order>:<price>`.
type Joined = (i64, String, String);

/// All prices ever told, and the orders that wait, in one partition.
#[derive(Default)]
struct Model {
    told: BTreeMap<String, BTreeMap<i64, Option<String>>>,
    newest_price: i64,
    newest_order: i64,
    /// In the order in which they came.
    waiting: Vec<(i64, String, String)>,
    joined: Vec<Joined>,
}

impl Model {
    fn run(mut self, events: &[Record<String, Option<String>>]) -> Vec<Joined> {
        for Record { key, value, timestamp, .. } in events {
            match value {
                Some(order) if is_order(value.as_ref()) => self.order(key, order, *timestamp),
                price => {
                    self.newest_price = self.newest_price.max(*timestamp);
                    if *timestamp >= self.newest_price - HISTORY_MS {
                        self.told.entry(key.clone()).or_default().insert(*timestamp, price.clone());
                    }
                }
            }
        }
        self.joined
    }

    fn order(&mut self, key: &str, order: &str, time: i64) {
        self.newest_order = self.newest_order.max(time);
        let until = self.newest_order - GRACE_MS;
        if time > until {
            self.waiting.push((time, key.to_owned(), order.to_owned()));
        } else {
            self.join(time, key, order);
        }
        let (mut over, waiting): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.waiting).into_iter().partition(|(time, ..)| *time <= until);
        self.waiting = waiting;
        over.sort_by(|one, other| (one.0, &one.1).cmp(&(other.0, &other.1)));
        over.iter().for_each(|(time, key, order)| self.join(*time, key, order));
    }

    /// The price at that time. Longer ago than the history only one that nothing has replaced is known.
    fn join(&mut self, time: i64, key: &str, order: &str) {
        let versions = self.told.get(key);
        let newest = versions.and_then(BTreeMap::last_key_value).filter(|(since, _)| **since <= time);
        let then = versions.and_then(|versions| versions.range(..=time).next_back());
        let then = then.filter(|_| time >= self.newest_price - HISTORY_MS);
        let price = newest.or(then).and_then(|(_, price)| price.as_deref());
        self.joined.push((time, key.to_owned(), format!("{order}:{}", price.unwrap_or_default())));
    }
}
