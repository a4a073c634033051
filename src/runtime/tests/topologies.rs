//! Topologies written by hand, below the builder.

use std::any::Any;
use std::sync::Arc;

use topo_state::KeyValueStore;

use crate::fault::Fault;
use crate::graph::Topology;
use crate::graph::sample::Sample;
use crate::processor::{Context, Emitted, Hop, Node, Processor, Punctuation, StoreHandle};
use crate::record::{RawRecord, Record};

/// Text keys and text values.
struct Source;

impl Node for Source {
    fn init(&mut self, _hop: Hop<'_>) -> Result<(), Fault> {
        Ok(())
    }
    fn process(&mut self, input: &mut dyn Any, mut hop: Hop<'_>) -> Result<(), Fault> {
        let raw: RawRecord = input.downcast_mut::<Option<RawRecord>>().and_then(Option::take).unwrap();
        let text = |bytes: Option<bytes::Bytes>| {
            String::from_utf8(bytes.unwrap_or_default().to_vec())
                .map_err(|error| Fault::poison("NOT_TEXT", error.to_string()))
        };
        let (key, value) = (text(raw.key)?, text(raw.value)?);
        hop.forward(Record { key, value, timestamp: raw.timestamp, headers: raw.headers })
    }
    fn punctuate(&mut self, _event: Punctuation, _hop: Hop<'_>) -> Result<(), Fault> {
        Ok(())
    }
}

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

/// Text to its topic.
struct Sink(Arc<str>);

impl Node for Sink {
    fn init(&mut self, _hop: Hop<'_>) -> Result<(), Fault> {
        Ok(())
    }
    fn process(&mut self, input: &mut dyn Any, hop: Hop<'_>) -> Result<(), Fault> {
        let record: Record<String, String> =
            input.downcast_mut::<Option<Record<String, String>>>().and_then(Option::take).unwrap();
        hop.pipeline.env.emitted.push(Emitted {
            topic: self.0.clone(),
            partition: None,
            unhashed: 0,
            key: Some(record.key.into_bytes()),
            value: Some(record.value.into_bytes()),
            timestamp: record.timestamp,
            headers: record.headers,
        });
        Ok(())
    }
    fn punctuate(&mut self, _event: Punctuation, _hop: Hop<'_>) -> Result<(), Fault> {
        Ok(())
    }
}

/// `in` -> count by key -> `out`.
pub(super) fn count() -> Topology {
    let mut sample = Sample::new();
    let store = sample.store("counts");
    sample.running_source("read", &["in"], || Source);
    sample.running("count", &["read"], &["counts"], move || Count(StoreHandle::new(store)));
    sample.running_sink("write", &["count"], "out", Sink);
    sample.topology()
}

/// The same application with another layout: it also reads `more`.
pub(super) fn count_of_two() -> Topology {
    let mut sample = Sample::new();
    let store = sample.store("counts");
    sample.running_source("read", &["in", "more"], || Source);
    sample.running("count", &["read"], &["counts"], move || Count(StoreHandle::new(store)));
    sample.running_sink("write", &["count"], "out", Sink);
    sample.topology()
}

/// `in` -> repartition -> count by key -> `out`: two sub-topologies.
pub(super) fn count_behind_repartition() -> Topology {
    let mut sample = Sample::new();
    let store = sample.store("counts");
    sample.repartition("by-key-repartition");
    sample.running_source("read", &["in"], || Source);
    sample.running_sink("send", &["read"], "by-key-repartition", Sink);
    sample.running_source("receive", &["by-key-repartition"], || Source);
    sample.running("count", &["receive"], &["counts"], move || Count(StoreHandle::new(store)));
    sample.running_sink("write", &["count"], "out", Sink);
    sample.topology()
}
