//! Joins with tables.

use serde_json::Value as Json;
use topo::{Data, GlobalTable, Stream, Table};

use super::super::functions as call;
use super::super::topology::{Handle, Same, Steps, text};
use super::super::value::{Key, Type, Value};
use super::{codecs, new_key, owned, table_store};

impl<'b> Steps<'b> {
    pub(in super::super) fn stream_table_join(
        &mut self,
        step: &Json,
        name: &str,
    ) -> Result<Handle<'b>, String> {
        let Handle::Table(table, _) = self.handle(step, "right") else {
            return Err("stream_table_join with a windowed table".to_owned());
        };
        match self.handle(step, "left") {
            Handle::Stream(stream, of) => Ok(stream_table(step, name, &stream, of, &table, Handle::Stream)),
            Handle::Facts(stream, of) => Ok(stream_table(step, name, &stream, of, &table, Handle::Facts)),
            _ => Err("stream_table_join of a windowed stream".to_owned()),
        }
    }

    pub(in super::super) fn stream_global_join(
        &mut self,
        step: &Json,
        name: &str,
    ) -> Result<Handle<'b>, String> {
        let Handle::Global(table) = self.handle(step, "right") else {
            return Err("join of no global table".to_owned());
        };
        match self.handle(step, "left") {
            Handle::Stream(stream, _) => Ok(stream_global(step, name, &stream, &table, Handle::Stream)),
            Handle::Facts(stream, _) => Ok(stream_global(step, name, &stream, &table, Handle::Facts)),
            _ => Err("stream_global_join of a windowed stream".to_owned()),
        }
    }

    pub(in super::super) fn table_join(
        &mut self,
        kind: &str,
        step: &Json,
        name: &str,
    ) -> Result<Handle<'b>, String> {
        let (left, right) = (self.handle(step, "left"), self.handle(step, "right"));
        let made = match (left, right) {
            (Handle::Table(left, left_of), Handle::Table(right, right_of)) if kind == "fk_join" => {
                let (left, right) = (left.with_codecs(codecs(left_of)), right.with_codecs(codecs(right_of)));
                foreign_join(step, name, &left, &right)
            }
            (Handle::Table(left, _), Handle::Table(right, _)) => key_join(step, name, &left, &right),
            (Handle::WindowedTable(left, _, keys), Handle::WindowedTable(right, ..))
                if step["store"].is_null() =>
            {
                return Ok(Handle::WindowedTable(key_join(step, name, &left, &right), Type::Text, keys));
            }
            _ => return Err(format!("{kind} of these tables")),
        };
        Ok(Handle::Table(
            match step["store"].as_str() {
                Some(_) => made.stored(table_store(step, Type::Text)),
                None => made,
            },
            Type::Text,
        ))
    }
}

fn stream_table<'b, K: Data<Present = String>>(
    step: &Json,
    name: &str,
    stream: &Stream<'b, K, Option<Value>>,
    of: Type,
    table: &Table<'b, String, Value>,
    same: Same<'b, Stream<'b, K, Option<Value>>>,
) -> Handle<'b> {
    let (stream, joiner) = (stream.clone().with_codecs(codecs(of)), owned(step, "joiner"));
    let (left, grace) = (text(step, "kind") == "left", step["grace_ms"].as_i64());
    let outer = {
        let joiner = joiner.clone();
        move |key: &K, value: &Value, row: Option<&Value>| {
            call::join(&joiner, key.as_present().map(String::as_str), Some(value), row)
        }
    };
    let inner = move |key: &String, value: &Value, row: &Value| {
        call::join(&joiner, Some(key), Some(value), Some(row))
    };
    let made = match grace {
        None if left => stream.left_join_table(name, table, outer),
        None => stream.join_table(name, table, inner),
        Some(grace_ms) if left => stream.left_join_table_with_grace(name, table, grace_ms, outer),
        Some(grace_ms) => stream.join_table_with_grace(name, table, grace_ms, inner),
    };
    same(made, Type::Text)
}

fn stream_global<'b, K: Data<Present = String>>(
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

fn key_join<'b, K: Key>(
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

fn foreign_join<'b>(
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
