//! `count`, `reduce`, `aggregate` in windows.

use serde_json::Value as Json;
use topo::state::{WindowSize, utf8, windowed};
use topo::{Data, Grouped, Hopping, TimeWindows, Tumbling, WindowValue};

use super::super::functions as call;
use super::super::topology::{Handle, Keys, Steps, text};
use super::super::value::{Type, Value, codec, or_null};
use super::owned;

impl<'b> Steps<'b> {
    pub(in super::super) fn window_aggregation(
        &mut self,
        kind: &str,
        step: &Json,
        name: &str,
    ) -> Result<Handle<'b>, String> {
        if step["cached"] == true {
            return Err("record caches of windows".to_owned());
        }
        if step["emit"] == "on_window_close" {
            return Err("emit on window close".to_owned());
        }
        match self.handle(step, "from") {
            Handle::Grouped(grouped, of) => window_aggregation(kind, step, name, &grouped, of),
            Handle::GroupedFacts(grouped, of) => window_aggregation(kind, step, name, &grouped, of),
            _ => Err(format!("{kind} of no group")),
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
    let grouped = grouped.windowed(windows);
    let size = WindowSize::millis(number("size_ms"));
    let keys = Keys { codec: windowed(utf8(), size), sessions: false };
    Ok(match kind {
        "count" => {
            let add = |_: &String, _, count: Value| call::reduce("sum", count, Some(Value::Number(1)));
            let made = grouped.aggregate(name, rows(Type::Number), || Value::Number(0), add);
            Handle::WindowedTable(made, Type::Number, keys)
        }
        "reduce" => {
            let function = owned(step, "reducer");
            let reduce = move |so_far, next| call::reduce(&function, so_far, next);
            Handle::WindowedTable(grouped.reduce(name, rows(of), reduce), of, keys)
        }
        _ => {
            let function = owned(step, "aggregator");
            let (of, first) = call::init(&function);
            let add = move |_: &String, value: Option<Value>, so_far| {
                call::add(&function, &or_null(value.as_ref()), so_far)
            };
            Handle::WindowedTable(grouped.aggregate(name, rows(of), move || first.clone(), add), of, keys)
        }
    })
}
