//! Feeds the script of a case and compares what comes out.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;
use topo::testkit::Driver;
use topo::{Header, RawRecord};

use super::value::{Render, Value};
use super::{joins, topology};

type Bytes = Option<Vec<u8>>;
/// A record as it is compared: key bytes, value bytes, timestamp.
pub(super) type Plain = (Bytes, Bytes, i64);

pub(crate) fn case(scenario: &Json, case: &Json) -> Result<(), String> {
    let built = topology::build(scenario)?;
    let wall_clock = scenario["config"]["wall_clock_start_ms"].as_i64().unwrap_or(0);
    let mut driver = Driver::builder(built.topology)
        .application("app")
        .wall_clock(wall_clock)
        .build()
        .map_err(|error| error.to_string())?;
    let script = case["script"].as_array().expect("a script");
    let end = case["order_sensitive_from"].as_u64().map_or(script.len(), |from| from as usize);
    for (nth, entry) in script.iter().take(end).enumerate() {
        let done = step(&mut driver, entry);
        if entry["error"] == "buffer_full" {
            return done
                .err()
                .map(|_| ())
                .ok_or_else(|| format!("entry {nth}: the full buffer did not stop it"));
        }
        done.map_err(|why| format!("entry {nth} {}: {why}", entry["in"]))?;
    }
    if end < script.len() {
        return Ok(());
    }
    let dropped = driver.dropped();
    let exact = script.iter().any(|entry| !entry["dropped_exact"].is_null());
    if !exact && Some(dropped) != case["dropped_total"].as_u64() {
        return Err(format!("dropped {dropped} in all, expected {}", case["dropped_total"]));
    }
    stores(&mut driver, case)?;
    if scenario["config"]["optimization"] == "none" {
        internal(&driver, case, &built.private)?;
    }
    Ok(())
}

fn step(driver: &mut Driver, entry: &Json) -> Result<(), String> {
    let before = driver.dropped();
    if let Some(milliseconds) = entry["advance_wall_clock_ms"].as_i64() {
        driver.advance_wall_clock(milliseconds).map_err(|error| error.to_string())?;
    } else {
        let topic = entry["in"]["topic"].as_str().expect("a topic");
        let (key, value, timestamp) = record(&entry["in"]);
        let record = RawRecord {
            key: key.map(Into::into),
            value: value.map(Into::into),
            timestamp,
            headers: headers(&entry["in"]).into_iter().collect(),
        };
        driver.pipe_raw(topic, record).map_err(|error| error.to_string())?;
        driver.read_raw(topic);
    }
    outputs(driver, entry)?;
    let dropped = driver.dropped() - before;
    let expected = [&entry["dropped"], &entry["dropped_exact"]];
    let matches = expected.iter().any(|count| count.as_u64() == Some(dropped));
    let none = dropped == 0 && entry["dropped"].is_null();
    if !(matches || none) {
        return Err(format!("dropped {dropped}, expected {}", entry["dropped"]));
    }
    Ok(())
}

fn outputs(driver: &mut Driver, entry: &Json) -> Result<(), String> {
    let none = serde_json::Map::new();
    let expected = entry["out"].as_object().unwrap_or(&none);
    let input = entry["in"]["topic"].as_str();
    let mut topics: Vec<String> =
        driver.topics().map(str::to_owned).chain(expected.keys().cloned()).collect();
    topics.retain(|topic| !topic.starts_with("app-") && Some(topic.as_str()) != input);
    topics.sort();
    topics.dedup();
    for topic in topics {
        let got = driver.read_raw(&topic);
        let wanted: Vec<&Json> =
            expected.get(&topic).and_then(Json::as_array).map_or(Vec::new(), |it| it.iter().collect());
        let got_plain: Vec<Plain> = got.iter().map(plain).collect();
        let wanted_plain: Vec<Plain> = wanted.iter().map(|it| record(it)).collect();
        if got_plain != wanted_plain {
            return Err(format!("{topic}: got {}, expected {}", show(&got_plain), show(&wanted_plain)));
        }
        for (got, wanted) in got.iter().zip(wanted) {
            let mut got_headers: Vec<Header> = got.headers.iter().cloned().collect();
            let mut wanted_headers = headers(wanted);
            got_headers.sort_by(|a, b| a.name.cmp(&b.name));
            wanted_headers.sort_by(|a, b| a.name.cmp(&b.name));
            if got_headers != wanted_headers {
                return Err(format!("{topic}: headers {got_headers:?}, expected {wanted_headers:?}"));
            }
        }
    }
    Ok(())
}

fn plain(record: &RawRecord) -> Plain {
    (record.key.as_ref().map(|it| it.to_vec()), record.value.as_ref().map(|it| it.to_vec()), record.timestamp)
}

fn show(records: &[Plain]) -> String {
    let text = |bytes: &Bytes| bytes.as_ref().map_or("null".into(), |it| it.escape_ascii().to_string());
    let shown: Vec<String> = records
        .iter()
        .map(|(key, value, time)| format!("({}, {}, {time})", text(key), text(value)))
        .collect();
    format!("[{}]", shown.join(" "))
}

/// A record of the script as bytes; a windowed key is followed by its start.
fn record(json: &Json) -> Plain {
    let mut key = json["key"].as_str().map(|key| key.as_bytes().to_vec());
    if let (Some(key), Some(start)) = (&mut key, json["window_start"].as_i64()) {
        key.extend_from_slice(&start.to_be_bytes());
    }
    (key, value_bytes(&json["value"]), json["ts"].as_i64().expect("a timestamp"))
}

fn value_bytes(json: &Json) -> Bytes {
    match json {
        Json::String(text) => Some(text.as_bytes().to_vec()),
        Json::Number(_) => Some(json.as_i64().expect("an i64").to_be_bytes().to_vec()),
        _ => None,
    }
}

fn headers(json: &Json) -> Vec<Header> {
    let Some(list) = json["headers"].as_array() else { return Vec::new() };
    let value = |it: &Json| it.as_str().map(|text| text.as_bytes().to_vec().into());
    let header =
        |it: &Json| Header { name: it[0].as_str().expect("a name").to_owned(), value: value(&it[1]) };
    list.iter().map(header).collect()
}

/// A store's row as text: key, window start, value, timestamp.
type Row = (String, i64, String, i64);

fn stores(driver: &mut Driver, case: &Json) -> Result<(), String> {
    let none = serde_json::Map::new();
    for (name, store) in case["stores"].as_object().unwrap_or(&none) {
        let kind = store["type"].as_str().expect("a store type");
        let plain = kind.starts_with("plain_");
        let wanted: Vec<Row> =
            store["rows"].as_array().expect("rows").iter().map(|row| wanted_row(row, plain)).collect();
        let time = |it: i64| if plain { 0 } else { it };
        let mut got: Vec<Row> = if kind.ends_with("window") {
            let rows = driver.windows::<String, Value>(name).map_err(|error| error.to_string())?;
            rows.into_iter()
                .map(|(key, start, row)| (key, start, row.value.render(), time(row.timestamp)))
                .collect()
        } else {
            let rows = driver.key_values::<String, Value>(name).map_err(|error| error.to_string())?;
            rows.into_iter().map(|(key, row)| (key, 0, row.value.render(), time(row.timestamp))).collect()
        };
        got.sort();
        if got != wanted {
            return Err(format!("store {name}: got {got:?}, expected {wanted:?}"));
        }
    }
    Ok(())
}

fn wanted_row(row: &Json, plain: bool) -> Row {
    let value = match &row["value"] {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    };
    let time = if plain { 0 } else { row["ts"].as_i64().expect("a timestamp") };
    (row["key"].as_str().expect("a key").to_owned(), row["window_start"].as_i64().unwrap_or(0), value, time)
}

/// Internal topics, key by key and in order. Two differences are by design: a store that changes a key several times within
/// one entry may log only the last value, and a put that is refused as expired (a counted drop) need not be logged.
fn internal(driver: &Driver, case: &Json, private: &[String]) -> Result<(), String> {
    let none = serde_json::Map::new();
    for (topic, records) in case["internal"].as_object().unwrap_or(&none) {
        if topic.contains("-subscription-") || private.contains(topic) {
            continue;
        }
        let waiting = topic.ends_with("-shared-join-store-changelog");
        let mut wanted = BTreeMap::<Bytes, Vec<Recorded>>::new();
        for record in records.as_array().expect("records") {
            let mut recorded = Recorded::read(record, case, topic.ends_with("-changelog"));
            if waiting {
                recorded.record.1 = recorded.record.1.map(|_| Vec::new());
            }
            wanted.entry(recorded.record.0.clone()).or_default().push(recorded);
        }
        let mut got = BTreeMap::<Bytes, Vec<Plain>>::new();
        let written = driver.written(topic).map(plain);
        for record in written.filter_map(|record| if waiting { joins::waiting(record) } else { Some(record) })
        {
            got.entry(record.0.clone()).or_default().push(record);
        }
        let keys: BTreeSet<Bytes> = wanted.keys().chain(got.keys()).cloned().collect();
        for key in keys {
            let (got, wanted) =
                (got.remove(&key).unwrap_or_default(), wanted.remove(&key).unwrap_or_default());
            if !matches(&got, &wanted) {
                let wanted: Vec<Plain> = wanted.into_iter().map(|it| it.record).collect();
                return Err(format!("{topic}: got {}, expected {}", show(&got), show(&wanted)));
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

fn hex(json: &Json) -> Bytes {
    let digits = json.as_str()?;
    Some(
        (0..digits.len() / 2)
            .map(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).expect("hex"))
            .collect(),
    )
}
