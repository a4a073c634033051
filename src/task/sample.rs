//! A small topology with real nodes, for tests of rooms below the builder: words in, counts out.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use topo_state::{KeyValueStore, i64_be, utf8};

use crate::fault::{Fault, Reason};
use crate::graph::sample::Sample;
use crate::graph::{TopicRef, Topology};
use crate::processor::{Clock, Context, Emitted, Hop, Node, Processor, Punctuation, StoreHandle, take};
use crate::record::{RawRecord, Record};

/// Reads text keys and values; bytes that are no text are poison.
pub(crate) struct TextSource;

impl Node for TextSource {
    fn init(&mut self, _: Hop<'_>) -> Result<(), Fault> {
        Ok(())
    }

    fn process(&mut self, input: &mut dyn Any, mut hop: Hop<'_>) -> Result<(), Fault> {
        let RawRecord { key, value, timestamp, headers } = take::<RawRecord>(input)?;
        let text = |bytes: Option<bytes::Bytes>| {
            utf8()
                .decode(&bytes.unwrap_or_default())
                .map_err(|error| Fault::poison("NO_TEXT", error.to_string()))
        };
        hop.forward(Record { key: text(key)?, value: text(value)?, timestamp, headers })
    }

    fn punctuate(&mut self, _: Punctuation, _: Hop<'_>) -> Result<(), Fault> {
        Ok(())
    }
}

/// Writes `(text, V)`.
pub(crate) struct AnySink<V>(pub(crate) Arc<str>, pub(crate) fn(&V) -> Vec<u8>);

impl<V: crate::Data> Node for AnySink<V> {
    fn init(&mut self, _: Hop<'_>) -> Result<(), Fault> {
        Ok(())
    }

    fn process(&mut self, input: &mut dyn Any, hop: Hop<'_>) -> Result<(), Fault> {
        let Record { key, value, timestamp, headers } = take::<Record<String, V>>(input)?;
        let (key, value, topic) = (Some(key.into_bytes()), Some((self.1)(&value)), self.0.clone());
        hop.pipeline.env.emitted.push(Emitted {
            topic,
            partition: None,
            chooser: None,
            unhashed: 0,
            key,
            value,
            timestamp,
            headers,
        });
        Ok(())
    }

    fn punctuate(&mut self, _: Punctuation, _: Hop<'_>) -> Result<(), Fault> {
        Ok(())
    }
}

/// Makes the value the key.
pub(crate) struct Rekey;

impl Processor for Rekey {
    type KeyIn = String;
    type ValueIn = String;
    type KeyOut = String;
    type ValueOut = String;

    fn process(
        &mut self,
        record: Record<String, String>,
        ctx: &mut Context<'_, '_, String, String>,
    ) -> Result<(), Fault> {
        let key = record.value.clone();
        ctx.forward(record.with_key(key))
    }
}

/// Counts records per key and forwards the count first; then does what the value says: `poison`, `fatal`, `drop`,
/// `commit`, or `retry` while the gate is shut.
pub(crate) struct Count {
    pub(crate) store: usize,
    pub(crate) open: Arc<AtomicBool>,
}

impl Processor for Count {
    type KeyIn = String;
    type ValueIn = String;
    type KeyOut = String;
    type ValueOut = i64;

    fn process(
        &mut self,
        record: Record<String, String>,
        ctx: &mut Context<'_, '_, String, i64>,
    ) -> Result<(), Fault> {
        ctx.observe(record.timestamp);
        let store = ctx.store(StoreHandle::<KeyValueStore<String, i64>>::new(self.store))?;
        let count = store.get(&record.key)?.map_or(0, |it| it.value) + 1;
        store.put(&record.key, count, record.timestamp)?;
        ctx.forward(record.clone().with_value(count))?;
        match record.value.as_str() {
            "poison" => Err(Fault::poison("BAD", "as asked")),
            "fatal" => Err(Fault::fatal("END", "as asked")),
            "retry" if !self.open.load(Ordering::Relaxed) => {
                Err(Fault::Retry(Reason { error_type: "SHUT".into(), message: "the gate is shut".into() }))
            }
            "drop" => {
                ctx.dropped();
                Ok(())
            }
            "commit" => {
                ctx.request_commit();
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// Passes records on; every 10 ms of its clock says so with the key `tick` and the time.
pub(crate) struct Tick(pub(crate) Clock);

impl Processor for Tick {
    type KeyIn = String;
    type ValueIn = i64;
    type KeyOut = String;
    type ValueOut = i64;

    fn init(&mut self, ctx: &mut Context<'_, '_, String, i64>) -> Result<(), Fault> {
        ctx.schedule(self.0, 10);
        Ok(())
    }

    fn process(
        &mut self,
        record: Record<String, i64>,
        ctx: &mut Context<'_, '_, String, i64>,
    ) -> Result<(), Fault> {
        ctx.forward(record)
    }

    fn punctuate(&mut self, event: Punctuation, ctx: &mut Context<'_, '_, String, i64>) -> Result<(), Fault> {
        let (key, value, timestamp) = ("tick".to_owned(), event.time, event.time);
        ctx.forward(Record { key, value, timestamp, headers: crate::Headers::new() })
    }
}

/// `words` -> rekey by value -> (`by-word`) -> count in `counts` -> tick -> `out`; without the repartition topic the
/// steps are one sub-topology and the key stays. The gate opens for `retry`.
pub(crate) fn counting(clock: Clock, repartition: bool) -> (Topology, Arc<AtomicBool>) {
    let mut sample = Sample::new();
    sample.running_source("words", &["words"], || TextSource);
    let mut before = "words";
    if repartition {
        sample.running("rekey", &["words"], &[], || Rekey);
        sample.repartition("by-word");
        sample.running_sink("by-word-sink", &["rekey"], "by-word", |topic| {
            AnySink::<String>(topic, |value| value.clone().into_bytes())
        });
        sample.running_source("by-word-source", &["by-word"], || TextSource);
        before = "by-word-source";
    }
    let store = sample.store("counts");
    let open = Arc::new(AtomicBool::new(false));
    let gate = open.clone();
    sample.running("count", &[before], &["counts"], move || Count { store, open: gate.clone() });
    sample.running("tick", &["count"], &[], move || Tick(clock));
    sample.running_sink("out", &["tick"], "out", |topic| AnySink::<i64>(topic, number));
    let topology = crate::graph::checked(sample.topology(), Vec::new()).unwrap();
    (topology, open)
}

/// A record of text.
pub(crate) fn text(key: &str, value: &str, timestamp: i64) -> RawRecord {
    let bytes = |text: &str| Some(text.as_bytes().to_vec().into());
    RawRecord { key: bytes(key), value: bytes(value), timestamp, ..RawRecord::default() }
}

pub(crate) fn number(value: &i64) -> Vec<u8> {
    let mut bytes = Vec::new();
    i64_be().encode(value, &mut bytes).unwrap();
    bytes
}

/// `topic/key=count` of what [`counting`] writes.
pub(crate) fn shown(topic: &str, key: Option<&[u8]>, value: Option<&[u8]>) -> String {
    let key = String::from_utf8_lossy(key.unwrap_or_default()).into_owned();
    let value = value.map_or_else(
        || "null".to_owned(),
        |value| match i64_be().decode(value) {
            Ok(number) => number.to_string(),
            Err(_) => String::from_utf8_lossy(value).into_owned(),
        },
    );
    format!("{topic}/{key}={value}")
}

pub(crate) fn external(name: &str) -> TopicRef {
    TopicRef { name: name.into(), internal: false }
}
