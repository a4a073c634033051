//! Stream-stream joins.

use serde_json::Value as Json;
use topo::state::utf8;
use topo::{Data, JoinWindows, Optimize, Stream, StreamJoined};

use super::check::Plain;
use super::functions as call;
use super::steps::{codecs, owned, text};
use super::topology::{Handle, Same};
use super::value::{Type, Value, codec};

/// The shortcuts that a scenario was recorded with.
pub(super) fn optimize(scenario: &Json) -> Optimize {
    if scenario["config"]["optimization"] == "all" { Optimize::all() } else { Optimize::none() }
}

/// How often a scenario looks for results without a partner.
pub(super) fn emit_interval_ms(scenario: &Json) -> i64 {
    scenario["config"]["emit_interval_ms"].as_i64().unwrap_or(0)
}

/// A record of the changelog of waiting records in Kafka's form, `timestamp ++ side ++ key`, with any bytes as its value:
/// what waits, since when and until when is Kafka's, how it is written is ours. `None` = our own marker.
pub(super) fn waiting((key, value, timestamp): Plain) -> Option<Plain> {
    let key = key?;
    let (side, rest) = key.split_first()?;
    let (time, key) = rest.split_first_chunk::<8>()?;
    let time = u64::from_be_bytes(*time) ^ 1 << 63;
    let key = [&time.to_be_bytes()[..], &[*side], key].concat();
    Some((Some(key), value.map(|_| Vec::new()), timestamp))
}

type Of<'b, K> = (Stream<'b, K, Option<Value>>, Type);

pub(super) fn stream_join<'b, K, K2>(
    step: &Json,
    name: &str,
    (left, left_of): Of<'b, K>,
    (right, right_of): Of<'b, K2>,
    emit_interval_ms: i64,
    same: Same<'b, Stream<'b, K, Option<Value>>>,
) -> Handle<'b>
where
    K: Data<Present = String>,
    K2: Data<Present = String>,
{
    let number = |field: &str| step[field].as_i64().expect("a length");
    let windows = JoinWindows::of_ms(0).before_ms(number("before_ms")).after_ms(number("after_ms"));
    let windows = windows.grace_ms(number("grace_ms"));
    let stores = StreamJoined::new(text(step, "store"), utf8(), codec(left_of), codec(right_of));
    let stores = stores.emit_interval_ms(emit_interval_ms);
    let (left, right) = (left.with_codecs(codecs(left_of)), right.with_codecs(codecs(right_of)));
    let joiner = owned(step, "joiner");
    let join = move |key: &K, left: Option<&Value>, right: Option<&Value>| {
        call::join(&joiner, key.as_present().map(String::as_str), left, right)
    };
    let made = match text(step, "kind") {
        "inner" => left.join_stream(name, &right, windows, stores, move |key, left, right| {
            join(&K::of(key.clone()), Some(left), Some(right))
        }),
        "left" => left.left_join_stream(name, &right, windows, stores, move |key, left, right| {
            join(key, Some(left), right)
        }),
        _ => left.outer_join_stream(name, &right, windows, stores, join),
    };
    same(made, Type::Text)
}
