//! Example 4: windows of time.
//!
//! Requests are counted per client and minute. The idea: time is the records' own. A window takes late records until its grace is
//! over, and what comes later is dropped and counted, never half counted.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;

use topo::state::{WindowSize, Windowed, i64_be, utf8, windowed};
use topo::testkit::Driver;
use topo::{Builder, Codecs, Topic, Topology, TopologyErrors, Tumbling, WindowValue};

const MINUTE: i64 = 60_000;

fn requests() -> Topic<String, String> {
    Topic::new("requests", utf8(), utf8())
}

/// Requests per client and minute. A windowed key is written as Kafka Streams writes it.
fn loads() -> Topic<Windowed<String>, Option<i64>> {
    Topic::new("load", windowed(utf8(), WindowSize::millis(MINUTE)), i64_be())
}

fn topology() -> Result<Topology, TopologyErrors> {
    let app = Builder::new("load");
    app.stream("read", &requests())
        .group_by_key("by-client", Codecs::new(utf8(), utf8()))
        .windowed(Tumbling::of_ms(MINUTE).grace_ms(10_000))
        .count("count", WindowValue::new("load-store", utf8(), i64_be()))
        .to_stream("updates")
        .to("write", &loads());
    app.build()
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut driver = Driver::new(topology()?)?;
    for time in [1_000, 59_000, 61_000, 58_000, 70_000, 59_999] {
        driver.pipe(&requests(), "client".to_owned(), "GET /".to_owned(), time)?;
    }
    for load in driver.read(&loads())? {
        let window = load.key.window;
        println!(
            "{} in [{}, {}): {}",
            load.key.key,
            window.start,
            window.end,
            load.value.unwrap_or_default()
        );
    }
    println!("too late: {}", driver.dropped());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_runs() {
        main().unwrap();
    }

    fn counts(times: &[i64]) -> (Vec<(i64, i64)>, u64) {
        let mut driver = Driver::new(topology().unwrap()).unwrap();
        for time in times {
            driver.pipe(&requests(), "c".to_owned(), String::new(), *time).unwrap();
        }
        let updates = driver.read(&loads()).unwrap();
        let updates = updates.into_iter().map(|it| (it.key.window.start, it.value.unwrap())).collect();
        (updates, driver.dropped())
    }

    #[test]
    fn a_late_record_still_counts_within_the_grace() {
        assert_eq!(counts(&[0, 69_999, 59_999]), (vec![(0, 1), (60_000, 1), (0, 2)], 0));
    }

    #[test]
    fn a_record_behind_the_grace_is_dropped_and_counted() {
        assert_eq!(counts(&[0, 70_000, 59_999]), (vec![(0, 1), (60_000, 1)], 1));
    }
}
