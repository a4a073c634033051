//! Example 5: one result per window.
//!
//! A client that made too many requests in a minute is reported, once. The idea: `suppress` holds updates back until they are
//! final, in a store of its own, so that a crash neither repeats nor loses a report.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;

use topo::state::{WindowSize, i64_be, utf8, windowed};
use topo::testkit::Driver;
use topo::{Builder, Codecs, Topic, Topology, TopologyErrors, Tumbling, WindowValue};

const MINUTE: i64 = 60_000;
/// More requests in a minute than this are too many.
const LIMIT: i64 = 2;

fn requests() -> Topic<String, String> {
    Topic::new("requests", utf8(), utf8())
}

fn reports() -> Topic<String, String> {
    Topic::new("reports", utf8(), utf8())
}

fn topology() -> Result<Topology, TopologyErrors> {
    let app = Builder::new("limits");
    let windows = Codecs::new(windowed(utf8(), WindowSize::millis(MINUTE)), i64_be());
    app.stream("read", &requests())
        .group_by_key("by-client", Codecs::new(utf8(), utf8()))
        .windowed(Tumbling::of_ms(MINUTE).grace_ms(5_000))
        .count("count", WindowValue::new("requests-per-minute", utf8(), i64_be()))
        .suppress_until_window_closes("final", windows)
        .to_stream("results")
        .filter("too-many", |_, count| count.is_some_and(|count| count > LIMIT))
        .map("report", |window, count| {
            let text = format!("{} requests from {} on", count.unwrap_or_default(), window.window.start);
            (window.key, text)
        })
        .to("write", &reports());
    app.build()
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut driver = Driver::new(topology()?)?;
    for time in [1_000, 2_000, 3_000, 4_000, 65_000] {
        driver.pipe(&requests(), "busy".to_owned(), "GET /".to_owned(), time)?;
    }
    for report in driver.read(&reports())? {
        println!("{}: {}", report.key, report.value);
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
    fn a_report_comes_once_when_its_window_has_closed_also_over_a_crash() {
        let mut driver = Driver::new(topology().unwrap()).unwrap();
        let request = |driver: &mut Driver, time| {
            driver.pipe(&requests(), "busy".to_owned(), String::new(), time).unwrap();
        };
        for time in [0, 10, 20, 64_999] {
            request(&mut driver, time);
        }
        assert!(driver.read(&reports()).unwrap().is_empty());
        driver.crash();
        driver.restore().unwrap();
        for time in [65_000, 66_000] {
            request(&mut driver, time);
        }
        let reports = driver.read(&reports()).unwrap();
        assert_eq!(reports.iter().map(|it| &*it.value).collect::<Vec<_>>(), ["3 requests from 0 on"]);
    }
}
