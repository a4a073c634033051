//! Records of the recordings as bytes.

use serde_json::Value as Json;
use topo::{Header, RawRecord};

pub(super) type Bytes = Option<Vec<u8>>;

/// A record as it is compared: key bytes, value bytes, timestamp.
pub(super) type Plain = (Bytes, Bytes, i64);

pub(super) fn plain(record: &RawRecord) -> Plain {
    (record.key.as_ref().map(|it| it.to_vec()), record.value.as_ref().map(|it| it.to_vec()), record.timestamp)
}

/// A record of the script as bytes. A windowed key is followed by its start, that of a session by its end and start.
pub(super) fn expected(json: &Json, sessions: bool) -> Plain {
    let mut key = json["key"].as_str().map(|key| key.as_bytes().to_vec());
    if let (Some(key), Some(start)) = (&mut key, json["window_start"].as_i64()) {
        if sessions {
            let end = json["window_end"].as_i64().expect("an end");
            key.extend_from_slice(&end.to_be_bytes());
        }
        key.extend_from_slice(&start.to_be_bytes());
    }
    (key, value_bytes(&json["value"]), json["ts"].as_i64().expect("a timestamp"))
}

/// A record to feed.
pub(super) fn input(json: &Json) -> RawRecord {
    let (key, value, timestamp) = expected(json, false);
    let headers = headers(json).into_iter().collect();
    RawRecord { key: key.map(Into::into), value: value.map(Into::into), timestamp, headers }
}

fn value_bytes(json: &Json) -> Bytes {
    match json {
        Json::String(text) => Some(text.as_bytes().to_vec()),
        Json::Number(_) => Some(json.as_i64().expect("an i64").to_be_bytes().to_vec()),
        _ => None,
    }
}

pub(super) fn headers(json: &Json) -> Vec<Header> {
    let Some(list) = json["headers"].as_array() else { return Vec::new() };
    let value = |it: &Json| it.as_str().map(|text| text.as_bytes().to_vec().into());
    let header =
        |it: &Json| Header { name: it[0].as_str().expect("a name").to_owned(), value: value(&it[1]) };
    list.iter().map(header).collect()
}

pub(super) fn hex(json: &Json) -> Bytes {
    let digits = json.as_str()?;
    let byte = |at: usize| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).expect("hex");
    Some((0..digits.len() / 2).map(byte).collect())
}

/// Two lists, one line each: `-` what Kafka Streams has, `+` what we have, common lines in front.
pub(super) fn difference<T: PartialEq>(got: &[T], wanted: &[T], show: impl Fn(&T) -> String) -> String {
    let common = got.iter().zip(wanted).take_while(|(got, wanted)| got == wanted).count();
    let mut lines: Vec<String> = wanted[..common].iter().map(|it| format!("  {}", show(it))).collect();
    // The last few say where we are; the rest is noise.
    lines.drain(..lines.len().saturating_sub(2));
    lines.extend(wanted[common..].iter().map(|it| format!("- {}", show(it))));
    lines.extend(got[common..].iter().map(|it| format!("+ {}", show(it))));
    lines.join("\n")
}

pub(super) fn show((key, value, time): &Plain) -> String {
    let text = |bytes: &Bytes| bytes.as_ref().map_or("null".into(), |it| it.escape_ascii().to_string());
    format!("{} = {} @ {time}", text(key), text(value))
}
