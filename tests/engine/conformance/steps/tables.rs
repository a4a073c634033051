//! The steps from table to table, to streams and to groups.

use std::rc::Rc;

use serde_json::Value as Json;
use topo::Table;

use super::super::functions as call;
use super::super::topology::{Handle, Steps};
use super::super::value::{Key, Type, Value};
use super::{codecs, new_key, owned, table_store};

impl<'b> Steps<'b> {
    pub(in super::super) fn to_stream(&self, step: &Json, name: &str) -> Result<Handle<'b>, String> {
        match self.handle(step, "from") {
            Handle::Table(table, of) => Ok(Handle::Facts(table.to_stream(name), of)),
            Handle::WindowedTable(table, of, keys) => {
                Ok(Handle::WindowedStream(table.to_stream(name), of, keys))
            }
            _ => Err("to_stream of no table".to_owned()),
        }
    }

    pub(in super::super) fn view(
        &mut self,
        kind: &str,
        step: &Json,
        name: &str,
    ) -> Result<Handle<'b>, String> {
        match self.handle(step, "from") {
            Handle::Table(table, of) => {
                let (made, of) = view(kind, step, name, &table, of);
                Ok(Handle::Table(
                    match step["store"].as_str() {
                        Some(_) => made.stored(table_store(step, of)),
                        None => made,
                    },
                    of,
                ))
            }
            Handle::WindowedTable(table, of, keys) if step["store"].is_null() => {
                let (made, of) = view(kind, step, name, &table, of);
                Ok(Handle::WindowedTable(made, of, keys))
            }
            _ => Err(format!("{kind} of a windowed table with a store")),
        }
    }

    pub(in super::super) fn regroup(&mut self, step: &Json, name: &str) -> Result<Handle<'b>, String> {
        match self.handle(step, "from") {
            Handle::Table(table, of) => Ok(regroup(step, name, &table, of)),
            Handle::WindowedTable(table, of, _) => Ok(regroup(step, name, &table, of)),
            _ => Err("table_group_by of no table".to_owned()),
        }
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
    Handle::GroupedTable(Rc::new(grouped), given)
}
