//! The processors that steps name.

use std::marker::PhantomData;
use std::ops::ControlFlow;

use topo::state::{KeyValueStore, PutOutcome, WindowStore};
use topo::{Clock, Context, Data, Fault, Headers, Processor, Punctuation, Record, StoreHandle};

use super::super::functions::tail;
use super::super::value::{Value, or_null};

type Plain = StoreHandle<KeyValueStore<String, Value>>;
type Ctx<'a, 'h, 'p, K> = &'a mut Context<'h, 'p, K, Option<Value>>;
type Input<K> = Record<K, Option<Value>>;

/// Keys as a topic has them, or as a table has them.
pub(crate) trait Key: Data<Present = String> {}

impl<K: Data<Present = String>> Key for K {}

/// The type of keys, without one.
pub(crate) type Keys<K> = PhantomData<fn() -> K>;

/// All of them keep key and value types.
macro_rules! types {
    () => {
        type KeyIn = K;
        type ValueIn = Option<Value>;
        type KeyOut = K;
        type ValueOut = Option<Value>;
    };
}

/// Stops values that repeat.
pub(crate) struct Dedup<K>(pub(crate) Plain, pub(crate) Keys<K>);

impl<K: Key> Processor for Dedup<K> {
    types!();
    fn process(&mut self, record: Input<K>, ctx: Ctx<'_, '_, '_, K>) -> Result<(), Fault> {
        let Some(key) = record.key.as_present() else { return Ok(()) };
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
pub(crate) struct RunningCount<K>(pub(crate) Plain, pub(crate) Keys<K>);

impl<K: Key> Processor for RunningCount<K> {
    types!();
    fn process(&mut self, record: Input<K>, ctx: Ctx<'_, '_, '_, K>) -> Result<(), Fault> {
        let Some(key) = record.key.as_present() else { return Ok(()) };
        let count = add_one(self.0, key, record.timestamp, ctx)?;
        let text = format!("{}#{count}", or_null(record.value.as_ref()));
        ctx.forward(record.with_value(Some(Value::Text(text))))
    }
}

fn add_one<K: Key>(
    store: Plain,
    key: &String,
    timestamp: i64,
    ctx: Ctx<'_, '_, '_, K>,
) -> Result<i64, Fault> {
    let store = ctx.store(store)?;
    let count = match store.get(key)?.map(|row| &row.value) {
        Some(Value::Number(count)) => count + 1,
        _ => 1,
    };
    store.put(key, Value::Number(count), timestamp)?;
    Ok(count)
}

/// Passes records on and says when its punctuation fires.
pub(crate) struct Tick<K>(pub(crate) Ticking, pub(crate) Keys<K>);

/// A punctuation that ends after some firings.
pub(crate) struct Ticking {
    pub(crate) clock: Clock,
    pub(crate) interval_ms: i64,
    pub(crate) max_fires: Option<i64>,
    /// The count of firings, where a crash is to come.
    pub(crate) durable: Option<Plain>,
    pub(crate) fired: i64,
}

impl Ticking {
    fn start<K: Key>(&mut self, ctx: Ctx<'_, '_, '_, K>) -> Result<(), Fault> {
        if let Some(store) = self.durable
            && let Some(row) = ctx.store(store)?.get(&"fired".to_owned())?
            && let Value::Number(fired) = row.value
        {
            self.fired = fired;
        }
        if self.max_fires.is_none_or(|most| self.fired < most) {
            ctx.schedule(self.clock, self.interval_ms);
        }
        Ok(())
    }

    fn fire<K: Key>(&mut self, event: Punctuation, ctx: Ctx<'_, '_, '_, K>) -> Result<(), Fault> {
        self.fired += 1;
        if let Some(store) = self.durable {
            ctx.store(store)?.put(&"fired".to_owned(), Value::Number(self.fired), event.time)?;
        }
        if self.max_fires.is_some_and(|most| self.fired >= most) {
            ctx.cancel(event.schedule);
        }
        Ok(())
    }
}

impl<K: Key> Processor for Tick<K> {
    types!();
    fn init(&mut self, ctx: Ctx<'_, '_, '_, K>) -> Result<(), Fault> {
        self.0.start(ctx)
    }
    fn process(&mut self, record: Input<K>, ctx: Ctx<'_, '_, '_, K>) -> Result<(), Fault> {
        ctx.forward(record)
    }
    fn punctuate(&mut self, event: Punctuation, ctx: Ctx<'_, '_, '_, K>) -> Result<(), Fault> {
        self.0.fire(event, ctx)?;
        let value = Some(Value::Text(event.time.to_string()));
        ctx.forward(Record {
            key: K::of("tick".into()),
            value,
            timestamp: event.time,
            headers: Headers::new(),
        })
    }
}

/// Counts, and sends and forgets the counts when its punctuation fires.
pub(crate) struct CountFlush<K> {
    pub(crate) keys: Keys<K>,
    pub(crate) store: Plain,
    pub(crate) ticking: Ticking,
}

impl<K: Key> Processor for CountFlush<K> {
    types!();
    fn init(&mut self, ctx: Ctx<'_, '_, '_, K>) -> Result<(), Fault> {
        self.ticking.start(ctx)
    }
    fn process(&mut self, record: Input<K>, ctx: Ctx<'_, '_, '_, K>) -> Result<(), Fault> {
        let Some(key) = record.key.as_present() else { return Ok(()) };
        add_one(self.store, key, record.timestamp, ctx).map(drop)
    }
    fn punctuate(&mut self, event: Punctuation, ctx: Ctx<'_, '_, '_, K>) -> Result<(), Fault> {
        self.ticking.fire(event, ctx)?;
        let mut counts = Vec::new();
        ctx.store(self.store)?.all(&mut |key, row| {
            counts.push((key, or_null(Some(&row.value))));
            ControlFlow::Continue(())
        })?;
        for (key, count) in counts {
            ctx.store(self.store)?.delete(&key, event.time)?;
            let value = Some(Value::Text(count));
            ctx.forward(Record { key: K::of(key), value, timestamp: event.time, headers: Headers::new() })?;
        }
        Ok(())
    }
}

/// Remembers records by time and answers with the recent ones.
pub(crate) struct WindowRecent<K> {
    pub(crate) keys: Keys<K>,
    pub(crate) store: StoreHandle<WindowStore<String, Value>>,
    pub(crate) size_ms: i64,
}

impl<K: Key> Processor for WindowRecent<K> {
    types!();
    fn process(&mut self, record: Input<K>, ctx: Ctx<'_, '_, '_, K>) -> Result<(), Fault> {
        let Some(key) = record.key.as_present() else { return Ok(()) };
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
