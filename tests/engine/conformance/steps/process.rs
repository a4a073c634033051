//! `process`, `process_values`: the processors of the scenarios.

use serde_json::Value as Json;
use topo::state::utf8;
use topo::{Clock, WindowValue};

use super::super::topology::{Handle, Steps, text};
use super::super::value::{Type, codec};
use super::processors::{CountFlush, Dedup, RunningCount, Tick, WindowRecent};
use super::store;

impl<'b> Steps<'b> {
    pub(in super::super) fn process(
        &mut self,
        values: bool,
        step: &Json,
        name: &str,
    ) -> Result<Handle<'b>, String> {
        let Handle::Stream(stream, of) = self.handle(step, "from") else {
            return Err("process of a table's updates".to_owned());
        };
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
        Ok(match text(step, "processor") {
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
            other => return Err(format!("processor {other}")),
        })
    }
}
