//! Example 9: rows that forget.
//!
//! Who is online, from heartbeats: whoever says nothing for a minute is not. The idea: a table's rows can have a time to live.
//! An expired row is deleted like any other, in the store, in the changelog and for everything behind the table; and the idle
//! timeout lets the last ones go although nobody says anything any more.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;

use topo::state::utf8;
use topo::testkit::Driver;
use topo::{Builder, KeyValue, Topic, Topology, TopologyErrors, Ttl};

const MINUTE_MS: i64 = 60_000;

fn heartbeats() -> Topic<String, String> {
    Topic::new("heartbeats", utf8(), utf8())
}

fn online() -> Topic<String, Option<String>> {
    Topic::new("online", utf8(), utf8())
}

fn topology() -> Result<Topology, TopologyErrors> {
    let app = Builder::new("presence").idle_timeout_ms(10_000);
    let store = KeyValue::new("online-store", utf8(), utf8()).ttl(Ttl::stream_ms(MINUTE_MS));
    app.stream("read", &heartbeats())
        .to_table("last-place", store)
        .changes_only("moves")
        .to_stream("updates")
        .to("write", &online());
    app.build()
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut driver = Driver::new(topology()?)?;
    for (who, place, time) in [("ann", "home", 0), ("bob", "cafe", 20_000), ("ann", "home", 50_000)] {
        driver.pipe(&heartbeats(), who.to_owned(), place.to_owned(), time)?;
    }
    // Two minutes in which nobody says anything.
    driver.advance_wall_clock(2 * MINUTE_MS)?;
    for update in driver.read(&online())? {
        match update.value {
            Some(place) => println!("{:>7} ms  {} is at {place}", update.timestamp, update.key),
            None => println!("{:>7} ms  {} is gone", update.timestamp, update.key),
        }
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
    fn a_heartbeat_keeps_a_row_alive_and_silence_deletes_it_once() {
        let mut driver = Driver::new(topology().unwrap()).unwrap();
        let mut beat = |who: &str, time: i64| {
            driver.pipe(&heartbeats(), who.to_owned(), "home".to_owned(), time).unwrap();
            let updates = driver.read(&online()).unwrap();
            updates.into_iter().map(|it| (it.key, it.value.is_some(), it.timestamp)).collect::<Vec<_>>()
        };
        assert_eq!(beat("ann", 0), [("ann".to_owned(), true, 0)]);
        assert_eq!(beat("ann", 50_000), [], "nothing has changed");
        assert_eq!(beat("bob", 109_999), [("bob".to_owned(), true, 109_999)]);
        assert_eq!(beat("bob", 110_000), [("ann".to_owned(), false, 110_000)]);
        assert_eq!(beat("ann", 111_000), [("ann".to_owned(), true, 111_000)]);
    }
}
