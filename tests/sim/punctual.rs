//! Amounts gathered per key and sent on by punctuations, by stream time and by the wall clock: whatever is gathered goes
//! out once.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use topo::state::{KeyValueStore, i64_be, utf8};
use topo::testkit::sim::{Input, Outcome, Random, Scenario};
use topo::{
    Builder, Clock, Context, Fault, KeyValue, Processor, Punctuation, Record, StoreHandle, Topic, Topology,
};

const PARTITIONS: i32 = 2;

type Gathered = KeyValueStore<String, i64>;

pub(crate) struct Punctual;

fn amounts() -> Topic<String, i64> {
    Topic::new("amounts", utf8(), i64_be())
}

fn sums() -> Topic<String, i64> {
    Topic::new("sums", utf8(), i64_be())
}

/// Adds amounts up until the next punctuation takes them.
struct Gather(StoreHandle<Gathered>);

impl Processor for Gather {
    type KeyIn = String;
    type ValueIn = i64;
    type KeyOut = String;
    type ValueOut = i64;

    fn init(&mut self, ctx: &mut Context<'_, '_, String, i64>) -> Result<(), Fault> {
        ctx.schedule(Clock::Stream, 200);
        ctx.schedule(Clock::Wall, 60);
        Ok(())
    }

    fn process(
        &mut self,
        record: Record<String, i64>,
        ctx: &mut Context<'_, '_, String, i64>,
    ) -> Result<(), Fault> {
        let gathered = ctx.store(self.0)?;
        let before = gathered.get(&record.key)?.map_or(0, |it| it.value);
        gathered.put(&record.key, before + record.value, record.timestamp)?;
        Ok(())
    }

    fn punctuate(&mut self, event: Punctuation, ctx: &mut Context<'_, '_, String, i64>) -> Result<(), Fault> {
        let mut all = Vec::new();
        ctx.store(self.0)?.all(&mut |key, value| {
            all.push((key, value.value));
            ControlFlow::Continue(())
        })?;
        for (key, value) in all {
            ctx.store(self.0)?.delete(&key, event.time)?;
            ctx.forward(Record { key, value, timestamp: event.time, headers: topo::Headers::new() })?;
        }
        Ok(())
    }
}

impl Scenario for Punctual {
    fn name(&self) -> &str {
        "punctual"
    }

    fn topology(&self) -> Topology {
        let app = Builder::new("punctual");
        let gathered = app.store(KeyValue::new("gathered", utf8(), i64_be()));
        app.stream("amounts", &amounts())
            .process("gather", gathered, move || Gather(gathered))
            .to("sums", &sums());
        app.build().expect("the topology is right")
    }

    fn topics(&self) -> Vec<(String, i32)> {
        vec![("amounts".into(), PARTITIONS)]
    }

    fn input(&self, random: &mut Random) -> Vec<Input> {
        let amount = |random: &mut Random, number: i64| {
            let key = ["a", "b", "c", "d", "e"][random.below(5)].to_owned();
            Input::new(&amounts(), PARTITIONS, &key, &random.between(1, 1_000), number * 7)
        };
        (0..random.between(10, 50)).map(|number| amount(random, number)).collect()
    }

    /// The wall clock must have fired.
    fn rest_ms(&self) -> i64 {
        300
    }

    fn check(&self, outcome: &Outcome) -> Result<(), String> {
        let (expected, found) = (totals(&outcome.read(&amounts())?), totals(&outcome.read(&sums())?));
        let right = match outcome.exactly_once() {
            true => found == expected,
            false => expected.iter().all(|(key, sum)| found.get(key).is_some_and(|found| found >= sum)),
        };
        if right { Ok(()) } else { Err(format!("{found:?} instead of {expected:?}")) }
    }
}

fn totals(log: &[Vec<Record<String, i64>>]) -> BTreeMap<String, i64> {
    let mut totals = BTreeMap::new();
    for record in log.iter().flatten() {
        *totals.entry(record.key.clone()).or_default() += record.value;
    }
    totals
}
