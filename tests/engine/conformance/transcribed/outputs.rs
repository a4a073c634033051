//! Records in and out, as transcribed cases write them.

use serde_json::Value as Json;
use topo::{Headers, RawRecord};

use super::super::topology::{Sink, WindowedKeys};
use super::super::value::Type;

/// An output in comparable form.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Output {
    pub(super) topic: String,
    pub(super) key: Option<String>,
    /// Start and end.
    pub(super) window: Option<(i64, i64)>,
    pub(super) value: Option<String>,
    pub(super) ts: Option<i64>,
}

/// A key or value as text; null stays null.
pub(super) fn text(json: &Json) -> Option<String> {
    match json {
        Json::Null => None,
        Json::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// A record to feed, into a topic of numbers or of texts.
pub(super) fn record(json: &Json, numbers: bool) -> RawRecord {
    let value = match json["value"].as_i64() {
        Some(number) if numbers => Some(number.to_be_bytes().to_vec()),
        _ => text(&json["value"]).map(String::into_bytes),
    };
    RawRecord {
        key: text(&json["key"]).map(|key| key.into_bytes().into()),
        value: value.map(Into::into),
        timestamp: json["ts"].as_i64().expect("a timestamp"),
        headers: Headers::new(),
    }
}

pub(super) fn window(json: &Json) -> Option<(i64, i64)> {
    json["start"].as_i64().zip(json["end"].as_i64())
}

/// What a case expects.
pub(super) fn expected(json: &Json) -> Output {
    Output {
        topic: json["topic"].as_str().unwrap_or("out").to_owned(),
        key: text(&json["key"]),
        window: window(&json["window"]),
        value: text(&json["value"]),
        ts: json["ts"].as_i64(),
    }
}

/// What came out of a sink.
pub(super) fn found(topic: &str, sink: &Sink, record: &RawRecord) -> Output {
    let readable = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let number = |bytes: &[u8]| bytes.try_into().map_or(0, i64::from_be_bytes);
    let mut key = record.key.as_ref().map(|key| key.to_vec());
    let mut window = None;
    if let (Some(key), Some(keys)) = (&mut key, &sink.keys) {
        let start = number(&key.split_off(key.len() - 8));
        window = Some(match keys {
            WindowedKeys::Sessions => (start, number(&key.split_off(key.len() - 8))),
            WindowedKeys::Length(length) => (start, start + length),
        });
    }
    let value = record.value.as_ref().map(|value| match sink.of {
        Type::Text => readable(value),
        Type::Number => number(value).to_string(),
    });
    let key = key.map(|key| readable(&key));
    Output { topic: topic.to_owned(), key, window, value, ts: Some(record.timestamp) }
}
