//! From a list of steps to a topology.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value as Json;
use topo::state::{WindowSize, Windowed, utf8, windowed};
use topo::{
    Builder, Clock, Codecs, Data, GlobalTable, Grouped, GroupedTable, Hopping, KeyValue, Stream, Suppress,
    Table, TimeWindows, Topic, Topology, Tumbling, WindowValue,
};

use super::functions as call;
use super::processors::{CountFlush, Dedup, RunningCount, Tick, WindowRecent};
use super::value::{Key, Render, Type, Value, codec, or_null};

pub(crate) struct Built {
    pub(crate) topology: Topology,
    /// Internal topics whose bytes are the engine's own business.
    pub(crate) private: Vec<String>,
}

/// What a step's name stands for, with the type of its values.
#[derive(Clone)]
enum Handle<'b> {
    /// Keys as a topic has them.
    Stream(Stream<'b, Option<String>, Option<Value>>, Type),
    /// Keys as a table has them: never null.
    Facts(Stream<'b, String, Option<Value>>, Type),
    WindowedStream(Stream<'b, Windowed<String>, Option<Value>>, Type, i64),
    Table(Table<'b, String, Value>, Type),
    WindowedTable(Table<'b, Windowed<String>, Value>, Type, i64),
    Global(GlobalTable<'b, String, Value>),
    Grouped(Grouped<'b, Option<String>, Option<Value>>, Type),
    GroupedFacts(Grouped<'b, String, Option<Value>>, Type),
    GroupedTable(GroupedTableOf<'b>, Type),
}

type GroupedTableOf<'b> = Arc<GroupedTable<'b, String, Value>>;
type Plain<'b> = Stream<'b, Option<String>, Option<Value>>;

/// How the result of a step becomes a handle of the same kind as its input.
type Same<'b, S> = fn(S, Type) -> Handle<'b>;

/// Builds the topology of a scenario, or names what is missing.
pub(crate) fn build(scenario: &Json) -> Result<Built, String> {
    if scenario["config"]["caching"] == true {
        return Err("record caches".to_owned());
    }
    if scenario["config"]["emit_interval_ms"].as_i64().unwrap_or(0) > 0 {
        return Err("throttled emission".to_owned());
    }
    let builder = Builder::new("app");
    let mut steps = Steps { builder: &builder, handles: HashMap::new(), private: Vec::new() };
    for step in scenario["steps"].as_array().expect("a list of steps") {
        steps.add(step)?;
    }
    let private = steps.private;
    drop(steps.handles);
    let topology = builder.build().map_err(|errors| errors.to_string())?;
    Ok(Built { topology, private })
}

struct Steps<'b> {
    builder: &'b Builder,
    handles: HashMap<String, Handle<'b>>,
    private: Vec<String>,
}

fn text<'j>(step: &'j Json, field: &str) -> &'j str {
    step[field].as_str().unwrap_or_else(|| panic!("{field} in {step}"))
}

fn owned(step: &Json, field: &str) -> String {
    text(step, field).to_owned()
}

fn declared(step: &Json) -> Type {
    if text(step, "value") == "i64" { Type::Number } else { Type::Text }
}

fn store(name: &str, of: Type) -> KeyValue<String, Value> {
    KeyValue::new(name, utf8(), codec(of))
}

fn topic(name: &str, of: Type) -> Topic<Option<String>, Option<Value>> {
    Topic::new(name, utf8(), codec(of))
}

fn codecs(of: Type) -> Codecs<String, Value> {
    Codecs::new(utf8(), codec(of))
}

/// Rendered forms of a nullable key: whole, and without its window.
fn key_forms<K: Data>(key: &K) -> (Option<String>, Option<String>)
where
    K::Present: Key,
{
    let present = key.as_present();
    (present.map(Render::render), present.map(|key| key.plain().to_owned()))
}

fn new_key<K: Data>(function: &str, key: &K, value: Option<&Value>) -> Option<String>
where
    K::Present: Key,
{
    let (whole, plain) = key_forms(key);
    call::key(function, whole.as_deref(), plain.as_deref(), value)
}

impl<'b> Steps<'b> {
    fn handle(&self, step: &Json, field: &str) -> Handle<'b> {
        self.handles[text(step, field)].clone()
    }

    fn stream(&self, step: &Json, field: &str) -> Result<(Plain<'b>, Type), String> {
        match self.handle(step, field) {
            Handle::Stream(stream, of) => Ok((stream, of)),
            _ => Err(format!("{} of a windowed stream", text(step, "step"))),
        }
    }

    fn table(&self, step: &Json, field: &str) -> Result<(Table<'b, String, Value>, Type), String> {
        match self.handle(step, field) {
            Handle::Table(table, of) => Ok((table, of)),
            _ => Err(format!("{} of a windowed table", text(step, "step"))),
        }
    }

    fn add(&mut self, step: &Json) -> Result<(), String> {
        let (kind, name) = (text(step, "step"), text(step, "name"));
        let made = match kind {
            "stream" | "table" | "global_table" => self.source(kind, step, name)?,
            "split" => return self.split(step, name),
            "to" => return self.to(step, name),
            "merge" => match (self.handle(step, "from"), self.handle(step, "with")) {
                (Handle::Stream(one, of), Handle::Stream(other, _)) => {
                    Handle::Stream(one.merge(name, &other), of)
                }
                (Handle::Facts(one, of), Handle::Facts(other, _)) => {
                    Handle::Facts(one.merge(name, &other), of)
                }
                _ => return Err("merge of a table's updates with a stream of nullable keys".to_owned()),
            },
            "process" | "process_values" => {
                let (stream, of) = self.stream(step, "from")?;
                self.process(kind == "process_values", step, name, &stream, of)
            }
            "repartition" | "to_table" | "group_by_key" => match self.handle(step, "from") {
                Handle::Stream(stream, of) => {
                    by_key(kind, step, name, &stream, of, Handle::Stream, Handle::Grouped)
                }
                Handle::Facts(stream, of) => {
                    by_key(kind, step, name, &stream, of, Handle::Facts, Handle::GroupedFacts)
                }
                _ => return Err(format!("{kind} of a windowed stream")),
            },
            "to_stream" => match self.handle(step, "from") {
                Handle::Table(table, of) => Handle::Facts(table.to_stream(name), of),
                Handle::WindowedTable(table, of, size) => {
                    Handle::WindowedStream(table.to_stream(name), of, size)
                }
                _ => return Err("to_stream of no table".to_owned()),
            },
            "table_filter" | "table_filter_not" | "table_map_values" | "table_group_by" => {
                self.table_step(kind, step, name)?
            }
            "count" | "reduce" | "aggregate" => self.aggregation(kind, step, name)?,
            "suppress" => self.suppress(step, name)?,
            "stream_table_join" | "stream_global_join" | "table_table_join" | "fk_join" => {
                self.join(kind, step, name)?
            }
            "cogroup" | "stream_stream_join" => return Err(kind.to_owned()),
            _ => match self.handle(step, "from") {
                Handle::Stream(stream, of) => each(kind, step, name, &stream, of, Handle::Stream),
                Handle::Facts(stream, of) => each(kind, step, name, &stream, of, Handle::Facts),
                Handle::WindowedStream(stream, of, size) => {
                    each(kind, step, name, &stream, of, |it, of| Handle::WindowedStream(it, of, size))
                }
                _ => return Err(format!("{kind} of no stream")),
            },
        };
        self.handles.insert(name.to_owned(), made);
        Ok(())
    }

    fn source(&mut self, kind: &str, step: &Json, name: &str) -> Result<Handle<'b>, String> {
        let of = declared(step);
        if !step["history_ms"].is_null() {
            return Err("versioned tables".to_owned());
        }
        Ok(match kind {
            "stream" => {
                let names =
                    step["topics"].as_array().expect("topics").iter().map(|it| it.as_str().expect("a name"));
                let topics: Vec<_> = names.map(|name| topic(name, of)).collect();
                Handle::Stream(self.builder.streams(name, &topics), of)
            }
            "global_table" => {
                let rows = store(text(step, "store"), of);
                Handle::Global(self.builder.global_table(name, &topic(text(step, "topic"), of), rows))
            }
            _ => {
                let from = topic(text(step, "topic"), of);
                Handle::Table(
                    match step["store"].as_str() {
                        Some(rows) => self.builder.table(name, &from, store(rows, of)),
                        None => self.builder.table_view(name, &from),
                    },
                    of,
                )
            }
        })
    }

    fn split(&mut self, step: &Json, name: &str) -> Result<(), String> {
        let streams = match self.handle(step, "from") {
            Handle::Stream(stream, of) => split(step, name, &stream, of, Handle::Stream),
            Handle::Facts(stream, of) => split(step, name, &stream, of, Handle::Facts),
            _ => return Err("split of a windowed stream".to_owned()),
        };
        self.handles.extend(streams);
        Ok(())
    }

    fn to(&mut self, step: &Json, name: &str) -> Result<(), String> {
        let to = text(step, "topic");
        match self.handle(step, "from") {
            Handle::Stream(stream, of) => stream.to(name, &topic(to, of)),
            Handle::Facts(stream, of) => stream.to(name, &Topic::new(to, utf8(), codec(of))),
            Handle::WindowedStream(stream, of, size) => {
                stream.to(name, &Topic::new(to, windowed(utf8(), WindowSize::millis(size)), codec(of)));
            }
            _ => return Err("to of no stream".to_owned()),
        }
        Ok(())
    }

    fn process(&self, values: bool, step: &Json, name: &str, stream: &Plain<'b>, of: Type) -> Handle<'b> {
        macro_rules! run {
            ($stores:expr, $make:expr) => {
                if values {
                    stream.process_values(name, $stores, $make)
                } else {
                    stream.process(name, $stores, $make)
                }
            };
        }
        let kept = |of: Type| self.builder.store(store(text(step, "store"), of));
        let (interval_ms, max_fires) =
            (step["interval_ms"].as_i64().unwrap_or(0), step["max_fires"].as_i64());
        let clock = if step["clock"] == "wall" { Clock::Wall } else { Clock::Stream };
        let tick = move || Tick { clock, interval_ms, max_fires, fired: 0 };
        match text(step, "processor") {
            "dedup" => {
                let rows = kept(of);
                Handle::Stream(run!(rows, move || Dedup(rows)), of)
            }
            "running_count" => {
                let rows = kept(Type::Number);
                Handle::Stream(run!(rows, move || RunningCount(rows)), Type::Text)
            }
            "tick" => Handle::Stream(run!((), tick), Type::Text),
            "count_flush" => {
                let store = kept(Type::Number);
                Handle::Stream(run!(store, move || CountFlush { store, tick: tick() }), Type::Text)
            }
            "window_recent" => {
                let size_ms = step["size_ms"].as_i64().expect("a size");
                let rows = WindowValue::new(text(step, "store"), utf8(), codec(of));
                let rows = rows.retention_ms(step["retention_ms"].as_i64().expect("a retention"));
                let store = self.builder.window_store(rows);
                Handle::Stream(run!(store, move || WindowRecent { store, size_ms }), Type::Text)
            }
            other => panic!("unknown processor {other}"),
        }
    }

    fn table_step(&mut self, kind: &str, step: &Json, name: &str) -> Result<Handle<'b>, String> {
        if !step["history_ms"].is_null() {
            return Err("versioned tables".to_owned());
        }
        match self.handle(step, "from") {
            Handle::Table(table, of) if kind == "table_group_by" => Ok(regroup(step, name, &table, of)),
            Handle::WindowedTable(table, of, _) if kind == "table_group_by" => {
                Ok(regroup(step, name, &table, of))
            }
            Handle::Table(table, of) => {
                let (made, of) = view(kind, step, name, &table, of);
                Ok(Handle::Table(
                    match step["store"].as_str() {
                        Some(rows) => made.stored(store(rows, of)),
                        None => made,
                    },
                    of,
                ))
            }
            Handle::WindowedTable(table, of, size) if step["store"].is_null() => {
                let (made, of) = view(kind, step, name, &table, of);
                Ok(Handle::WindowedTable(made, of, size))
            }
            _ => Err(format!("{kind} here")),
        }
    }

    fn aggregation(&mut self, kind: &str, step: &Json, name: &str) -> Result<Handle<'b>, String> {
        if !step["history_ms"].is_null() {
            return Err("versioned aggregations".to_owned());
        }
        if step["emit"] == "on_window_close" {
            return Err("emit on window close".to_owned());
        }
        match self.handle(step, "from") {
            Handle::GroupedTable(grouped, of) => Ok(table_aggregation(kind, step, name, &grouped, of)),
            Handle::Grouped(grouped, of) if step["window"].is_null() => {
                Ok(stream_aggregation(kind, step, name, &grouped, of))
            }
            Handle::GroupedFacts(grouped, of) if step["window"].is_null() => {
                Ok(stream_aggregation(kind, step, name, &grouped, of))
            }
            Handle::Grouped(grouped, of) => window_aggregation(kind, step, name, &grouped, of),
            Handle::GroupedFacts(grouped, of) => window_aggregation(kind, step, name, &grouped, of),
            _ => Err(format!("{kind} of no group")),
        }
    }

    fn suppress(&mut self, step: &Json, name: &str) -> Result<Handle<'b>, String> {
        self.private.push(format!("app-{name}-store-changelog"));
        let most = step["max_records"].as_u64();
        if step["until"] == "window_closes" {
            let Handle::WindowedTable(table, of, size) = self.handle(step, "from") else {
                return Err("suppress of other windows".to_owned());
            };
            let codecs = Codecs::new(windowed(utf8(), WindowSize::millis(size)), codec(of));
            let made = match most {
                Some(most) => table.suppress_until_window_closes_within(name, codecs, most),
                None => table.suppress_until_window_closes(name, codecs),
            };
            return Ok(Handle::WindowedTable(made, of, size));
        }
        let mut limits = Suppress::time_limit_ms(step["limit_ms"].as_i64().expect("a limit"));
        if let Some(most) = most {
            limits = limits.max_records(most);
        }
        if step["when_full"] == "shut_down" {
            limits = limits.shut_down_when_full();
        }
        match self.handle(step, "from") {
            Handle::Table(table, of) => Ok(Handle::Table(table.suppress(name, limits, codecs(of)), of)),
            Handle::WindowedTable(table, of, size) => {
                let codecs = Codecs::new(windowed(utf8(), WindowSize::millis(size)), codec(of));
                Ok(Handle::WindowedTable(table.suppress(name, limits, codecs), of, size))
            }
            _ => Err("suppress of no table".to_owned()),
        }
    }

    fn join(&mut self, kind: &str, step: &Json, name: &str) -> Result<Handle<'b>, String> {
        if !step["grace_ms"].is_null() {
            return Err("stream-table join with grace".to_owned());
        }
        let joiner = owned(step, "joiner");
        match kind {
            "stream_table_join" => {
                let (table, _) = self.table(step, "right")?;
                match self.handle(step, "left") {
                    Handle::Stream(stream, of) => {
                        Ok(table_join(step, name, &stream, of, &table, Handle::Stream))
                    }
                    Handle::Facts(stream, of) => {
                        Ok(table_join(step, name, &stream, of, &table, Handle::Facts))
                    }
                    _ => Err("stream_table_join of a windowed stream".to_owned()),
                }
            }
            "stream_global_join" => {
                let Handle::Global(table) = self.handle(step, "right") else {
                    return Err("join of no table".to_owned());
                };
                match self.handle(step, "left") {
                    Handle::Stream(stream, _) => Ok(global_join(step, name, &stream, &table, Handle::Stream)),
                    Handle::Facts(stream, _) => Ok(global_join(step, name, &stream, &table, Handle::Facts)),
                    _ => Err("stream_global_join of a windowed stream".to_owned()),
                }
            }
            _ => self.join_tables(kind, step, name, joiner),
        }
    }

    fn join_tables(
        &mut self,
        kind: &str,
        step: &Json,
        name: &str,
        joiner: String,
    ) -> Result<Handle<'b>, String> {
        let ((left, left_of), (right, right_of)) = (self.table(step, "left")?, self.table(step, "right")?);
        let how = text(step, "kind");
        let made = if kind == "fk_join" {
            let extractor = owned(step, "extractor");
            let foreign =
                move |key: &String, row: &Value| call::key(&extractor, Some(key), Some(key), Some(row));
            let (left, right) = (left.with_codecs(codecs(left_of)), right.with_codecs(codecs(right_of)));
            let join = move |key: &String, row: &Value, other: Option<&Value>| {
                call::join(&joiner, Some(key), Some(row), other)
            };
            if how == "left" {
                left.left_fk_join(name, &right, foreign, join)
            } else {
                left.fk_join(name, &right, foreign, move |key, row, other| join(key, row, Some(other)))
            }
        } else {
            let join =
                move |left: Option<&Value>, right: Option<&Value>| call::join(&joiner, None, left, right);
            match how {
                "inner" => left.join(name, &right, move |left, right| join(Some(left), Some(right))),
                "left" => left.left_join(name, &right, move |left, right| join(Some(left), right)),
                _ => left.outer_join(name, &right, join),
            }
        };
        Ok(Handle::Table(
            match step["store"].as_str() {
                Some(rows) => made.stored(store(rows, Type::Text)),
                None => made,
            },
            Type::Text,
        ))
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

/// The steps that need records by key.
fn by_key<'b, K: Data<Present = String>>(
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

fn table_join<'b, K: Data<Present = String>>(
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

fn global_join<'b, K: Data<Present = String>>(
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
fn each<'b, K: Data>(
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

fn view<'b, K: Key>(
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

fn regroup<'b, K: Key>(step: &Json, name: &str, table: &Table<'b, K, Value>, of: Type) -> Handle<'b> {
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
    Handle::GroupedTable(Arc::new(grouped), given)
}

fn stream_aggregation<'b, K: Data<Present = String>>(
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

fn window_aggregation<'b, K: Data<Present = String>>(
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

fn table_aggregation<'b>(
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
