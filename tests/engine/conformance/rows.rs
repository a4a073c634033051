//! Final contents of stores.

use serde_json::Value as Json;
use topo::testkit::Driver;

use super::record::difference;
use super::topology::Nature;
use super::value::{Render, Value};

/// A store's row: key, window start and end, value, timestamp; what its type does not have is 0.
pub(super) type Row = (String, i64, i64, String, i64);

pub(super) fn compare(driver: &mut Driver, case: &Json, nature: &Nature) -> Result<(), String> {
    let none = serde_json::Map::new();
    for (name, store) in case["stores"].as_object().unwrap_or(&none) {
        let kind = store["type"].as_str().expect("a store type");
        let wanted = store["rows"].as_array().expect("rows");
        let mut got = found_rows(driver, name, kind, wanted)?;
        let mut wanted: Vec<Row> = wanted.iter().map(|row| expected(row, kind)).collect();
        if nature.last_per_key
            && let Some(kept_ms) = nature.kept_ms.get(name)
        {
            // Behind a cache rows that have expired may still be shown.
            let time = |row: &Row| if kind == "session" { row.2 } else { row.1 };
            let newest = wanted.iter().chain(&got).map(time).max().unwrap_or(0);
            wanted.retain(|row| time(row) > newest - kept_ms);
            got.retain(|row| time(row) > newest - kept_ms);
        }
        if kind != "versioned" {
            got.sort();
            wanted.sort();
        }
        if got != wanted {
            let show = |row: &Row| format!("{} [{}, {}] = {} @ {}", row.0, row.1, row.2, row.3, row.4);
            return Err(format!("store {name}:\n{}", difference(&got, &wanted, show)));
        }
    }
    Ok(())
}

/// The rows of a store of this kind; of one with a history, the answers to what was asked.
pub(super) fn found_rows(
    driver: &mut Driver,
    name: &str,
    kind: &str,
    asked: &[Json],
) -> Result<Vec<Row>, String> {
    let time = |it: i64| if kind.starts_with("plain_") { 0 } else { it };
    Ok(match kind {
        "kv" | "plain_kv" => {
            let rows = driver.key_values::<String, Value>(name).map_err(|error| error.to_string())?;
            let row = |(key, row): (String, topo::state::Timestamped<Value>)| {
                (key, 0, 0, row.value.render(), time(row.timestamp))
            };
            rows.into_iter().map(row).collect()
        }
        "window" | "plain_window" => {
            let rows = driver.windows::<String, Value>(name).map_err(|error| error.to_string())?;
            let row = |(key, start, row): (String, i64, topo::state::Timestamped<Value>)| {
                (key, start, 0, row.value.render(), time(row.timestamp))
            };
            rows.into_iter().map(row).collect()
        }
        "session" => {
            let rows = driver.sessions::<String, Value>(name).map_err(|error| error.to_string())?;
            let row = |(key, value): (topo::state::Windowed<String>, Value)| {
                (key.key, key.window.start, key.window.end, value.render(), 0)
            };
            rows.into_iter().map(row).collect()
        }
        "versioned" => asked.iter().map(|row| answer(driver, name, row)).collect::<Result<_, _>>()?,
        other => return Err(format!("store {name}: cannot look into {other}")),
    })
}

/// What a lookup finds: a question of the recording, with our answer.
fn answer(driver: &mut Driver, store: &str, asked: &Json) -> Result<Row, String> {
    let (key, as_of) = (asked["key"].as_str().expect("a key").to_owned(), asked["as_of"].as_i64());
    let found = driver.version::<String, Value>(store, &key, as_of).map_err(|error| error.to_string())?;
    let (value, time) = found.map_or(("null".to_owned(), 0), |it| (it.value.render(), it.timestamp));
    Ok((key, as_of.unwrap_or(-1), 0, value, time))
}

fn expected(row: &Json, kind: &str) -> Row {
    let value = match &row["value"] {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    };
    let end = if kind == "session" { row["window_end"].as_i64().expect("an end") } else { 0 };
    let time = if kind.starts_with("plain_") { None } else { row["ts"].as_i64() };
    let start = match kind {
        "versioned" => row["as_of"].as_i64().unwrap_or(-1),
        _ => row["window_start"].as_i64().unwrap_or(0),
    };
    (row["key"].as_str().expect("a key").to_owned(), start, end, value, time.unwrap_or(0))
}
