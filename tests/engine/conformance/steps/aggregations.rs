//! `count`, `reduce`, `aggregate` without windows.

use serde_json::Value as Json;
use topo::{Data, Grouped, GroupedTable};

use super::super::functions as call;
use super::super::topology::{Handle, Steps};
use super::super::value::{Render, Type, Value};
use super::{owned, table_store};

impl<'b> Steps<'b> {
    pub(in super::super) fn aggregation(
        &mut self,
        kind: &str,
        step: &Json,
        name: &str,
    ) -> Result<Handle<'b>, String> {
        if !step["window"].is_null() {
            return self.window_aggregation(kind, step, name);
        }
        match self.handle(step, "from") {
            Handle::GroupedTable(grouped, of) => Ok(table_aggregation(kind, step, name, &grouped, of)),
            Handle::Grouped(grouped, of) => Ok(stream_aggregation(kind, step, name, &grouped, of)),
            Handle::GroupedFacts(grouped, of) => Ok(stream_aggregation(kind, step, name, &grouped, of)),
            _ => Err(format!("{kind} of no group")),
        }
    }
}

fn stream_aggregation<'b, K: Data<Present = String>>(
    kind: &str,
    step: &Json,
    name: &str,
    grouped: &Grouped<'b, K, Option<Value>>,
    of: Type,
) -> Handle<'b> {
    match kind {
        "count" => {
            let add = |_: &String, _: Value, count: Value| call::reduce("sum", count, Some(Value::Number(1)));
            let init = || Value::Number(0);
            Handle::Table(grouped.aggregate(name, table_store(step, Type::Number), init, add), Type::Number)
        }
        "reduce" => {
            let function = owned(step, "reducer");
            let reduce = move |so_far, next| call::reduce(&function, so_far, Some(next));
            Handle::Table(grouped.reduce(name, table_store(step, of), reduce), of)
        }
        _ => {
            let function = owned(step, "aggregator");
            let (of, first) = call::init(&function);
            let add = move |_: &String, value: Value, so_far| call::add(&function, &value.render(), so_far);
            Handle::Table(grouped.aggregate(name, table_store(step, of), move || first.clone(), add), of)
        }
    }
}

fn table_aggregation<'b>(
    kind: &str,
    step: &Json,
    name: &str,
    grouped: &GroupedTable<'b, String, Value>,
    of: Type,
) -> Handle<'b> {
    match kind {
        "count" => {
            let add = |_: &String, _: Value, count| call::reduce("sum", count, Some(Value::Number(1)));
            let subtract = |_: &String, _: Value, count| call::reduce("sum", count, Some(Value::Number(-1)));
            let made =
                grouped.aggregate(name, table_store(step, Type::Number), || Value::Number(0), add, subtract);
            Handle::Table(made, Type::Number)
        }
        "reduce" => {
            let (added, withdrawn) = (owned(step, "reducer"), owned(step, "reducer"));
            let add = move |so_far, next| call::reduce(&added, so_far, Some(next));
            let subtract = move |so_far, old| call::reduce_subtract(&withdrawn, so_far, old);
            Handle::Table(grouped.reduce(name, table_store(step, of), add, subtract), of)
        }
        _ => {
            let (added, withdrawn) = (owned(step, "aggregator"), owned(step, "aggregator"));
            let (of, first) = call::init(&added);
            let add = move |_: &String, value: Value, so_far| call::add(&added, &value.render(), so_far);
            let subtract =
                move |_: &String, old: Value, so_far| call::subtract(&withdrawn, &old.render(), so_far);
            let first = move || first.clone();
            Handle::Table(grouped.aggregate(name, table_store(step, of), first, add, subtract), of)
        }
    }
}
