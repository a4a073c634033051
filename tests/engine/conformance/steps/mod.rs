//! One family of steps per file: each adds a step to the topology and gives its handle.

mod aggregations;
mod cogroup;
mod each;
mod joins;
mod process;
mod processors;
mod sources;
mod stream_joins;
mod suppress;
mod tables;
mod windows;

use serde_json::Value as Json;
use topo::state::utf8;
use topo::{Codecs, Data, KeyValue, Topic};

use super::functions as call;
use super::topology::text;
use super::value::{Key, Render, Type, Value, codec};

pub(super) fn owned(step: &Json, field: &str) -> String {
    text(step, field).to_owned()
}

pub(super) fn declared(step: &Json) -> Type {
    if text(step, "value") == "i64" { Type::Number } else { Type::Text }
}

pub(super) fn store(name: &str, of: Type) -> KeyValue<String, Value> {
    KeyValue::new(name, utf8(), codec(of))
}

/// The store that a step asks for: plain, with a cache, or with a history.
pub(super) fn table_store(step: &Json, of: Type) -> KeyValue<String, Value> {
    let mut store = store(text(step, "store"), of);
    if step["cached"] == true && step["history_ms"].is_null() {
        store = store.emit_per_commit();
    }
    match step["history_ms"].as_i64() {
        Some(history_ms) => store.history_ms(history_ms),
        None => store,
    }
}

pub(super) fn topic(name: &str, of: Type) -> Topic<Option<String>, Option<Value>> {
    Topic::new(name, utf8(), codec(of))
}

pub(super) fn codecs(of: Type) -> Codecs<String, Value> {
    Codecs::new(utf8(), codec(of))
}

/// Rendered forms of a nullable key: whole, and without its window.
pub(super) fn key_forms<K: Data>(key: &K) -> (Option<String>, Option<String>)
where
    K::Present: Key,
{
    let present = key.as_present();
    (present.map(Render::render), present.map(|key| key.plain().to_owned()))
}

pub(super) fn new_key<K: Data>(function: &str, key: &K, value: Option<&Value>) -> Option<String>
where
    K::Present: Key,
{
    let (whole, plain) = key_forms(key);
    call::key(function, whole.as_deref(), plain.as_deref(), value)
}
