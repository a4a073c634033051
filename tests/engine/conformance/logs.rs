//! Internal topics, key by key and in order.
//!
//! Two differences are by design: a store that changes a key several times within one entry may log only the last value, or
//! nothing of a row that came and went, and a put that is refused as expired (a counted drop) need not be logged. Where no timestamp was recorded, because Kafka
//! Streams leaves it to the producer, none is compared.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;
use topo::testkit::Driver;

use super::record::{Bytes, Plain, difference, hex, plain, show};
use super::topology::Nature;

pub(super) fn compare(driver: &Driver, case: &Json, nature: &Nature) -> Result<(), String> {
    let none = serde_json::Map::new();
    for (topic, records) in case["internal"].as_object().unwrap_or(&none) {
        if topic.ends_with("-Buffer-changelog") {
            // What waits for a table's rows, in everyone's own bytes.
            continue;
        }
        let mut wanted = BTreeMap::<Bytes, Vec<Recorded>>::new();
        for record in records.as_array().expect("records") {
            let recorded = Recorded::read(record, case, topic.ends_with("-changelog"));
            wanted.entry(recorded.record.0.clone()).or_default().push(recorded);
        }
        let mut got = BTreeMap::<Bytes, Vec<Plain>>::new();
        for record in driver.written(topic).map(plain) {
            got.entry(record.0.clone()).or_default().push(record);
        }
        let keys: BTreeSet<Bytes> = wanted.keys().chain(got.keys()).cloned().collect();
        for key in keys {
            let (mut got, mut wanted) =
                (got.remove(&key).unwrap_or_default(), wanted.remove(&key).unwrap_or_default());
            if nature.last_per_key {
                changes_only(&mut got, |it| it.1.is_none());
                changes_only(&mut wanted, |it| it.record.1.is_none());
                let ends = (
                    got.last().is_some_and(|it| it.1.is_none()),
                    wanted.last().map(|it| it.record.1.is_none()),
                );
                if is_of_sessions(topic, case) && ends == (true, Some(false)) {
                    // A merged session that Kafka's store has forgotten, and its cache has not, is withdrawn nowhere; ours
                    // must not come back from the changelog.
                    got.pop();
                }
            }
            if !matches(&got, &wanted) {
                let wanted: Vec<Plain> = wanted.into_iter().map(|it| it.record).collect();
                return Err(format!("topic {topic}:\n{}", difference(&got, &wanted, show)));
            }
        }
    }
    Ok(())
}

/// Leaves out deletions of what was not there: Kafka's cache swallows an update from nothing to nothing, ours need not.
fn changes_only<T>(records: &mut Vec<T>, deletes: impl Fn(&T) -> bool) {
    let mut there = false;
    records.retain(|record| std::mem::replace(&mut there, !deletes(record)) || there);
}

fn is_of_sessions(topic: &str, case: &Json) -> bool {
    let store = topic.strip_prefix("app-").and_then(|it| it.strip_suffix("-changelog"));
    store.is_some_and(|store| case["stores"][store]["type"] == "session")
}

/// A record that Kafka Streams wrote to an internal topic.
struct Recorded {
    record: Plain,
    /// Index of the entry that made it.
    entry: u64,
    changelog: bool,
    timed: bool,
    refused: bool,
}

impl Recorded {
    fn read(json: &Json, case: &Json, changelog: bool) -> Self {
        let entry = json["i"].as_u64().expect("an entry");
        let record = (hex(&json["k"]), hex(&json["v"]), json["ts"].as_i64().unwrap_or_default());
        let script = &case["script"][entry as usize];
        let dropped = |field: &str| script[field].as_u64().unwrap_or(0) > 0;
        let refused = changelog && (dropped("dropped") || dropped("dropped_exact"));
        Self { record, entry, changelog, timed: json["ts"].is_i64(), refused }
    }

    fn is(&self, (key, value, time): &Plain) -> bool {
        (key, value) == (&self.record.0, &self.record.1) && (!self.timed || *time == self.record.2)
    }
}

/// Whether ours are the wanted records without some that need not be logged. Equal records make it a matter of choice which
/// of them is left out, so every place where we could be is followed.
fn matches(got: &[Plain], wanted: &[Recorded]) -> bool {
    let mut places: BTreeSet<usize> = [0].into();
    for (nth, recorded) in wanted.iter().enumerate() {
        let overwritten =
            recorded.changelog && wanted.get(nth + 1).is_some_and(|next| next.entry == recorded.entry);
        let first = wanted.iter().position(|it| it.entry == recorded.entry).unwrap_or(nth);
        let absent = wanted[..first].last().is_none_or(|it| it.record.1.is_none());
        let came_and_went = recorded.changelog && first < nth && absent && recorded.record.1.is_none();
        let skipped =
            if overwritten || came_and_went || recorded.refused { places.clone() } else { BTreeSet::new() };
        let taken =
            places.into_iter().filter(|at| got.get(*at).is_some_and(|got| recorded.is(got))).map(|at| at + 1);
        places = taken.chain(skipped).collect();
    }
    places.contains(&got.len())
}
