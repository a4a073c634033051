//! The processors that steps name.

use std::ops::ControlFlow;

use topo::state::{KeyValueStore, PutOutcome, WindowStore};
use topo::{Clock, Context, Fault, Headers, Processor, Punctuation, Record, StoreHandle};

use super::super::functions::tail;
use super::super::value::{Value, or_null};

type Plain = StoreHandle<KeyValueStore<String, Value>>;
type Text = Option<String>;
type Ctx<'a, 'h, 'p> = &'a mut Context<'h, 'p, Text, Option<Value>>;
type Input = Record<Text, Option<Value>>;

/// All of them keep key and value types.
macro_rules! types {
    () => {
        type KeyIn = Text;
        type ValueIn = Option<Value>;
        type KeyOut = Text;
        type ValueOut = Option<Value>;
    };
}

/// Stops values that repeat.
pub(crate) struct Dedup(pub(crate) Plain);

impl Processor for Dedup {
    types!();
    fn process(&mut self, record: Input, ctx: Ctx<'_, '_, '_>) -> Result<(), Fault> {
        let Some(key) = &record.key else { return Ok(()) };
        let store = ctx.store(self.0)?;
        if store.get(key)?.map(|row| &row.value) == record.value.as_ref() {
            return Ok(());
        }
        match &record.value {
            Some(value) => store.put(key, value.clone(), record.timestamp)?,
            None => store.delete(key, record.timestamp)?,
        }
        ctx.forward(record)
    }
}

/// Numbers the records of each key.
pub(crate) struct RunningCount(pub(crate) Plain);

impl Processor for RunningCount {
    types!();
    fn process(&mut self, record: Input, ctx: Ctx<'_, '_, '_>) -> Result<(), Fault> {
        let Some(key) = &record.key else { return Ok(()) };
        let count = add_one(self.0, key, record.timestamp, ctx)?;
        let text = format!("{}#{count}", or_null(record.value.as_ref()));
        ctx.forward(record.with_value(Some(Value::Text(text))))
    }
}

fn add_one(store: Plain, key: &String, timestamp: i64, ctx: Ctx<'_, '_, '_>) -> Result<i64, Fault> {
    let store = ctx.store(store)?;
    let count = match store.get(key)?.map(|row| &row.value) {
        Some(Value::Number(count)) => count + 1,
        _ => 1,
    };
    store.put(key, Value::Number(count), timestamp)?;
    Ok(count)
}

/// Passes records on and says when its punctuation fires.
pub(crate) struct Tick {
    pub(crate) clock: Clock,
    pub(crate) interval_ms: i64,
    pub(crate) max_fires: Option<i64>,
    pub(crate) fired: i64,
}

impl Processor for Tick {
    types!();
    fn init(&mut self, ctx: Ctx<'_, '_, '_>) -> Result<(), Fault> {
        ctx.schedule(self.clock, self.interval_ms);
        Ok(())
    }
    fn process(&mut self, record: Input, ctx: Ctx<'_, '_, '_>) -> Result<(), Fault> {
        ctx.forward(record)
    }
    fn punctuate(&mut self, event: Punctuation, ctx: Ctx<'_, '_, '_>) -> Result<(), Fault> {
        self.fired += 1;
        if self.max_fires.is_some_and(|most| self.fired >= most) {
            ctx.cancel(event.schedule);
        }
        let value = Some(Value::Text(event.time.to_string()));
        ctx.forward(Record {
            key: Some("tick".into()),
            value,
            timestamp: event.time,
            headers: Headers::new(),
        })
    }
}

/// Counts, and sends and forgets the counts when its punctuation fires.
pub(crate) struct CountFlush {
    pub(crate) store: Plain,
    pub(crate) tick: Tick,
}

impl Processor for CountFlush {
    types!();
    fn init(&mut self, ctx: Ctx<'_, '_, '_>) -> Result<(), Fault> {
        self.tick.init(ctx)
    }
    fn process(&mut self, record: Input, ctx: Ctx<'_, '_, '_>) -> Result<(), Fault> {
        let Some(key) = &record.key else { return Ok(()) };
        add_one(self.store, key, record.timestamp, ctx).map(drop)
    }
    fn punctuate(&mut self, event: Punctuation, ctx: Ctx<'_, '_, '_>) -> Result<(), Fault> {
        self.tick.fired += 1;
        if self.tick.max_fires.is_some_and(|most| self.tick.fired >= most) {
            ctx.cancel(event.schedule);
        }
        let mut counts = Vec::new();
        ctx.store(self.store)?.all(&mut |key, row| {
            counts.push((key, or_null(Some(&row.value))));
            ControlFlow::Continue(())
        })?;
        for (key, count) in counts {
            ctx.store(self.store)?.delete(&key, event.time)?;
            let value = Some(Value::Text(count));
            ctx.forward(Record { key: Some(key), value, timestamp: event.time, headers: Headers::new() })?;
        }
        Ok(())
    }
}

/// Remembers records by time and answers with the recent ones.
pub(crate) struct WindowRecent {
    pub(crate) store: StoreHandle<WindowStore<String, Value>>,
    pub(crate) size_ms: i64,
}

impl Processor for WindowRecent {
    types!();
    fn process(&mut self, record: Input, ctx: Ctx<'_, '_, '_>) -> Result<(), Fault> {
        let Some(key) = &record.key else { return Ok(()) };
        let now = record.timestamp;
        let store = ctx.store(self.store)?;
        let expired = store.put(key, now, record.value.clone(), now)? == PutOutcome::Expired;
        let mut recent = Vec::new();
        store.fetch_range(key, (now - self.size_ms).max(0)..=now, &mut |time, row| {
            recent.push(format!("{time}={}", or_null(Some(&row.value))));
            ControlFlow::Continue(())
        })?;
        if expired {
            ctx.dropped();
        }
        ctx.forward(record.with_value(Some(Value::Text(tail(&recent.join(","), 60)))))
    }
}
