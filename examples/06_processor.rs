//! Example 6: a processor of your own.
//!
//! Sensors that fall silent are reported. The idea: where no verb fits, a `Processor` has stores, time and punctuations; it keeps
//! nothing in its own fields, so the engine can stop, move and restore it at any moment.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::ops::ControlFlow;

use topo::state::{KeyValueStore, i64_be, utf8};
use topo::testkit::Driver;
use topo::{
    Builder, Clock, Context, Fault, Headers, KeyValue, Processor, Punctuation, Record, StoreHandle, Topic,
    Topology, TopologyErrors,
};

/// A sensor that says nothing for this long, in its own time, is silent.
const SILENCE_MS: i64 = 10_000;

fn readings() -> Topic<String, i64> {
    Topic::new("readings", utf8(), i64_be())
}

fn silent() -> Topic<String, i64> {
    Topic::new("silent-sensors", utf8(), i64_be())
}

/// When each sensor was last heard.
type Heard = KeyValueStore<String, i64>;

/// Remembers when each sensor spoke, and tells of those that stopped.
struct Watch {
    heard: StoreHandle<Heard>,
}

impl Processor for Watch {
    type KeyIn = String;
    type ValueIn = i64;
    type KeyOut = String;
    type ValueOut = i64;

    fn init(&mut self, ctx: &mut Context<'_, '_, String, i64>) -> Result<(), Fault> {
        ctx.schedule(Clock::Stream, 1_000);
        Ok(())
    }

    fn process(
        &mut self,
        record: Record<String, i64>,
        ctx: &mut Context<'_, '_, String, i64>,
    ) -> Result<(), Fault> {
        ctx.store(self.heard)?.put(&record.key, record.timestamp, record.timestamp)?;
        Ok(())
    }

    fn punctuate(&mut self, event: Punctuation, ctx: &mut Context<'_, '_, String, i64>) -> Result<(), Fault> {
        let mut gone = Vec::new();
        ctx.store(self.heard)?.all(&mut |sensor, last| {
            if last.value + SILENCE_MS <= event.time {
                gone.push((sensor, last.value));
            }
            ControlFlow::Continue(())
        })?;
        for (key, value) in gone {
            ctx.store(self.heard)?.delete(&key, event.time)?;
            ctx.forward(Record { key, value, timestamp: event.time, headers: Headers::new() })?;
        }
        Ok(())
    }
}

fn topology() -> Result<Topology, TopologyErrors> {
    let app = Builder::new("sensors");
    let heard = app.store(KeyValue::new("last-heard", utf8(), i64_be()));
    app.stream("read", &readings()).process("watch", heard, move || Watch { heard }).to("write", &silent());
    app.build()
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut driver = Driver::new(topology()?)?;
    for (sensor, time) in [("attic", 0), ("cellar", 1_000), ("attic", 9_000), ("attic", 12_000)] {
        driver.pipe(&readings(), sensor.to_owned(), 21, time)?;
    }
    for report in driver.read(&silent())? {
        println!("{} was last heard at {} ms", report.key, report.value);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_runs() {
        main().unwrap();
    }

    #[test]
    fn a_sensor_is_reported_once_until_it_speaks_again() {
        let mut driver = Driver::new(topology().unwrap()).unwrap();
        let mut hear = |sensor: &str, time: i64| {
            driver.pipe(&readings(), sensor.to_owned(), 0, time).unwrap();
            let reports = driver.read(&silent()).unwrap();
            reports.into_iter().map(|it| (it.key, it.value)).collect::<Vec<_>>()
        };
        assert_eq!(hear("a", 0), []);
        assert_eq!(hear("b", 9_999), []);
        assert_eq!(hear("b", 10_000), [("a".to_owned(), 0)]);
        assert_eq!(hear("b", 15_000), []);
        assert_eq!(hear("a", 16_000), []);
        assert_eq!(hear("b", 26_000), [("a".to_owned(), 16_000)]);
    }
}
