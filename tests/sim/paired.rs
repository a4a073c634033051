//! Clicks beside the orders that come soon before or after them: two streams joined in a window.

use std::collections::BTreeMap;

use topo::state::{i64_be, utf8};
use topo::testkit::sim::{Input, Outcome, Random, Scenario};
use topo::{Builder, JoinWindows, StreamJoined, Topic, Topology};

const PARTITIONS: i32 = 2;
const WITHIN_MS: i64 = 60;
/// Longer than a run: which of the two topics is read first must not decide what is too late.
const GRACE_MS: i64 = 10_000;

pub(crate) struct Paired;

fn clicks() -> Topic<String, i64> {
    Topic::new("clicks", utf8(), i64_be())
}

fn orders() -> Topic<String, i64> {
    Topic::new("orders", utf8(), i64_be())
}

fn pairs() -> Topic<String, String> {
    Topic::new("pairs", utf8(), utf8())
}

impl Scenario for Paired {
    fn name(&self) -> &str {
        "paired"
    }

    fn topology(&self) -> Topology {
        let app = Builder::new("paired");
        app.stream("clicks", &clicks())
            .join_stream(
                "pair",
                &app.stream("orders", &orders()),
                JoinWindows::of_ms(WITHIN_MS).grace_ms(GRACE_MS),
                StreamJoined::new("pair", utf8(), i64_be(), i64_be()),
                |_, click, order| format!("{click}+{order}"),
            )
            .to("pairs", &pairs());
        app.build().expect("the topology is right")
    }

    fn topics(&self) -> Vec<(String, i32)> {
        vec![("clicks".into(), PARTITIONS), ("orders".into(), PARTITIONS)]
    }

    fn input(&self, random: &mut Random) -> Vec<Input> {
        let one = |random: &mut Random, number: i64| {
            let key = ["a", "b", "c"][random.below(3)].to_owned();
            let time = number * 10 + random.between(0, 40);
            let topic = if random.chance(1, 2) { clicks() } else { orders() };
            Input::new(&topic, PARTITIONS, &key, &number, time)
        };
        (0..random.between(10, 40)).map(|number| one(random, number)).collect()
    }

    /// Every pair within the window, once.
    fn check(&self, outcome: &Outcome) -> Result<(), String> {
        let orders: Vec<_> = outcome.read(&orders())?.into_iter().flatten().collect();
        let mut expected: BTreeMap<(String, String), usize> = BTreeMap::new();
        for click in outcome.read(&clicks())?.into_iter().flatten() {
            let near = |order: &&topo::Record<String, i64>| {
                order.key == click.key && (order.timestamp - click.timestamp).abs() <= WITHIN_MS
            };
            for order in orders.iter().filter(near) {
                *expected
                    .entry((click.key.clone(), format!("{}+{}", click.value, order.value)))
                    .or_default() += 1;
            }
        }
        let mut found: BTreeMap<(String, String), usize> = BTreeMap::new();
        for pair in outcome.read(&pairs())?.into_iter().flatten() {
            *found.entry((pair.key, pair.value)).or_default() += 1;
        }
        let right = match outcome.exactly_once() {
            true => found == expected,
            false => found.keys().eq(expected.keys()),
        };
        if right { Ok(()) } else { Err(format!("pairs {found:?} instead of {expected:?}")) }
    }
}
