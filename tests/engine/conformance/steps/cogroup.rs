//! `cogroup`: several streams into one aggregate.

use serde_json::Value as Json;
use topo::state::Windowed;
use topo::{Cogrouped, Data, Grouped, Table};

use super::super::functions as call;
use super::super::topology::{Handle, Steps};
use super::super::value::{Type, Value, or_null};
use super::windows::{Cut, session_rows, window_rows};
use super::{owned, table_store};

type Streams<'b> = Cogrouped<'b, String, Value>;

impl<'b> Steps<'b> {
    pub(in super::super) fn cogroup(&mut self, step: &Json, name: &str) -> Result<Handle<'b>, String> {
        let groups = step["groups"].as_array().expect("groups");
        let first = owned(&groups[0], "aggregator");
        let (of, init) = call::init(&first);
        let mut streams: Option<Streams<'b>> = None;
        for group in groups {
            let added = match self.handle(group, "from") {
                Handle::Grouped(grouped, _) => add(streams, &grouped, owned(group, "aggregator")),
                Handle::GroupedFacts(grouped, _) => add(streams, &grouped, owned(group, "aggregator")),
                _ => return Err("cogroup of no group".to_owned()),
            };
            streams = Some(added);
        }
        let streams = streams.expect("a group");
        let init = move || init.clone();
        if step["window"].is_null() {
            let rows = table_store(step, of);
            return Ok(Handle::Table(streams.aggregate(name, rows, init), of));
        }
        self.windowed_nature(step);
        let cut = Cut::of(step)?;
        let keys = cut.keys(step);
        Ok(Handle::WindowedTable(windowed(step, name, (streams, of), cut, init, first), of, keys))
    }
}

/// Adds a group to those before it.
fn add<'b, K: Data<Present = String>>(
    before: Option<Streams<'b>>,
    grouped: &Grouped<'b, K, Option<Value>>,
    function: String,
) -> Streams<'b> {
    let add = move |_: &String, value: Option<Value>, so_far: Value| {
        call::add(&function, &or_null(value.as_ref()), so_far)
    };
    match before {
        Some(streams) => streams.cogroup(grouped, add),
        None => grouped.cogroup(add),
    }
}

fn windowed<'b>(
    step: &Json,
    name: &str,
    (streams, of): (Streams<'b>, Type),
    cut: Cut,
    init: impl Fn() -> Value + Send + Sync + 'static,
    merger: String,
) -> Table<'b, Windowed<String>, Value> {
    match cut {
        Cut::Windows(windows) => streams.windowed(windows).aggregate(name, window_rows(step, of), init),
        Cut::Session(windows) => {
            let merge = move |_: &String, one, other| call::merge(&merger, one, other);
            streams.sessions(windows).aggregate(name, session_rows(step, of), init, merge)
        }
    }
}
