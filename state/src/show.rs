//! Rows for people: what the bytes of a store say, without its types.

use serde_json::{Value, json};

use crate::backend::Backend;
use crate::error::StateError;
use crate::key::{split_session_key, split_window_key};
use crate::segment::{SEGMENT_PREFIX, Segments};
use crate::spec::{StoreKind, StoreSpec};
use crate::store::{NO_TIME, Store};
use crate::version::is_replaced;

/// A row taken apart by the layout of its store and shown by its codecs.
///
/// The object has `key` and `value`, `timestamp` where rows keep one, and `window_start` in a window store (`sequence` too
/// when that keeps duplicates), `session_start` and `session_end` in a session store, `version` in a versioned one. A row of an unknown layout is shown as bytes.
pub fn show_row(store: &dyn Store, key: &[u8], value: &[u8]) -> Value {
    let kind = &store.spec().kind;
    if let StoreKind::Versioned { .. } = kind {
        return shown_version(store, key, value).unwrap_or_else(|| raw(key, value));
    }
    let (stamp, value) = match (kind.is_timestamped(), value.split_first_chunk::<8>()) {
        (true, Some((stamp, value))) => (Some(i64::from_be_bytes(*stamp)), value),
        _ => (None, value),
    };
    let mut row = shown_key(store, kind, key).unwrap_or_else(|| json!({"key": show_bytes(key)}));
    if let Some(stamp) = stamp {
        row["timestamp"] = json!(stamp);
    }
    row["value"] = store.show_value(value);
    row
}

impl StoreSpec {
    /// Whether a row is one that no read needs any more, because time has passed it: it goes with its segment, or, of a
    /// versioned store, because the version was replaced before the history. `others` also hold versions of this store.
    ///
    /// # Errors
    /// A backend cannot be read.
    pub fn is_obsolete(
        &self,
        row: &[u8],
        observed: i64,
        others: &[(&dyn Backend, usize)],
    ) -> Result<bool, StateError> {
        if let StoreKind::Versioned { history_ms } = self.kind {
            let horizon =
                if observed == NO_TIME { NO_TIME } else { observed.saturating_sub(history_ms.max(0)) };
            return is_replaced(row, horizon, others);
        }
        let time = row.get(SEGMENT_PREFIX..).and_then(|key| self.kind.time_of(key));
        let expired = |(segments, time): (Segments, i64)| segments.is_expired(time, observed);
        Ok(Segments::of(&self.kind).zip(time).is_some_and(expired))
    }
}

fn raw(key: &[u8], value: &[u8]) -> Value {
    json!({"key": show_bytes(key), "value": show_bytes(value)})
}

/// A row of a versioned store: a version, or the entry of the index over time that belongs to one.
fn shown_version(store: &dyn Store, row: &[u8], value: &[u8]) -> Option<Value> {
    let (kind, rest) = row.split_first()?;
    let time = |bytes: &[u8; 8]| i64::from_be_bytes(*bytes) ^ i64::MIN;
    if *kind == 0 {
        let (key, stamp) = rest.get(4..)?.split_last_chunk::<8>()?;
        let (is_value, value) = value.split_first()?;
        let value = if *is_value == 1 { store.show_value(value) } else { Value::Null };
        return Some(json!({"key": store.show_key(key), "version": time(stamp), "value": value}));
    }
    let (stamp, key) = rest.split_first_chunk::<8>()?;
    Some(json!({"key": store.show_key(key), "version": time(stamp), "indexed": true}))
}

fn shown_key(store: &dyn Store, kind: &StoreKind, key: &[u8]) -> Option<Value> {
    if let StoreKind::KeyValue { .. } = kind {
        return Some(json!({"key": store.show_key(key)}));
    }
    let key = key.get(SEGMENT_PREFIX..)?;
    let StoreKind::Window { retain_duplicates, .. } = kind else {
        let (key, session) = split_session_key(key)?;
        let (start, end) = (session.start, session.end);
        return Some(json!({"key": store.show_key(key), "session_start": start, "session_end": end}));
    };
    let (key, start, sequence) = split_window_key(key)?;
    let mut shown = json!({"key": store.show_key(key), "window_start": start});
    if *retain_duplicates {
        shown["sequence"] = json!(sequence);
    }
    Some(shown)
}

/// Bytes by the id of the codec that wrote them, as far as the id alone says how.
pub(crate) fn show_by_id(codec: &str, bytes: &[u8]) -> Value {
    let number = |value: Option<Value>| value.unwrap_or_else(|| show_bytes(bytes));
    match codec {
        "i64-be" => number(bytes.try_into().ok().map(|it| json!(i64::from_be_bytes(it)))),
        "u64-be" => number(bytes.try_into().ok().map(|it| json!(u64::from_be_bytes(it)))),
        "i32-be" => number(bytes.try_into().ok().map(|it| json!(i32::from_be_bytes(it)))),
        "f64-be" => number(bytes.try_into().ok().map(|it| json!(f64::from_be_bytes(it)))),
        "json" => serde_json::from_slice(bytes).unwrap_or_else(|_| show_bytes(bytes)),
        _ => match codec.strip_prefix("windowed(").and_then(|rest| rest.strip_suffix(')')) {
            Some(inner) => show_windowed(inner, bytes),
            None => show_bytes(bytes),
        },
    }
}

fn show_windowed(inner: &str, bytes: &[u8]) -> Value {
    match bytes.split_last_chunk::<8>() {
        Some((key, start)) => {
            json!({"key": show_by_id(inner, key), "window_start": i64::from_be_bytes(*start)})
        }
        None => show_bytes(bytes),
    }
}

/// The bytes of a key that is shown as this text, by the id of its codec; `None` when the id alone does not say.
pub fn key_from_text(codec: &str, text: &str) -> Option<Vec<u8>> {
    match codec {
        "utf8" => Some(text.as_bytes().to_vec()),
        "i64-be" => text.parse::<i64>().ok().map(|number| number.to_be_bytes().to_vec()),
        "u64-be" => text.parse::<u64>().ok().map(|number| number.to_be_bytes().to_vec()),
        "i32-be" => text.parse::<i32>().ok().map(|number| number.to_be_bytes().to_vec()),
        _ => None,
    }
}

/// Text when it is printable, hexadecimal digits behind `0x` when not.
pub fn show_bytes(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.chars().any(|c| c.is_control() && c != '\n' && c != '\t') => json!(text),
        _ => json!(bytes.iter().fold("0x".to_owned(), |out, byte| out + &format!("{byte:02x}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_say_how_bytes_are_read_and_what_does_not_fit_is_shown_as_bytes() {
        assert_eq!(show_by_id("i64-be", &(-2_i64).to_be_bytes()), json!(-2));
        assert_eq!(show_by_id("i64-be", &[7]), json!("0x07"));
        assert_eq!(show_by_id("json", br#"{"a":[1]}"#), json!({"a": [1]}));
        assert_eq!(show_by_id("utf8", "caf\u{e9}".as_bytes()), json!("caf\u{e9}"));
        let windowed = [b"k".as_slice(), &600_i64.to_be_bytes()].concat();
        assert_eq!(show_by_id("windowed(utf8)", &windowed), json!({"key": "k", "window_start": 600}));
        assert_eq!(show_by_id("of-somebody", &[0, 255]), json!("0x00ff"));
    }

    #[test]
    fn a_key_that_is_shown_as_a_text_is_found_by_that_text_or_not_at_all() {
        for (codec, text) in [("utf8", "caf\u{e9}"), ("i64-be", "-2"), ("u64-be", "7"), ("i32-be", "-1")] {
            let bytes = key_from_text(codec, text).unwrap();
            let shown = show_by_id(codec, &bytes);
            assert_eq!(shown.as_str().map_or_else(|| shown.to_string(), str::to_owned), text);
        }
        assert_eq!(key_from_text("i64-be", "two"), None);
        assert_eq!(key_from_text("json", "1"), None);
    }
}
