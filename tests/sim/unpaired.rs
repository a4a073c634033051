//! Clicks and orders that come soon before or after each other, and those that stay alone: left and outer joins of two
//! streams.
//!
//! Both streams are parts of one topic. So their order is that of its partition, and what finds no partner is known to the
//! record: no record is later than the grace.

use std::collections::BTreeMap;

use topo::state::{i64_be, utf8};
use topo::testkit::sim::{Input, Outcome, Random, Scenario};
use topo::{Builder, JoinWindows, Record, StreamJoined, Topic, Topology};

const PARTITIONS: i32 = 2;
/// An order's click is at most this much later than the order.
const BEFORE_MS: i64 = 50;
/// And at most this much earlier.
const AFTER_MS: i64 = 80;
/// How far timestamps go back at most: as far as is waited for.
const LATE_MS: i64 = 40;
/// The time of the last records, by which all others are over.
const END_MS: i64 = 1_000_000;
const KEYS: [&str; 3] = ["a", "b", "c"];

/// Even numbers are clicks, odd ones are orders.
pub(crate) enum Unpaired {
    /// Clicks that stay alone have results.
    Left,
    /// So have orders.
    Outer,
}

fn events() -> Topic<String, i64> {
    Topic::new("events", utf8(), i64_be())
}

/// `<click>+<order>`, one of them empty if there was none.
fn results() -> Topic<String, String> {
    Topic::new("results", utf8(), utf8())
}

fn text(number: Option<&i64>) -> String {
    number.map(i64::to_string).unwrap_or_default()
}

impl Scenario for Unpaired {
    fn name(&self) -> &str {
        match self {
            Self::Left => "left-paired",
            Self::Outer => "outer-paired",
        }
    }

    fn topology(&self) -> Topology {
        let app = Builder::new(self.name());
        let events = app.stream("events", &events());
        let clicks = events.filter("clicks", |_, number| number % 2 == 0);
        let orders = events.filter("orders", |_, number| number % 2 != 0);
        let windows = JoinWindows::of_ms(0).before_ms(BEFORE_MS).after_ms(AFTER_MS).grace_ms(LATE_MS);
        let stores = StreamJoined::new("pair", utf8(), i64_be(), i64_be()).emit_interval_ms(0);
        let joined = match self {
            Self::Left => clicks.left_join_stream("pair", &orders, windows, stores, |_, click, order| {
                format!("{click}+{}", text(order))
            }),
            Self::Outer => clicks.outer_join_stream("pair", &orders, windows, stores, |_, click, order| {
                format!("{}+{}", text(click), text(order))
            }),
        };
        joined.to("results", &results());
        app.build().expect("the topology is right")
    }

    fn topics(&self) -> Vec<(String, i32)> {
        vec![("events".into(), PARTITIONS)]
    }

    fn input(&self, random: &mut Random) -> Vec<Input> {
        let one = |random: &mut Random, number: i64| {
            let key = KEYS[random.below(KEYS.len())].to_owned();
            let time = LATE_MS + number * 10 - random.between(0, LATE_MS);
            Input::new(&events(), PARTITIONS, &key, &number, time)
        };
        let mut all: Vec<Input> = (0..random.between(10, 40)).map(|number| one(random, number)).collect();
        let last = |key: &&str| Input::new(&events(), PARTITIONS, &(*key).to_owned(), &0, END_MS);
        all.extend(KEYS.iter().map(last));
        all
    }

    /// Every pair within the span once, and once whatever is in no pair: with which time each.
    fn check(&self, outcome: &Outcome) -> Result<(), String> {
        let mut events: Vec<_> = outcome.read(&events())?.into_iter().flatten().collect();
        events.retain(|event| event.timestamp < END_MS);
        let mut expected: Results = BTreeMap::new();
        let mut expect = |key: &str, value: String, time: i64| {
            *expected.entry((key.to_owned(), value, time)).or_default() += 1;
        };
        for event in &events {
            let met: Vec<_> = events.iter().filter(|other| is_pair(event, other)).collect();
            let (key, time) = (&event.key, event.timestamp);
            match (met.is_empty(), event.value % 2 == 0) {
                (true, true) => expect(key, format!("{}+", event.value), time),
                (true, false) if matches!(self, Self::Outer) => {
                    expect(key, format!("+{}", event.value), time)
                }
                (false, true) => met.iter().for_each(|order| {
                    expect(key, format!("{}+{}", event.value, order.value), time.max(order.timestamp));
                }),
                (_, false) => {}
            }
        }
        let mut found: Results = BTreeMap::new();
        for result in outcome.read(&results())?.into_iter().flatten() {
            *found.entry((result.key, result.value, result.timestamp)).or_default() += 1;
        }
        // Said again, a record may also meet nobody any more and be told of alone.
        let right = match outcome.exactly_once() {
            true => found == expected,
            false => expected.keys().all(|result| found.contains_key(result)),
        };
        if right { Ok(()) } else { Err(format!("results {found:?} instead of {expected:?}")) }
    }
}

/// How often each key has this result at this time.
type Results = BTreeMap<(String, String, i64), usize>;

/// Whether one is a click, the other an order, and both are near enough.
fn is_pair(one: &Record<String, i64>, other: &Record<String, i64>) -> bool {
    let (click, order) = if one.value % 2 == 0 { (one, other) } else { (other, one) };
    let behind = order.timestamp - click.timestamp;
    let kinds = click.value % 2 == 0 && order.value % 2 != 0;
    kinds && click.key == order.key && (-BEFORE_MS..=AFTER_MS).contains(&behind)
}
