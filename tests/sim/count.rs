//! Words counted: every record is one more of its key, in the order of its partition.

use std::collections::BTreeMap;

use topo::state::{i64_be, utf8};
use topo::testkit::sim::{Input, Outcome, Random, Scenario};
use topo::{Builder, Codecs, KeyValue, Topic, Topology};

const PARTITIONS: i32 = 2;

pub(crate) struct Count;

fn words() -> Topic<String, String> {
    Topic::new("words", utf8(), utf8())
}

fn counts() -> Topic<String, Option<i64>> {
    Topic::new("counts", utf8(), i64_be())
}

impl Scenario for Count {
    fn name(&self) -> &str {
        "count"
    }

    fn topology(&self) -> Topology {
        let app = Builder::new("count");
        app.stream("words", &words())
            .group_by_key("by-word", Codecs::new(utf8(), utf8()))
            .count("count", KeyValue::new("totals", utf8(), i64_be()))
            .to_stream("updates")
            .to("counts", &counts());
        app.build().expect("the topology is right")
    }

    fn topics(&self) -> Vec<(String, i32)> {
        vec![("words".into(), PARTITIONS)]
    }

    fn input(&self, random: &mut Random) -> Vec<Input> {
        let count = random.between(10, 60);
        let word =
            |random: &mut Random| ["a", "b", "c", "d", "e", "hot", "hot", "hot"][random.below(8)].to_owned();
        (0..count).map(|time| Input::new(&words(), PARTITIONS, &word(random), &String::new(), time)).collect()
    }

    fn check(&self, outcome: &Outcome) -> Result<(), String> {
        let mut expected: BTreeMap<String, i64> = BTreeMap::new();
        for record in outcome.read(&words())?.into_iter().flatten() {
            *expected.entry(record.key).or_default() += 1;
        }
        let mut found: BTreeMap<String, Vec<i64>> = BTreeMap::new();
        for record in outcome.read(&counts())?.into_iter().flatten() {
            found.entry(record.key).or_default().extend(record.value);
        }
        for (key, count) in &expected {
            let seen = found.remove(key).unwrap_or_default();
            let right = match outcome.exactly_once() {
                true => seen.iter().copied().eq(1..=*count),
                // Each has an effect; after a zombie has written into the changelog, nobody knows which.
                false => i64::try_from(seen.len()).is_ok_and(|seen| seen >= *count),
            };
            if !right {
                return Err(format!("{key} came {count} times and was counted {seen:?}"));
            }
        }
        if found.is_empty() { Ok(()) } else { Err(format!("counts of nothing: {found:?}")) }
    }
}
