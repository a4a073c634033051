//! From a list of steps to a topology. What each step does is in `steps`, one family per file.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use serde_json::Value as Json;
use topo::state::{CodecRef, Windowed};
use topo::{Builder, GlobalTable, Grouped, GroupedTable, Optimize, Stream, Table, Topology};

use super::mode::Mode;
use super::value::{Type, Value};

pub(super) struct Built {
    pub(super) topology: Topology,
    pub(super) nature: Nature,
}

/// Why there is no topology.
pub(super) enum Unbuilt {
    /// The engine has no such operator.
    Missing(String),
    /// The builder objects.
    Refused(String),
}

/// What the steps say about how results compare.
#[derive(Clone, Debug, Default)]
pub(super) struct Nature {
    /// Output topics.
    pub(super) sinks: BTreeMap<String, Sink>,
    /// For how long the window and session stores of aggregations keep rows, milliseconds.
    pub(super) kept_ms: BTreeMap<String, i64>,
    /// Sliding windows: only the order per key and window is told.
    pub(super) order_per_key: bool,
    /// Record caches: only the last value of each key is told.
    pub(super) last_per_key: bool,
}

/// What an output topic holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sink {
    pub(super) of: Type,
    /// Its windowed keys.
    pub(super) keys: Option<WindowedKeys>,
}

/// Windows behind the bytes of keys.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum WindowedKeys {
    /// The start, of windows of this length.
    Length(i64),
    /// The end, then the start.
    Sessions,
}

/// What a step's name stands for, with the type of its values.
#[derive(Clone)]
pub(super) enum Handle<'b> {
    /// Keys as a topic has them.
    Stream(Stream<'b, Option<String>, Option<Value>>, Type),
    /// Keys as a table has them: never null.
    Facts(Stream<'b, String, Option<Value>>, Type),
    WindowedStream(Stream<'b, Windowed<String>, Option<Value>>, Type, Keys),
    Table(Table<'b, String, Value>, Type),
    WindowedTable(Table<'b, Windowed<String>, Value>, Type, Keys),
    Global(GlobalTable<'b, String, Value>),
    Grouped(Grouped<'b, Option<String>, Option<Value>>, Type),
    GroupedFacts(Grouped<'b, String, Option<Value>>, Type),
    GroupedTable(GroupedTableOf<'b>, Type),
}

/// How windowed keys are written.
#[derive(Clone)]
pub(super) struct Keys {
    pub(super) codec: CodecRef<Windowed<String>>,
    pub(super) windows: WindowedKeys,
}

pub(super) type GroupedTableOf<'b> = Rc<GroupedTable<'b, String, Value>>;

/// How the result of a step becomes a handle of the same kind as its input.
pub(super) type Same<'b, S> = fn(S, Type) -> Handle<'b>;

/// Builds the topology of a scenario, or says why not.
///
/// Where stores get lost, processors keep in a store what the recorded ones keep in a field.
pub(super) fn build(scenario: &Json, mode: Mode) -> Result<Built, Unbuilt> {
    let builder = configure(Builder::new("app"), &scenario["config"]);
    let builder = if mode.declares_memory() { builder.stores_in_memory() } else { builder };
    let durable = mode.loses();
    let nature = Nature { last_per_key: scenario["config"]["caching"] == true, ..Nature::default() };
    let emit_interval_ms = scenario["config"]["emit_interval_ms"].as_i64().unwrap_or(0);
    let handles = HashMap::new();
    let mut steps = Steps { builder: &builder, handles, nature, durable, emit_interval_ms };
    for step in scenario["steps"].as_array().expect("a list of steps") {
        let mut step = step.clone();
        // Every store of a scenario has a cache, or none has.
        step["cached"] = scenario["config"]["caching"].clone();
        steps.add(&step).map_err(Unbuilt::Missing)?;
    }
    let nature = steps.nature;
    drop(steps.handles);
    let topology = builder.build().map_err(|errors| Unbuilt::Refused(errors.to_string()))?;
    Ok(Built { topology, nature })
}

/// Settings that hold for the whole topology.
fn configure(builder: Builder, config: &Json) -> Builder {
    builder.optimize(if config["optimization"] == "all" { Optimize::all() } else { Optimize::none() })
}

/// The steps so far.
pub(super) struct Steps<'b> {
    pub(super) builder: &'b Builder,
    pub(super) handles: HashMap<String, Handle<'b>>,
    pub(super) nature: Nature,
    pub(super) durable: bool,
    /// The wall-clock throttle of the two batch emitters.
    pub(super) emit_interval_ms: i64,
}

impl Nature {
    /// Whether the keys of an output topic are sessions.
    pub(super) fn has_sessions(&self, topic: &str) -> bool {
        self.sinks.get(topic).is_some_and(|sink| sink.keys == Some(WindowedKeys::Sessions))
    }
}

impl<'b> Steps<'b> {
    /// The handle that a field of a step names.
    pub(super) fn handle(&self, step: &Json, field: &str) -> Handle<'b> {
        self.handles[text(step, field)].clone()
    }

    fn add(&mut self, step: &Json) -> Result<(), String> {
        let (kind, name) = (text(step, "step"), text(step, "name"));
        let made = match kind {
            "stream" | "table" | "global_table" => self.source(kind, step, name)?,
            "split" => return self.split(step, name),
            "to" => return self.to(step, name),
            "merge" => self.merge(step, name)?,
            "process" | "process_values" => self.process(kind == "process_values", step, name)?,
            "repartition" | "to_table" | "group_by_key" => self.by_key(kind, step, name)?,
            "to_stream" => self.to_stream(step, name)?,
            "table_filter" | "table_filter_not" | "table_map_values" => self.view(kind, step, name)?,
            "table_group_by" => self.regroup(step, name)?,
            "count" | "reduce" | "aggregate" => self.aggregation(kind, step, name)?,
            "cogroup" => self.cogroup(step, name)?,
            "suppress" => self.suppress(step, name)?,
            "stream_stream_join" => self.stream_stream_join(step, name)?,
            "stream_table_join" => self.stream_table_join(step, name)?,
            "stream_global_join" => self.stream_global_join(step, name)?,
            "table_table_join" | "fk_join" => self.table_join(kind, step, name)?,
            "filter" | "filter_not" | "peek" | "map_values" | "flat_map_values" | "map" | "flat_map"
            | "select_key" | "group_by" => self.each(kind, step, name)?,
            other => return Err(format!("step {other}")),
        };
        self.handles.insert(name.to_owned(), made);
        Ok(())
    }
}

/// A field of a step that must be text.
pub(super) fn text<'j>(step: &'j Json, field: &str) -> &'j str {
    step[field].as_str().unwrap_or_else(|| panic!("{field} in {step}"))
}
