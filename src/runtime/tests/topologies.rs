//! Topologies written by hand, below the builder: sources and sinks are those of the task's sample.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use topo_state::KeyValueStore;

use crate::fault::{Fault, Reason};
use crate::graph::Topology;
use crate::graph::sample::Sample;
use crate::processor::{Clock, Context, Processor, StoreHandle};
use crate::record::Record;
use crate::task::sample::{AnySink, TextSource};

/// Counts records by key and passes each count on.
struct Count(StoreHandle<KeyValueStore<String, i64>>);

impl Processor for Count {
    type KeyIn = String;
    type ValueIn = String;
    type KeyOut = String;
    type ValueOut = String;
    fn process(
        &mut self,
        record: Record<String, String>,
        ctx: &mut Context<'_, '_, String, String>,
    ) -> Result<(), Fault> {
        let store = ctx.store(self.0)?;
        let count = store.get(&record.key)?.map_or(0, |known| known.value) + 1;
        store.put(&record.key, count, record.timestamp)?;
        // A value that begins with this makes an output of that many bytes.
        let value = match record.value.strip_prefix("big:").and_then(|size| size.parse().ok()) {
            Some(size) => "x".repeat(size),
            None => count.to_string(),
        };
        ctx.forward(record.with_value(value))
    }
}

/// Counts like [`Count`], and has something to commit when it begins: when it is to be woken. While the gate is shut it does not begin on partition 0, and takes no record that says "hard".
struct Hesitant(Count, Arc<AtomicBool>);

impl Hesitant {
    fn ask(&self, gate: &str) -> Result<(), Fault> {
        if self.1.load(Ordering::Relaxed) {
            return Ok(());
        }
        Err(Fault::Retry(Reason { error_type: "SHUT".into(), message: format!("the gate of {gate}") }))
    }
}

impl Processor for Hesitant {
    type KeyIn = String;
    type ValueIn = String;
    type KeyOut = String;
    type ValueOut = String;
    fn init(&mut self, ctx: &mut Context<'_, '_, String, String>) -> Result<(), Fault> {
        ctx.schedule(Clock::Wall, 60_000);
        if ctx.partition() == 0 { self.ask("0") } else { Ok(()) }
    }
    fn process(
        &mut self,
        record: Record<String, String>,
        ctx: &mut Context<'_, '_, String, String>,
    ) -> Result<(), Fault> {
        if record.value == "hard" && ctx.partition() == 0 {
            self.ask("hard records")?;
        }
        self.0.process(record, ctx)
    }
}

/// Text to its topic.
fn sink(topic: Arc<str>) -> AnySink<String> {
    AnySink(topic, |text: &String| text.clone().into_bytes())
}

/// `in` -> count by key -> `out`.
pub(super) fn count() -> Topology {
    let mut sample = Sample::new();
    let store = sample.store("counts");
    sample.running_source("read", &["in"], || TextSource);
    sample.running("count", &["read"], &["counts"], move || Count(StoreHandle::new(store)));
    sample.running_sink("write", &["count"], "out", sink);
    sample.topology()
}

/// The same, as long as `gate` is open; each task has something to commit when it begins.
pub(super) fn hesitant(gate: Arc<AtomicBool>) -> Topology {
    let mut sample = Sample::new();
    let store = sample.store("counts");
    sample.running_source("read", &["in"], || TextSource);
    let node = move || Hesitant(Count(StoreHandle::new(store)), gate.clone());
    sample.running("count", &["read"], &["counts"], node);
    sample.running_sink("write", &["count"], "out", sink);
    sample.topology()
}

/// The same application with another layout: it also reads `more`.
pub(super) fn count_of_two() -> Topology {
    let mut sample = Sample::new();
    let store = sample.store("counts");
    sample.running_source("read", &["in", "more"], || TextSource);
    sample.running("count", &["read"], &["counts"], move || Count(StoreHandle::new(store)));
    sample.running_sink("write", &["count"], "out", sink);
    sample.topology()
}

/// `in` and `more` -> `out`, as they come.
pub(super) fn merged() -> Topology {
    let mut sample = Sample::new();
    sample.running_source("read", &["in", "more"], || TextSource);
    sample.running_sink("write", &["read"], "out", sink);
    sample.topology()
}

/// `in` -> repartition -> count by key -> `out`: two sub-topologies.
pub(super) fn count_behind_repartition() -> Topology {
    let mut sample = Sample::new();
    let store = sample.store("counts");
    sample.repartition("by-key-repartition");
    sample.running_source("read", &["in"], || TextSource);
    sample.running_sink("send", &["read"], "by-key-repartition", sink);
    sample.running_source("receive", &["by-key-repartition"], || TextSource);
    sample.running("count", &["receive"], &["counts"], move || Count(StoreHandle::new(store)));
    sample.running_sink("write", &["count"], "out", sink);
    sample.topology()
}
