//! What an entry put out, and what it dropped.

use std::collections::BTreeMap;

use serde_json::Value as Json;
use topo::testkit::Driver;
use topo::{Header, RawRecord};

use super::record::{self, Plain, difference, plain, show};
use super::topology::Nature;

/// Compares everything that appeared on output topics since the last call.
pub(super) fn compare(driver: &mut Driver, entry: &Json, nature: &Nature) -> Result<(), String> {
    let none = serde_json::Map::new();
    let expected = entry["out"].as_object().unwrap_or(&none);
    let input = entry["in"]["topic"].as_str();
    let mut topics: Vec<String> =
        driver.topics().map(str::to_owned).chain(expected.keys().cloned()).collect();
    topics.retain(|topic| !topic.starts_with("app-") && Some(topic.as_str()) != input);
    topics.sort();
    topics.dedup();
    for topic in topics {
        let mut got = driver.read_raw(&topic);
        let wanted = expected.get(&topic).and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
        let mut wanted: Vec<(Plain, &Json)> =
            wanted.iter().map(|it| (record::expected(it, nature.has_sessions(&topic)), it)).collect();
        if nature.order_per_key {
            got.sort_by(|a, b| a.key.cmp(&b.key));
            wanted.sort_by(|a, b| a.0.0.cmp(&b.0.0));
        }
        if nature.last_per_key {
            got = last(got, |it| it.key.clone());
            wanted = last(wanted, |it| it.0.0.clone());
        }
        let got_plain: Vec<Plain> = got.iter().map(plain).collect();
        let wanted_plain: Vec<Plain> = wanted.iter().map(|it| it.0.clone()).collect();
        if got_plain != wanted_plain {
            return Err(format!("topic {topic}:\n{}", difference(&got_plain, &wanted_plain, show)));
        }
        for (got, (_, wanted)) in got.iter().zip(wanted) {
            same_headers(&topic, got, wanted)?;
        }
    }
    Ok(())
}

/// The last record of each key, in order of keys.
fn last<T, K: Ord>(records: Vec<T>, key: impl Fn(&T) -> K) -> Vec<T> {
    let by_key: BTreeMap<K, T> = records.into_iter().map(|it| (key(&it), it)).collect();
    by_key.into_values().collect()
}

/// As a multiset, the order of equal names kept.
fn same_headers(topic: &str, got: &RawRecord, wanted: &Json) -> Result<(), String> {
    let sorted = |mut headers: Vec<Header>| {
        headers.sort_by(|a, b| a.name.cmp(&b.name));
        headers
    };
    let got_headers = sorted(got.headers.iter().cloned().collect());
    let wanted_headers = sorted(record::headers(wanted));
    if got_headers == wanted_headers {
        return Ok(());
    }
    let show_header = |header: &Header| format!("{}: {:?}", header.name, header.value);
    let lines = difference(&got_headers, &wanted_headers, show_header);
    Err(format!("topic {topic}, headers of {}:\n{lines}", show(&plain(got))))
}

/// Compares by how much the count of dropped records rose.
pub(super) fn dropped(count: u64, entry: &Json) -> Result<(), String> {
    let expected = [&entry["dropped"], &entry["dropped_exact"]].map(Json::as_u64);
    if expected.contains(&Some(count)) || (count == 0 && entry["dropped"].is_null()) {
        return Ok(());
    }
    Err(format!("dropped:\n- {}\n+ {count}", expected[0].unwrap_or(0)))
}
