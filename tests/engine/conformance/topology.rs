//! From a list of steps to a topology.

use std::collections::HashMap;
use std::rc::Rc;

use serde_json::Value as Json;
use topo::state::{WindowSize, Windowed, utf8, windowed};
use topo::{
    Builder, Clock, Codecs, GlobalTable, Grouped, GroupedTable, Stream, Suppress, Table, Topic, Topology,
    WindowValue,
};

use super::joins::{emit_interval_ms, optimize, stream_join};
use super::processors::{CountFlush, Dedup, RunningCount, Tick, WindowRecent};
use super::steps::{
    by_key, codecs, declared, each, foreign_join, global_join, key_join, regroup, split, store,
    stream_aggregation, table_aggregation, table_join, text, topic, view, window_aggregation,
};
use super::value::{Type, Value, codec};

pub(crate) struct Built {
    pub(crate) topology: Topology,
    /// Internal topics whose bytes are the engine's own business.
    pub(crate) private: Vec<String>,
}

/// What a step's name stands for, with the type of its values.
#[derive(Clone)]
pub(super) enum Handle<'b> {
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

pub(super) type GroupedTableOf<'b> = Rc<GroupedTable<'b, String, Value>>;
type Plain<'b> = Stream<'b, Option<String>, Option<Value>>;

/// How the result of a step becomes a handle of the same kind as its input.
pub(super) type Same<'b, S> = fn(S, Type) -> Handle<'b>;

/// Builds the topology of a scenario, or names what is missing.
pub(crate) fn build(scenario: &Json) -> Result<Built, String> {
    if scenario["config"]["caching"] == true {
        return Err("record caches".to_owned());
    }
    let builder = Builder::new("app").optimize(optimize(scenario));
    let emit_interval_ms = emit_interval_ms(scenario);
    let mut steps =
        Steps { builder: &builder, handles: HashMap::new(), private: Vec::new(), emit_interval_ms };
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
    emit_interval_ms: i64,
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
            "stream_stream_join" => self.join_streams(step, name)?,
            "cogroup" => return Err(kind.to_owned()),
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
            _ => self.join_tables(kind, step, name),
        }
    }

    fn join_streams(&mut self, step: &Json, name: &str) -> Result<Handle<'b>, String> {
        let every = self.emit_interval_ms;
        match (self.handle(step, "left"), self.handle(step, "right")) {
            (Handle::Stream(left, of), Handle::Stream(right, other)) => {
                Ok(stream_join(step, name, (left, of), (right, other), every, Handle::Stream))
            }
            (Handle::Stream(left, of), Handle::Facts(right, other)) => {
                Ok(stream_join(step, name, (left, of), (right, other), every, Handle::Stream))
            }
            (Handle::Facts(left, of), Handle::Stream(right, other)) => {
                Ok(stream_join(step, name, (left, of), (right, other), every, Handle::Facts))
            }
            (Handle::Facts(left, of), Handle::Facts(right, other)) => {
                Ok(stream_join(step, name, (left, of), (right, other), every, Handle::Facts))
            }
            _ => Err("stream_stream_join of a windowed stream".to_owned()),
        }
    }

    fn join_tables(&mut self, kind: &str, step: &Json, name: &str) -> Result<Handle<'b>, String> {
        let (left, right) = (self.handle(step, "left"), self.handle(step, "right"));
        let made = match (left, right) {
            (Handle::Table(left, left_of), Handle::Table(right, right_of)) if kind == "fk_join" => {
                let (left, right) = (left.with_codecs(codecs(left_of)), right.with_codecs(codecs(right_of)));
                foreign_join(step, name, &left, &right)
            }
            (Handle::Table(left, _), Handle::Table(right, _)) => key_join(step, name, &left, &right),
            (Handle::WindowedTable(left, _, size), Handle::WindowedTable(right, ..))
                if step["store"].is_null() =>
            {
                return Ok(Handle::WindowedTable(key_join(step, name, &left, &right), Type::Text, size));
            }
            _ => return Err(format!("{kind} of these tables")),
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
