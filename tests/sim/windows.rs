//! Records counted in windows, with grace; only final results go out.

use std::collections::BTreeMap;

use topo::state::{WindowSize, i64_be, utf8, windowed};
use topo::testkit::sim::{Input, Outcome, Random, Scenario};
use topo::{Builder, Codecs, Topic, Topology, Tumbling, WindowValue};

const PARTITIONS: i32 = 2;
const SIZE_MS: i64 = 100;
const GRACE_MS: i64 = 40;
/// Closes every window of its partition and is in one of its own.
const LAST: i64 = 1_000_000;

type Windowed = topo::state::Windowed<String>;

pub(crate) enum Windows {
    OnDisk,
    /// The counts are in memory, the results that wait are on disk.
    Mixed,
}

fn visits() -> Topic<String, String> {
    Topic::new("visits", utf8(), utf8())
}

fn finals() -> Topic<Windowed, Option<i64>> {
    Topic::new("finals", windowed(utf8(), WindowSize::millis(SIZE_MS)), i64_be())
}

impl Scenario for Windows {
    fn name(&self) -> &str {
        match self {
            Self::OnDisk => "windows",
            Self::Mixed => "windows-in-memory",
        }
    }

    fn topology(&self) -> Topology {
        let app = Builder::new(self.name());
        let counts = WindowValue::new("counts", utf8(), i64_be());
        let counts = match self {
            Self::OnDisk => counts,
            Self::Mixed => counts.in_memory(),
        };
        app.stream("visits", &visits())
            .group_by_key("by-visitor", Codecs::new(utf8(), utf8()))
            .windowed(Tumbling::of_ms(SIZE_MS).grace_ms(GRACE_MS))
            .count("count", counts)
            .suppress_until_window_closes(
                "final",
                Codecs::new(windowed(utf8(), WindowSize::millis(SIZE_MS)), i64_be()),
            )
            .to_stream("updates")
            .to("finals", &finals());
        app.build().expect("the topology is right")
    }

    fn topics(&self) -> Vec<(String, i32)> {
        vec![("visits".into(), PARTITIONS)]
    }

    fn input(&self, random: &mut Random) -> Vec<Input> {
        let visit = |random: &mut Random, number: i64| {
            let visitor = ["a", "b", "c", "d", "e", "f"][random.below(6)].to_owned();
            let time = number * 12 - random.between(0, 120);
            Input::new(&visits(), PARTITIONS, &visitor, &String::new(), time.max(0))
        };
        let mut all: Vec<Input> = (0..random.between(10, 50)).map(|number| visit(random, number)).collect();
        all.extend((0..PARTITIONS).map(|partition| {
            let last = Input::new(&visits(), PARTITIONS, &"last".to_owned(), &String::new(), LAST);
            Input { partition, ..last }
        }));
        all
    }

    /// Partition by partition, in the order of the records: which windows took which.
    fn check(&self, outcome: &Outcome) -> Result<(), String> {
        let mut expected: BTreeMap<(String, i64), i64> = BTreeMap::new();
        for partition in outcome.read(&visits())? {
            let mut stream_time = i64::MIN;
            for record in partition {
                stream_time = stream_time.max(record.timestamp);
                let start = record.timestamp / SIZE_MS * SIZE_MS;
                if start + SIZE_MS + GRACE_MS > stream_time && record.timestamp < LAST {
                    *expected.entry((record.key, start)).or_default() += 1;
                }
            }
        }
        let mut found: BTreeMap<(String, i64), Vec<i64>> = BTreeMap::new();
        for record in outcome.read(&finals())?.into_iter().flatten() {
            found.entry((record.key.key, record.key.window.start)).or_default().extend(record.value);
        }
        for (window, count) in &expected {
            let results = found.remove(window).unwrap_or_default();
            let right = match outcome.exactly_once() {
                true => results == [*count],
                false => !results.is_empty(),
            };
            if !right {
                return Err(format!("window {window:?} took {count} and gave {results:?}"));
            }
        }
        let right = found.is_empty() || !outcome.exactly_once();
        if right { Ok(()) } else { Err(format!("results of no window: {found:?}")) }
    }
}
