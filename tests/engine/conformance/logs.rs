//! Internal topics, key by key and in order.
//!
//! Two differences are by design: a store that changes a key several times within one entry may log only the last value, and
//! a put that is refused as expired (a counted drop) need not be logged.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;
use topo::testkit::Driver;

use super::record::{Bytes, Plain, difference, hex, plain, show};
use super::topology::Nature;

pub(super) fn compare(driver: &Driver, case: &Json, nature: &Nature) -> Result<(), String> {
    let none = serde_json::Map::new();
    for (topic, records) in case["internal"].as_object().unwrap_or(&none) {
        if topic.contains("-subscription-") || nature.private.contains(topic) {
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
            let (got, wanted) =
                (got.remove(&key).unwrap_or_default(), wanted.remove(&key).unwrap_or_default());
            if !matches(&got, &wanted) {
                let wanted: Vec<Plain> = wanted.into_iter().map(|it| it.record).collect();
                return Err(format!("topic {topic}:\n{}", difference(&got, &wanted, show)));
            }
        }
    }
    Ok(())
}

/// A record that Kafka Streams wrote to an internal topic.
struct Recorded {
    record: Plain,
    /// Index of the entry that made it.
    entry: u64,
    changelog: bool,
    refused: bool,
}

impl Recorded {
    fn read(json: &Json, case: &Json, changelog: bool) -> Self {
        let entry = json["i"].as_u64().expect("an entry");
        let record = (hex(&json["k"]), hex(&json["v"]), json["ts"].as_i64().expect("a timestamp"));
        let script = &case["script"][entry as usize];
        let dropped = |field: &str| script[field].as_u64().unwrap_or(0) > 0;
        let refused = changelog && (dropped("dropped") || dropped("dropped_exact"));
        Self { record, entry, changelog, refused }
    }
}

fn matches(got: &[Plain], wanted: &[Recorded]) -> bool {
    let mut got = got.iter().peekable();
    for (nth, recorded) in wanted.iter().enumerate() {
        let overwritten =
            recorded.changelog && wanted.get(nth + 1).is_some_and(|next| next.entry == recorded.entry);
        if got.peek() == Some(&&recorded.record) {
            got.next();
        } else if !overwritten && !recorded.refused {
            return false;
        }
    }
    got.next().is_none()
}
