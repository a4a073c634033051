//! Steps that do not need to know the other steps: from one handle to the next.

use std::rc::Rc;

use serde_json::Value as Json;
use topo::state::utf8;
use topo::{
    Codecs, Data, GlobalTable, Grouped, GroupedTable, Hopping, KeyValue, Stream, Table, TimeWindows, Topic,
    Tumbling, WindowValue,
};

use super::functions as call;
use super::topology::{Handle, Same};
use super::value::{Key, Render, Type, Value, codec, or_null};

pub(super) fn text<'j>(step: &'j Json, field: &str) -> &'j str {
    step[field].as_str().unwrap_or_else(|| panic!("{field} in {step}"))
}

pub(super) fn owned(step: &Json, field: &str) -> String {
    text(step, field).to_owned()
}

pub(super) fn declared(step: &Json) -> Type {
    if text(step, "value") == "i64" { Type::Number } else { Type::Text }
}

pub(super) fn store(name: &str, of: Type) -> KeyValue<String, Value> {
    KeyValue::new(name, utf8(), codec(of))
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

pub(super) fn foreign_join<'b>(
    step: &Json,
    name: &str,
    left: &Table<'b, String, Value>,
    right: &Table<'b, String, Value>,
) -> Table<'b, String, Value> {
    let (extractor, joiner) = (owned(step, "extractor"), owned(step, "joiner"));
    let foreign = move |key: &String, row: &Value| call::key(&extractor, Some(key), Some(key), Some(row));
    let join = move |key: &String, row: &Value, other: Option<&Value>| {
        call::join(&joiner, Some(key), Some(row), other)
    };
    if text(step, "kind") == "left" {
        left.left_fk_join(name, right, foreign, join)
    } else {
        left.fk_join(name, right, foreign, move |key, row, other| join(key, row, Some(other)))
    }
}

pub(super) fn key_join<'b, K: Key>(
    step: &Json,
    name: &str,
    left: &Table<'b, K, Value>,
    right: &Table<'b, K, Value>,
) -> Table<'b, K, Value> {
    let joiner = owned(step, "joiner");
    let join = move |left: Option<&Value>, right: Option<&Value>| call::join(&joiner, None, left, right);
    match text(step, "kind") {
        "inner" => left.join(name, right, move |left, right| join(Some(left), Some(right))),
        "left" => left.left_join(name, right, move |left, right| join(Some(left), right)),
        _ => left.outer_join(name, right, join),
    }
}

pub(super) fn split<'b, K: Data<Present = String>>(
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

/// The steps that need records by key.
pub(super) fn by_key<'b, K: Data<Present = String>>(
    kind: &str,
    step: &Json,
    name: &str,
    stream: &Stream<'b, K, Option<Value>>,
    of: Type,
    same: Same<'b, Stream<'b, K, Option<Value>>>,
    grouped: Same<'b, Grouped<'b, K, Option<Value>>>,
) -> Handle<'b> {
    match kind {
        "repartition" => same(stream.repartition(name, codecs(of)), of),
        "to_table" => Handle::Table(stream.to_table(name, store(text(step, "store"), of)), of),
        _ => grouped(stream.group_by_key(name, codecs(of)), of),
    }
}

pub(super) fn table_join<'b, K: Data<Present = String>>(
    step: &Json,
    name: &str,
    stream: &Stream<'b, K, Option<Value>>,
    of: Type,
    table: &Table<'b, String, Value>,
    same: Same<'b, Stream<'b, K, Option<Value>>>,
) -> Handle<'b> {
    let (stream, joiner) = (stream.clone().with_codecs(codecs(of)), owned(step, "joiner"));
    let made = if text(step, "kind") == "left" {
        stream.left_join_table(name, table, move |key, value, row| {
            call::join(&joiner, key.as_present().map(String::as_str), Some(value), row)
        })
    } else {
        stream.join_table(name, table, move |key, value, row| {
            call::join(&joiner, Some(key), Some(value), Some(row))
        })
    };
    same(made, Type::Text)
}

pub(super) fn global_join<'b, K: Data<Present = String>>(
    step: &Json,
    name: &str,
    stream: &Stream<'b, K, Option<Value>>,
    table: &GlobalTable<'b, String, Value>,
    same: Same<'b, Stream<'b, K, Option<Value>>>,
) -> Handle<'b> {
    let (lookup, joiner) = (owned(step, "key_fn"), owned(step, "joiner"));
    let lookup = move |key: &K, value: &Value| new_key(&lookup, key, Some(value));
    let join = move |key: &K, value: &Value, row: Option<&Value>| {
        call::join(&joiner, key.as_present().map(String::as_str), Some(value), row)
    };
    let made = if text(step, "kind") == "left" {
        stream.left_join_global(name, table, lookup, join)
    } else {
        stream.join_global(name, table, lookup, move |key, value, row| join(key, value, Some(row)))
    };
    same(made, Type::Text)
}

/// The steps that look at one record of a stream at a time.
pub(super) fn each<'b, K: Data>(
    kind: &str,
    step: &Json,
    name: &str,
    stream: &Stream<'b, K, Option<Value>>,
    of: Type,
    same: impl Fn(Stream<'b, K, Option<Value>>, Type) -> Handle<'b>,
) -> Handle<'b>
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
    match kind {
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
        other => panic!("unknown step {other}"),
    }
}

pub(super) fn view<'b, K: Key>(
    kind: &str,
    step: &Json,
    name: &str,
    table: &Table<'b, K, Value>,
    of: Type,
) -> (Table<'b, K, Value>, Type) {
    if kind == "table_map_values" {
        let function = owned(step, "value_fn");
        let given = call::value_type(&function, of);
        let map = move |key: &K, row: &Value| call::value(&function, Some(&key.render()), Some(row));
        return (table.map_values(name, map), given);
    }
    let function = owned(step, "predicate");
    let holds = move |key: &K, row: &Value| call::predicate(&function, Some(&key.render()), Some(row));
    (if kind == "table_filter" { table.filter(name, holds) } else { table.filter_not(name, holds) }, of)
}

pub(super) fn regroup<'b, K: Key>(
    step: &Json,
    name: &str,
    table: &Table<'b, K, Value>,
    of: Type,
) -> Handle<'b> {
    let (to_key, to_value) =
        (owned(step, "key_fn"), step["value_fn"].as_str().unwrap_or("identity").to_owned());
    let given = call::value_type(&to_value, of);
    let grouped = table.group_by(
        name,
        move |key, row| {
            (new_key(&to_key, key, Some(row)), call::value(&to_value, Some(&key.render()), Some(row)))
        },
        codecs(given),
    );
    Handle::GroupedTable(Rc::new(grouped), given)
}

pub(super) fn stream_aggregation<'b, K: Data<Present = String>>(
    kind: &str,
    step: &Json,
    name: &str,
    grouped: &Grouped<'b, K, Option<Value>>,
    of: Type,
) -> Handle<'b> {
    let rows = text(step, "store");
    match kind {
        "count" => {
            let add = |_: &String, _: Value, count: Value| call::reduce("sum", count, Some(Value::Number(1)));
            let init = || Value::Number(0);
            Handle::Table(grouped.aggregate(name, store(rows, Type::Number), init, add), Type::Number)
        }
        "reduce" => {
            let function = owned(step, "reducer");
            let reduce = move |so_far, next| call::reduce(&function, so_far, Some(next));
            Handle::Table(grouped.reduce(name, store(rows, of), reduce), of)
        }
        _ => {
            let function = owned(step, "aggregator");
            let (of, first) = call::init(&function);
            let add = move |_: &String, value: Value, so_far| call::add(&function, &value.render(), so_far);
            Handle::Table(grouped.aggregate(name, store(rows, of), move || first.clone(), add), of)
        }
    }
}

pub(super) fn window_aggregation<'b, K: Data<Present = String>>(
    kind: &str,
    step: &Json,
    name: &str,
    grouped: &Grouped<'b, K, Option<Value>>,
    of: Type,
) -> Result<Handle<'b>, String> {
    let window = &step["window"];
    let number = |field: &str| window[field].as_i64().unwrap_or(0);
    let windows: TimeWindows = match text(window, "type") {
        "tumbling" => Tumbling::of_ms(number("size_ms")).grace_ms(number("grace_ms")).into(),
        "hopping" => {
            Hopping::of_ms(number("size_ms"), number("advance_ms")).grace_ms(number("grace_ms")).into()
        }
        other => return Err(format!("{other} windows")),
    };
    let rows = |of: Type| {
        let rows = WindowValue::new(text(step, "store"), utf8(), codec(of));
        step["retention_ms"].as_i64().map_or(rows.clone(), |it| rows.retention_ms(it))
    };
    let (grouped, size) = (grouped.windowed(windows), number("size_ms"));
    Ok(match kind {
        "count" => {
            let add = |_: &String, _, count: Value| call::reduce("sum", count, Some(Value::Number(1)));
            let made = grouped.aggregate(name, rows(Type::Number), || Value::Number(0), add);
            Handle::WindowedTable(made, Type::Number, size)
        }
        "reduce" => {
            let function = owned(step, "reducer");
            let reduce = move |so_far, next| call::reduce(&function, so_far, next);
            Handle::WindowedTable(grouped.reduce(name, rows(of), reduce), of, size)
        }
        _ => {
            let function = owned(step, "aggregator");
            let (of, first) = call::init(&function);
            let add = move |_: &String, value: Option<Value>, so_far| {
                call::add(&function, &or_null(value.as_ref()), so_far)
            };
            Handle::WindowedTable(grouped.aggregate(name, rows(of), move || first.clone(), add), of, size)
        }
    })
}

pub(super) fn table_aggregation<'b>(
    kind: &str,
    step: &Json,
    name: &str,
    grouped: &GroupedTable<'b, String, Value>,
    of: Type,
) -> Handle<'b> {
    let rows = text(step, "store");
    match kind {
        "count" => {
            let add = |_: &String, _: Value, count| call::reduce("sum", count, Some(Value::Number(1)));
            let subtract = |_: &String, _: Value, count| call::reduce("sum", count, Some(Value::Number(-1)));
            let made = grouped.aggregate(name, store(rows, Type::Number), || Value::Number(0), add, subtract);
            Handle::Table(made, Type::Number)
        }
        "reduce" => {
            let (added, withdrawn) = (owned(step, "reducer"), owned(step, "reducer"));
            let add = move |so_far, next| call::reduce(&added, so_far, Some(next));
            let subtract = move |so_far, old| call::reduce_subtract(&withdrawn, so_far, old);
            Handle::Table(grouped.reduce(name, store(rows, of), add, subtract), of)
        }
        _ => {
            let (added, withdrawn) = (owned(step, "aggregator"), owned(step, "aggregator"));
            let (of, first) = call::init(&added);
            let add = move |_: &String, value: Value, so_far| call::add(&added, &value.render(), so_far);
            let subtract =
                move |_: &String, old: Value, so_far| call::subtract(&withdrawn, &old.render(), so_far);
            let first = move || first.clone();
            Handle::Table(grouped.aggregate(name, store(rows, of), first, add, subtract), of)
        }
    }
}
