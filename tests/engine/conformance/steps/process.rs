//! `process`, `process_values`: the processors of the scenarios.

use std::marker::PhantomData;

use serde_json::Value as Json;
use topo::state::utf8;
use topo::{Clock, Stream, WindowValue};

use super::super::topology::{Handle, Same, Steps, text};
use super::super::value::{Type, Value, codec};
use super::processors::{CountFlush, Dedup, Key, RunningCount, Tick, Ticking, WindowRecent};
use super::store;

impl<'b> Steps<'b> {
    pub(in super::super) fn process(
        &mut self,
        values: bool,
        step: &Json,
        name: &str,
    ) -> Result<Handle<'b>, String> {
        match self.handle(step, "from") {
            Handle::Stream(stream, of) => self.run(values, step, name, &stream, of, Handle::Stream),
            Handle::Facts(stream, of) => self.run(values, step, name, &stream, of, Handle::Facts),
            _ => Err("process of a windowed stream".to_owned()),
        }
    }

    fn run<K: Key>(
        &self,
        values: bool,
        step: &Json,
        name: &str,
        stream: &Stream<'b, K, Option<Value>>,
        of: Type,
        same: Same<'b, Stream<'b, K, Option<Value>>>,
    ) -> Result<Handle<'b>, String> {
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
        let durable = (self.durable && max_fires.is_some())
            .then(|| self.builder.store(store(&format!("{name}-fired"), Type::Number)));
        let ticking = move || Ticking { clock, interval_ms, max_fires, durable, fired: 0 };
        Ok(match text(step, "processor") {
            "dedup" => {
                let rows = kept(of);
                same(run!(rows, move || Dedup(rows, PhantomData)), of)
            }
            "running_count" => {
                let rows = kept(Type::Number);
                same(run!(rows, move || RunningCount(rows, PhantomData)), Type::Text)
            }
            "tick" => same(run!(Vec::from_iter(durable), move || Tick(ticking(), PhantomData)), Type::Text),
            "count_flush" => {
                let store = kept(Type::Number);
                let make = move || CountFlush { keys: PhantomData, store, ticking: ticking() };
                let stores = (store, Vec::from_iter(durable));
                same(run!(stores, make), Type::Text)
            }
            "window_recent" => {
                let size_ms = step["size_ms"].as_i64().expect("a size");
                let rows = WindowValue::new(text(step, "store"), utf8(), codec(of));
                let rows = rows.retention_ms(step["retention_ms"].as_i64().expect("a retention"));
                let store = self.builder.window_store(rows);
                same(run!(store, move || WindowRecent { keys: PhantomData, store, size_ms }), Type::Text)
            }
            other => return Err(format!("processor {other}")),
        })
    }
}
