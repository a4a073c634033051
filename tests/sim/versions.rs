//! Prices that change over time, some of them told late: what was each worth a moment before?

use std::collections::BTreeMap;

use topo::state::{VersionedStore, i64_be, utf8};
use topo::testkit::sim::{Input, Outcome, Random, Scenario};
use topo::{Builder, Context, Fault, KeyValue, Processor, Record, StoreHandle, Topic, Topology};

const PARTITIONS: i32 = 2;
const HISTORY_MS: i64 = 100;
/// How far back each record asks.
const BACK_MS: i64 = 30;

pub(crate) struct Versions;

fn prices() -> Topic<String, i64> {
    Topic::new("prices", utf8(), i64_be())
}

/// What the price was before; -1 when there was none.
fn before() -> Topic<String, i64> {
    Topic::new("before", utf8(), i64_be())
}

/// Puts a price and asks for the one a moment earlier. A price of 0 deletes.
struct Ask(StoreHandle<VersionedStore<String, i64>>);

impl Processor for Ask {
    type KeyIn = String;
    type ValueIn = i64;
    type KeyOut = String;
    type ValueOut = i64;

    fn process(
        &mut self,
        record: Record<String, i64>,
        ctx: &mut Context<'_, '_, String, i64>,
    ) -> Result<(), Fault> {
        let store = ctx.store(self.0)?;
        let price = Some(record.value).filter(|price| *price != 0);
        store.put(&record.key, price, record.timestamp)?;
        let before = store.get_as_of(&record.key, record.timestamp - BACK_MS)?.map_or(-1, |it| it.value);
        ctx.forward(record.with_value(before))
    }
}

impl Scenario for Versions {
    fn name(&self) -> &str {
        "versions"
    }

    fn topology(&self) -> Topology {
        let app = Builder::new("versions");
        let then = KeyValue::<String, i64>::new("then", utf8(), i64_be()).history_ms(HISTORY_MS);
        let then = app.versioned_store(then);
        app.stream("prices", &prices()).process("ask", then, move || Ask(then)).to("before", &before());
        app.build().expect("the topology is right")
    }

    fn topics(&self) -> Vec<(String, i32)> {
        vec![("prices".into(), PARTITIONS)]
    }

    fn input(&self, random: &mut Random) -> Vec<Input> {
        let price = |random: &mut Random, number: i64| {
            let key = ["a", "b", "c"][random.below(3)].to_owned();
            let price = if random.chance(1, 6) { 0 } else { number + 1 };
            let time = number * 10 - random.between(0, 150);
            Input::new(&prices(), PARTITIONS, &key, &price, time.max(0))
        };
        (0..random.between(10, 50)).map(|number| price(random, number)).collect()
    }

    /// Record by record, from all that was told before it.
    fn check(&self, outcome: &Outcome) -> Result<(), String> {
        let (prices, before) = (outcome.read(&prices())?, outcome.read(&before())?);
        for (partition, prices) in prices.iter().enumerate() {
            let results = before.get(partition).map(Vec::as_slice).unwrap_or_default();
            let answers: Vec<(&String, i64)> = results.iter().map(|it| (&it.key, it.value)).collect();
            let expected = expected(prices);
            let right = match outcome.exactly_once() {
                true => answers == expected,
                false => answers.len() >= expected.len(),
            };
            if !right {
                return Err(format!("answers {answers:?} instead of {expected:?}"));
            }
        }
        Ok(())
    }
}

fn expected(prices: &[Record<String, i64>]) -> Vec<(&String, i64)> {
    let mut told: BTreeMap<&String, BTreeMap<i64, i64>> = BTreeMap::new();
    let mut stream_time = i64::MIN;
    let mut answers = Vec::new();
    for record in prices {
        stream_time = stream_time.max(record.timestamp);
        let (horizon, asked) = (stream_time - HISTORY_MS, record.timestamp - BACK_MS);
        let versions = told.entry(&record.key).or_default();
        if record.timestamp >= horizon {
            versions.insert(record.timestamp, record.value);
        }
        let newest = versions.last_key_value().filter(|(time, _)| **time <= asked);
        let then = versions.range(..=asked).next_back().filter(|_| asked >= horizon);
        let price = newest.or(then).map_or(0, |(_, price)| *price);
        answers.push((&record.key, if price == 0 { -1 } else { price }));
    }
    answers
}
