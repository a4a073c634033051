//! The steps that look at one record of a stream at a time, and those that fork and join streams.

use serde_json::Value as Json;
use topo::{Data, Stream};

use super::super::functions as call;
use super::super::topology::{Handle, Same, Steps, text};
use super::super::value::{Key, Type, Value};
use super::{codecs, key_forms, new_key, owned};

impl<'b> Steps<'b> {
    pub(in super::super) fn each(
        &mut self,
        kind: &str,
        step: &Json,
        name: &str,
    ) -> Result<Handle<'b>, String> {
        match self.handle(step, "from") {
            Handle::Stream(stream, of) => each(kind, step, name, &stream, of, Handle::Stream),
            Handle::Facts(stream, of) => each(kind, step, name, &stream, of, Handle::Facts),
            Handle::WindowedStream(stream, of, keys) => each(kind, step, name, &stream, of, move |it, of| {
                Handle::WindowedStream(it, of, keys.clone())
            }),
            _ => Err(format!("{kind} of no stream")),
        }
    }

    pub(in super::super) fn merge(&mut self, step: &Json, name: &str) -> Result<Handle<'b>, String> {
        match (self.handle(step, "from"), self.handle(step, "with")) {
            (Handle::Stream(one, of), Handle::Stream(other, _)) => {
                Ok(Handle::Stream(one.merge(name, &other), of))
            }
            (Handle::Facts(one, of), Handle::Facts(other, _)) => {
                Ok(Handle::Facts(one.merge(name, &other), of))
            }
            (Handle::WindowedStream(one, of, keys), Handle::WindowedStream(other, ..)) => {
                Ok(Handle::WindowedStream(one.merge(name, &other), of, keys))
            }
            _ => Err("merge of a table's updates with a stream of nullable keys".to_owned()),
        }
    }

    pub(in super::super) fn split(&mut self, step: &Json, name: &str) -> Result<(), String> {
        let streams = match self.handle(step, "from") {
            Handle::Stream(stream, of) => split(step, name, &stream, of, Handle::Stream),
            Handle::Facts(stream, of) => split(step, name, &stream, of, Handle::Facts),
            _ => return Err("split of a windowed stream".to_owned()),
        };
        self.handles.extend(streams);
        Ok(())
    }
}

fn split<'b, K: Data<Present = String>>(
    step: &Json,
    name: &str,
    stream: &Stream<'b, K, Option<Value>>,
    of: Type,
    same: Same<'b, Stream<'b, K, Option<Value>>>,
) -> Vec<(String, Handle<'b>)> {
    let mut split = stream.split(name);
    let mut names = Vec::new();
    for branch in step["branches"].as_array().expect("branches") {
        let predicate = owned(branch, "predicate");
        names.push(owned(branch, "name"));
        split = split.branch(text(branch, "name"), move |key, value| {
            call::predicate(&predicate, key_forms(key).0.as_deref(), value.as_ref())
        });
    }
    let streams = match step["default"].as_str() {
        Some(default) => {
            names.push(default.to_owned());
            split.default(default)
        }
        None => split.no_default(),
    };
    names.into_iter().zip(streams.into_iter().map(|stream| same(stream, of))).collect()
}

fn each<'b, K: Data>(
    kind: &str,
    step: &Json,
    name: &str,
    stream: &Stream<'b, K, Option<Value>>,
    of: Type,
    same: impl Fn(Stream<'b, K, Option<Value>>, Type) -> Handle<'b>,
) -> Result<Handle<'b>, String>
where
    K::Present: Key,
{
    let function = |field: &str| step[field].as_str().unwrap_or_default().to_owned();
    let (predicate, to_key, to_value, flat) =
        (function("predicate"), function("key_fn"), function("value_fn"), function("flat_fn"));
    let holds = move |key: &K, value: &Option<Value>| {
        call::predicate(&predicate, key_forms(key).0.as_deref(), value.as_ref())
    };
    let given = call::value_type(&to_value, of);
    Ok(match kind {
        "filter" => same(stream.filter(name, holds), of),
        "filter_not" => same(stream.filter_not(name, holds), of),
        "peek" => same(stream.peek(name, |_, _| ()), of),
        "map_values" => same(
            stream.map_values(name, move |key, value| {
                call::value(&to_value, key_forms(key).0.as_deref(), value.as_ref())
            }),
            given,
        ),
        "flat_map_values" => same(
            stream.flat_map_values(name, move |_, value| call::flat_values(&flat, value.as_ref())),
            Type::Text,
        ),
        "map" => Handle::Stream(
            stream.map(name, move |key, value| {
                let mapped = call::value(&to_value, key_forms(&key).0.as_deref(), value.as_ref());
                (new_key(&to_key, &key, value.as_ref()), mapped)
            }),
            given,
        ),
        "flat_map" => Handle::Stream(
            stream.flat_map(name, move |key, value| {
                call::flat_pairs(&flat, key_forms(&key).0.as_deref(), value.as_ref())
            }),
            Type::Text,
        ),
        "select_key" => {
            Handle::Stream(stream.rekey(name, move |key, value| new_key(&to_key, key, value.as_ref())), of)
        }
        "group_by" => {
            let key = move |key: &K, value: &Option<Value>| new_key(&to_key, key, value.as_ref());
            Handle::Grouped(stream.group_by(name, key, codecs(of)), of)
        }
        other => return Err(format!("step {other}")),
    })
}
