//! Visits counted per minute, over hours of stream time: windows expire by the dozen, and their changelogs are cut behind them.

use std::collections::BTreeMap;

use topo::state::{WindowSize, i64_be, utf8, windowed};
use topo::testkit::sim::{Input, Outcome, Random, Scenario};
use topo::{Builder, Codecs, Topic, Topology, Tumbling, WindowValue};

const PARTITIONS: i32 = 2;
const SIZE_MS: i64 = 60_000;
const GRACE_MS: i64 = 30_000;

type Windowed = topo::state::Windowed<String>;

pub(crate) struct Trimmed;

fn visits() -> Topic<String, String> {
    Topic::new("visits", utf8(), utf8())
}

fn counts() -> Topic<Windowed, Option<i64>> {
    Topic::new("counts", windowed(utf8(), WindowSize::millis(SIZE_MS)), i64_be())
}

impl Scenario for Trimmed {
    fn name(&self) -> &str {
        "trimmed"
    }

    fn topology(&self) -> Topology {
        let app = Builder::new("trimmed");
        app.stream("visits", &visits())
            .group_by_key("by-visitor", Codecs::new(utf8(), utf8()))
            .windowed(Tumbling::of_ms(SIZE_MS).grace_ms(GRACE_MS))
            .count("count", WindowValue::new("minutes", utf8(), i64_be()))
            .to_stream("updates")
            .to("counts", &counts());
        app.build().expect("the topology is right")
    }

    fn topics(&self) -> Vec<(String, i32)> {
        vec![("visits".into(), PARTITIONS)]
    }

    fn input(&self, random: &mut Random) -> Vec<Input> {
        let visit = |random: &mut Random, number: i64| {
            let visitor = ["a", "b", "c", "d"][random.below(4)].to_owned();
            let time = number * 25_000 - random.between(0, 150_000);
            Input::new(&visits(), PARTITIONS, &visitor, &String::new(), time.max(0))
        };
        (0..random.between(20, 60)).map(|number| visit(random, number)).collect()
    }

    /// Every window counts its records one by one; what comes too late counts nowhere.
    fn check(&self, outcome: &Outcome) -> Result<(), String> {
        let mut expected: BTreeMap<(String, i64), i64> = BTreeMap::new();
        for partition in outcome.read(&visits())? {
            let mut stream_time = i64::MIN;
            for record in partition {
                stream_time = stream_time.max(record.timestamp);
                let start = record.timestamp / SIZE_MS * SIZE_MS;
                if start + SIZE_MS + GRACE_MS > stream_time {
                    *expected.entry((record.key, start)).or_default() += 1;
                }
            }
        }
        let mut found: BTreeMap<(String, i64), Vec<i64>> = BTreeMap::new();
        for record in outcome.read(&counts())?.into_iter().flatten() {
            found.entry((record.key.key, record.key.window.start)).or_default().extend(record.value);
        }
        for (window, count) in &expected {
            let seen = found.remove(window).unwrap_or_default();
            let right = match outcome.exactly_once() {
                true => seen.iter().copied().eq(1..=*count),
                false => !seen.is_empty(),
            };
            if !right {
                return Err(format!("window {window:?} took {count} and was counted {seen:?}"));
            }
        }
        if found.is_empty() { Ok(()) } else { Err(format!("counts of no window: {found:?}")) }
    }
}
