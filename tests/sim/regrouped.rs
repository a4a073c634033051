//! Words counted by their value, through a repartition topic: two sub-topologies.

use std::collections::BTreeMap;

use topo::state::{i64_be, utf8};
use topo::testkit::sim::{Input, Outcome, Random, Scenario};
use topo::{Builder, Codecs, KeyValue, Topic, Topology};

const PARTITIONS: i32 = 2;

pub(crate) struct Regrouped;

fn words() -> Topic<String, String> {
    Topic::new("words", utf8(), utf8())
}

fn counts() -> Topic<String, Option<i64>> {
    Topic::new("counts", utf8(), i64_be())
}

impl Scenario for Regrouped {
    fn name(&self) -> &str {
        "regrouped"
    }

    fn topology(&self) -> Topology {
        let app = Builder::new("regrouped");
        app.stream("words", &words())
            .group_by("by-word", |_, word| word.clone(), Codecs::new(utf8(), utf8()))
            .count("count", KeyValue::new("totals", utf8(), i64_be()))
            .to_stream("updates")
            .to("counts", &counts());
        app.build().expect("the topology is right")
    }

    fn topics(&self) -> Vec<(String, i32)> {
        vec![("words".into(), PARTITIONS)]
    }

    fn input(&self, random: &mut Random) -> Vec<Input> {
        let record = |random: &mut Random, time: i64| {
            let word = ["a", "b", "c", "d", "e"][random.below(5)].to_owned();
            Input::new(&words(), PARTITIONS, &time.to_string(), &word, time)
        };
        (0..random.between(10, 40)).map(|time| record(random, time)).collect()
    }

    /// Whatever order the records took through the repartition topic, each word is counted one by one.
    fn check(&self, outcome: &Outcome) -> Result<(), String> {
        let mut expected: BTreeMap<String, i64> = BTreeMap::new();
        for record in outcome.read(&words())?.into_iter().flatten() {
            *expected.entry(record.value).or_default() += 1;
        }
        let mut found: BTreeMap<String, Vec<i64>> = BTreeMap::new();
        for record in outcome.read(&counts())?.into_iter().flatten() {
            found.entry(record.key).or_default().extend(record.value);
        }
        for (word, count) in &expected {
            let seen = found.remove(word).unwrap_or_default();
            let right = match outcome.exactly_once() {
                true => seen.iter().copied().eq(1..=*count),
                false => i64::try_from(seen.len()).is_ok_and(|seen| seen >= *count),
            };
            if !right {
                return Err(format!("{word} came {count} times and was counted {seen:?}"));
            }
        }
        if found.is_empty() { Ok(()) } else { Err(format!("counts of nothing: {found:?}")) }
    }
}
