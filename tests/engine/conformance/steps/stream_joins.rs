//! `stream_stream_join`: two streams within a window of time.

use serde_json::Value as Json;
use topo::state::utf8;
use topo::{Data, JoinWindows, Stream, StreamJoined};

use super::super::functions as call;
use super::super::topology::{Handle, Same, Steps, text};
use super::super::value::{Type, Value, codec};
use super::{codecs, owned};

impl<'b> Steps<'b> {
    pub(in super::super) fn stream_stream_join(
        &mut self,
        step: &Json,
        name: &str,
    ) -> Result<Handle<'b>, String> {
        let every = self.emit_interval_ms;
        match (self.handle(step, "left"), self.handle(step, "right")) {
            (Handle::Stream(left, of), Handle::Stream(right, other)) => {
                Ok(streams(step, name, (left, of), (right, other), every, Handle::Stream))
            }
            (Handle::Stream(left, of), Handle::Facts(right, other)) => {
                Ok(streams(step, name, (left, of), (right, other), every, Handle::Stream))
            }
            (Handle::Facts(left, of), Handle::Stream(right, other)) => {
                Ok(streams(step, name, (left, of), (right, other), every, Handle::Facts))
            }
            (Handle::Facts(left, of), Handle::Facts(right, other)) => {
                Ok(streams(step, name, (left, of), (right, other), every, Handle::Facts))
            }
            _ => Err("stream_stream_join of a windowed stream".to_owned()),
        }
    }
}

type Of<'b, K> = (Stream<'b, K, Option<Value>>, Type);

fn streams<'b, K, K2>(
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
