//! Orders beside the newest known name of their customer: a stream joined with a table.

use std::collections::BTreeMap;

use topo::state::{i64_be, utf8};
use topo::testkit::sim::{Input, Outcome, Random, Scenario};
use topo::{Builder, KeyValue, Topic, Topology};

const PARTITIONS: i32 = 2;

pub(crate) struct Joined;

fn orders() -> Topic<String, i64> {
    Topic::new("orders", utf8(), i64_be())
}

fn names() -> Topic<String, Option<String>> {
    Topic::new("names", utf8(), utf8())
}

/// Number of the order, and the name beside it.
fn named() -> Topic<String, String> {
    Topic::new("named", utf8(), utf8())
}

impl Scenario for Joined {
    fn name(&self) -> &str {
        "joined"
    }

    fn topology(&self) -> Topology {
        let app = Builder::new("joined");
        let table = app.table("names", &names(), KeyValue::new("names-store", utf8(), utf8()));
        app.stream("orders", &orders())
            .left_join_table("name", &table, |_, number, name: Option<&String>| {
                format!("{number}:{}", name.map_or("", String::as_str))
            })
            .to("named", &named());
        app.build().expect("the topology is right")
    }

    fn topics(&self) -> Vec<(String, i32)> {
        vec![("orders".into(), PARTITIONS), ("names".into(), PARTITIONS)]
    }

    fn input(&self, random: &mut Random) -> Vec<Input> {
        let one = |random: &mut Random, number: i64| {
            let key = ["a", "b", "c", "d"][random.below(4)].to_owned();
            let time = number * 10 + random.between(0, 30);
            match random.below(5) {
                0 => Input::new(&names(), PARTITIONS, &key, &None, time),
                1 | 2 => Input::new(&names(), PARTITIONS, &key, &Some(format!("n{number}")), time),
                _ => Input::new(&orders(), PARTITIONS, &key, &number, time),
            }
        };
        (0..random.between(10, 50)).map(|number| one(random, number)).collect()
    }

    /// Every order once, in order, beside the name at some moment that never lies before that of the order before it.
    fn check(&self, outcome: &Outcome) -> Result<(), String> {
        let (orders, names, named) =
            (outcome.read(&orders())?, outcome.read(&names())?, outcome.read(&named())?);
        for (partition, orders) in orders.iter().enumerate() {
            let updates = names.get(partition).map(Vec::as_slice).unwrap_or_default();
            let results = named.get(partition).map(Vec::as_slice).unwrap_or_default();
            if !outcome.exactly_once() {
                let missing = orders.iter().find(|order| {
                    !results.iter().any(|it| it.value.split(':').next() == Some(&order.value.to_string()))
                });
                if let Some(order) = missing {
                    return Err(format!("order {} of {} is missing", order.value, order.key));
                }
                continue;
            }
            if results.len() != orders.len() {
                return Err(format!("{} orders gave {} results", orders.len(), results.len()));
            }
            let (mut seen, mut table) = (0, BTreeMap::new());
            for (order, result) in orders.iter().zip(results) {
                let is = |table: &BTreeMap<&String, &Option<String>>| {
                    let name = table.get(&order.key).and_then(|name| name.as_deref()).unwrap_or_default();
                    result.key == order.key && result.value == format!("{}:{name}", order.value)
                };
                while !is(&table) {
                    let Some(update) = updates.get(seen) else {
                        let what = format!("order {} of {}", order.value, order.key);
                        return Err(format!("{what} gave {:?}, which was never true then", result.value));
                    };
                    table.insert(&update.key, &update.value);
                    seen += 1;
                }
            }
        }
        Ok(())
    }
}
