//! `count`, `reduce`, `aggregate` in windows.

use serde_json::Value as Json;
use topo::state::{WindowSize, session_windowed, utf8, windowed};
use topo::{
    Data, EmitStrategy, Grouped, Hopping, Session, SessionValue, Sliding, Tumbling, WindowValue, Windows,
};

use super::super::functions as call;
use super::super::topology::{Handle, Keys, Steps, WindowedKeys, text};
use super::super::value::{Type, Value, codec, or_null};
use super::owned;

impl<'b> Steps<'b> {
    pub(in super::super) fn window_aggregation(
        &mut self,
        kind: &str,
        step: &Json,
        name: &str,
    ) -> Result<Handle<'b>, String> {
        self.windowed_nature(step);
        let emit = match step["emit"].as_str() {
            Some("on_window_close") => {
                EmitStrategy::on_window_close().at_most_every_ms(self.emit_interval_ms)
            }
            _ => EmitStrategy::on_window_update(),
        };
        match self.handle(step, "from") {
            Handle::Grouped(grouped, of) => aggregation(kind, step, name, &grouped, of, emit),
            Handle::GroupedFacts(grouped, of) => aggregation(kind, step, name, &grouped, of, emit),
            _ => Err(format!("{kind} of no group")),
        }
    }
}

impl Steps<'_> {
    /// What a windowed step says about how results compare.
    pub(super) fn windowed_nature(&mut self, step: &Json) {
        let window = &step["window"];
        self.nature.order_per_key |= window["type"] == "sliding";
        let number = |field: &str| window[field].as_i64().unwrap_or(0);
        let spans = number("size_ms") + 2 * number("diff_ms") + number("gap_ms");
        let kept_ms = step["retention_ms"].as_i64().unwrap_or(spans + number("grace_ms"));
        self.nature.kept_ms.insert(owned(step, "store"), kept_ms);
    }
}

/// What a step's window is.
pub(super) enum Cut {
    Windows(Windows),
    Session(Session),
}

impl Cut {
    pub(super) fn of(step: &Json) -> Result<Self, String> {
        let window = &step["window"];
        let number = |field: &str| window[field].as_i64().unwrap_or(0);
        let grace = number("grace_ms");
        Ok(match text(window, "type") {
            "tumbling" => Self::Windows(Tumbling::of_ms(number("size_ms")).grace_ms(grace).into()),
            "hopping" => {
                let windows = Hopping::of_ms(number("size_ms"), number("advance_ms"));
                Self::Windows(windows.grace_ms(grace).into())
            }
            "sliding" => Self::Windows(Sliding::of_ms(number("diff_ms")).grace_ms(grace).into()),
            "session" => Self::Session(Session::gap_ms(number("gap_ms")).grace_ms(grace)),
            other => return Err(format!("{other} windows")),
        })
    }

    pub(super) fn keys(&self, step: &Json) -> Keys {
        let size = ["size_ms", "diff_ms"].iter().find_map(|field| step["window"][field].as_i64());
        match self {
            Self::Windows(_) => {
                let size = WindowSize::millis(size.expect("the length of a window"));
                Keys { codec: windowed(utf8(), size), windows: WindowedKeys::Length(size.as_millis()) }
            }
            Self::Session(_) => Keys { codec: session_windowed(utf8()), windows: WindowedKeys::Sessions },
        }
    }
}

pub(super) fn window_rows(step: &Json, of: Type) -> WindowValue<String, Value> {
    let mut rows = WindowValue::new(text(step, "store"), utf8(), codec(of));
    if step["cached"] == true {
        rows = rows.emit_per_commit();
    }
    step["retention_ms"].as_i64().map_or(rows.clone(), |it| rows.retention_ms(it))
}

pub(super) fn session_rows(step: &Json, of: Type) -> SessionValue<String, Value> {
    let mut rows = SessionValue::new(text(step, "store"), utf8(), codec(of));
    if step["cached"] == true {
        rows = rows.emit_per_commit();
    }
    step["retention_ms"].as_i64().map_or(rows.clone(), |it| rows.retention_ms(it))
}

fn aggregation<'b, K: Data<Present = String>>(
    kind: &str,
    step: &Json,
    name: &str,
    grouped: &Grouped<'b, K, Option<Value>>,
    of: Type,
    emit: EmitStrategy,
) -> Result<Handle<'b>, String> {
    let cut = Cut::of(step)?;
    let keys = cut.keys(step);
    let (made, of) = match cut {
        Cut::Windows(windows) => {
            let grouped = grouped.windowed(windows).emit(emit);
            in_windows(kind, step, name, &grouped, of)
        }
        Cut::Session(windows) => {
            let grouped = grouped.sessions(windows).emit(emit);
            in_sessions(kind, step, name, &grouped, of)
        }
    };
    Ok(Handle::WindowedTable(made, of, keys))
}

type Made<'b> = (topo::Table<'b, topo::state::Windowed<String>, Value>, Type);

fn in_windows<'b, K: Data<Present = String>>(
    kind: &str,
    step: &Json,
    name: &str,
    grouped: &topo::WindowedStream<'b, K, Option<Value>>,
    of: Type,
) -> Made<'b> {
    match kind {
        "count" => {
            let rows = window_rows(step, Type::Number);
            (grouped.aggregate(name, rows, || Value::Number(0), |_, _, count| one_more(count)), Type::Number)
        }
        "reduce" => {
            let function = owned(step, "reducer");
            let reduce = move |so_far, next| call::reduce(&function, so_far, next);
            (grouped.reduce(name, window_rows(step, of), reduce), of)
        }
        _ => {
            let function = owned(step, "aggregator");
            let (of, first) = call::init(&function);
            let add = move |_: &String, value: Option<Value>, so_far| {
                call::add(&function, &or_null(value.as_ref()), so_far)
            };
            (grouped.aggregate(name, window_rows(step, of), move || first.clone(), add), of)
        }
    }
}

fn in_sessions<'b, K: Data<Present = String>>(
    kind: &str,
    step: &Json,
    name: &str,
    grouped: &topo::SessionStream<'b, K, Option<Value>>,
    of: Type,
) -> Made<'b> {
    match kind {
        "count" => {
            let rows = session_rows(step, Type::Number);
            let merge = |_: &String, one, other| call::reduce("sum", one, Some(other));
            let init = || Value::Number(0);
            (grouped.aggregate(name, rows, init, |_, _, count| one_more(count), merge), Type::Number)
        }
        "reduce" => {
            let function = owned(step, "reducer");
            let reduce = move |so_far, next| call::reduce(&function, so_far, next);
            (grouped.reduce(name, session_rows(step, of), reduce), of)
        }
        _ => {
            let (function, merger) = (owned(step, "aggregator"), owned(step, "aggregator"));
            let (of, first) = call::init(&function);
            let add = move |_: &String, value: Option<Value>, so_far| {
                call::add(&function, &or_null(value.as_ref()), so_far)
            };
            let merge = move |_: &String, one, other| call::merge(&merger, one, other);
            (grouped.aggregate(name, session_rows(step, of), move || first.clone(), add, merge), of)
        }
    }
}

fn one_more(count: Value) -> Option<Value> {
    call::reduce("sum", count, Some(Value::Number(1)))
}
