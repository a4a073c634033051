//! Payments beside the rate of their currency, from a table that every process has in full.

use std::collections::{BTreeMap, BTreeSet};

use topo::state::{i64_be, utf8};
use topo::testkit::sim::{Input, Outcome, Random, Scenario};
use topo::{Builder, KeyValue, Topic, Topology};

const PARTITIONS: i32 = 2;

pub(crate) struct Everywhere;

/// Number of the payment under any key; its value is the currency.
fn payments() -> Topic<String, String> {
    Topic::new("payments", utf8(), utf8())
}

fn rates() -> Topic<String, Option<i64>> {
    Topic::new("rates", utf8(), i64_be())
}

/// The rate beside the number of the payment; 0 when there was none.
fn rated() -> Topic<String, i64> {
    Topic::new("rated", utf8(), i64_be())
}

impl Scenario for Everywhere {
    fn name(&self) -> &str {
        "everywhere"
    }

    fn topology(&self) -> Topology {
        let app = Builder::new("everywhere");
        let table = app.global_table("rates", &rates(), KeyValue::new("rates-store", utf8(), i64_be()));
        app.stream("payments", &payments())
            .left_join_global(
                "rate",
                &table,
                |_, currency| currency.clone(),
                |_, _, rate: Option<&i64>| rate.copied().unwrap_or(0),
            )
            .to("rated", &rated());
        app.build().expect("the topology is right")
    }

    fn topics(&self) -> Vec<(String, i32)> {
        vec![("payments".into(), PARTITIONS), ("rates".into(), PARTITIONS)]
    }

    fn input(&self, random: &mut Random) -> Vec<Input> {
        let one = |random: &mut Random, number: i64| {
            let currency = ["CHF", "EUR", "USD"][random.below(3)].to_owned();
            match random.below(6) {
                0 => Input::new(&rates(), PARTITIONS, &currency, &None, number),
                1 | 2 => Input::new(&rates(), PARTITIONS, &currency, &Some(number + 1), number),
                _ => Input::new(&payments(), PARTITIONS, &number.to_string(), &currency, number),
            }
        };
        (0..random.between(10, 50)).map(|number| one(random, number)).collect()
    }

    /// Every payment once, in the order of its partition, beside a rate that its currency had at some time: how far a process
    /// is in the table's topic is its own affair.
    fn check(&self, outcome: &Outcome) -> Result<(), String> {
        let mut ever: BTreeMap<String, BTreeSet<i64>> = BTreeMap::new();
        for record in outcome.read(&rates())?.into_iter().flatten() {
            ever.entry(record.key).or_default().insert(record.value.unwrap_or(0));
        }
        let (payments, rated) = (outcome.read(&payments())?, outcome.read(&rated())?);
        for (partition, payments) in payments.iter().enumerate() {
            let results = rated.get(partition).map(Vec::as_slice).unwrap_or_default();
            let numbers: Vec<&String> = results.iter().map(|result| &result.key).collect();
            let right = match outcome.exactly_once() {
                true => numbers.iter().copied().eq(payments.iter().map(|payment| &payment.key)),
                false => payments.iter().all(|payment| numbers.contains(&&payment.key)),
            };
            if !right {
                return Err(format!("payments {:?} gave {numbers:?}", payments.iter().map(|it| &it.key)));
            }
            for result in results {
                let currency = payments.iter().find(|it| it.key == result.key).map(|it| &it.value);
                let rates = currency.and_then(|currency| ever.get(currency));
                if result.value != 0 && !rates.is_some_and(|rates| rates.contains(&result.value)) {
                    return Err(format!("{} of {currency:?} was never {}", result.key, result.value));
                }
            }
        }
        Ok(())
    }
}
