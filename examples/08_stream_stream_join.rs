//! Example 8: two streams, close in time.
//!
//! Orders wait for their payment, and those that wait too long are called in. The idea: a join of streams pairs records within a
//! span of time, and a left join tells of those that found no partner once their time is over, once.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;

use topo::state::{i64_be, utf8};
use topo::testkit::Driver;
use topo::{Builder, JoinWindows, StreamJoined, Topic, Topology, TopologyErrors};

const MINUTE: i64 = 60_000;

/// Cents due, by order.
fn orders() -> Topic<String, i64> {
    Topic::new("orders", utf8(), i64_be())
}

/// Cents paid, by order.
fn payments() -> Topic<String, i64> {
    Topic::new("payments", utf8(), i64_be())
}

fn outcomes() -> Topic<String, String> {
    Topic::new("outcomes", utf8(), utf8())
}

fn topology() -> Result<Topology, TopologyErrors> {
    let app = Builder::new("dunning");
    app.stream("orders", &orders())
        .left_join_stream(
            "paid",
            &app.stream("payments", &payments()),
            // A payment comes up to ten minutes behind its order, and records may be a minute late.
            JoinWindows::of_ms(0).after_ms(10 * MINUTE).grace_ms(MINUTE),
            StreamJoined::new("paid", utf8(), i64_be(), i64_be()).emit_interval_ms(0),
            |_, due, paid| match paid {
                Some(paid) if paid >= due => "paid".to_owned(),
                Some(paid) => format!("{} cents short", due - paid),
                None => "unpaid".to_owned(),
            },
        )
        .to("write", &outcomes());
    app.build()
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut driver = Driver::new(topology()?)?;
    driver.pipe(&orders(), "o1".to_owned(), 500, 0)?;
    driver.pipe(&orders(), "o2".to_owned(), 900, MINUTE)?;
    driver.pipe(&payments(), "o1".to_owned(), 450, 5 * MINUTE)?;
    driver.pipe(&orders(), "o3".to_owned(), 100, 13 * MINUTE)?;
    for outcome in driver.read(&outcomes())? {
        println!("{} {}", outcome.key, outcome.value);
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
    fn a_late_payment_still_counts_and_a_missing_one_is_told_once_also_over_a_crash() {
        let mut driver = Driver::new(topology().unwrap()).unwrap();
        let outcomes = |driver: &mut Driver| {
            let outcomes = driver.read(&outcomes()).unwrap();
            outcomes.into_iter().map(|it| format!("{} {}", it.key, it.value)).collect::<Vec<_>>()
        };
        driver.pipe(&orders(), "o1".to_owned(), 500, 0).unwrap();
        driver.pipe(&orders(), "o2".to_owned(), 500, 0).unwrap();
        driver.pipe(&orders(), "o3".to_owned(), 500, 11 * MINUTE - 1).unwrap();
        driver.pipe(&payments(), "o1".to_owned(), 500, 10 * MINUTE).unwrap();
        assert_eq!(outcomes(&mut driver), ["o1 paid"]);
        driver.crash();
        driver.restore().unwrap();
        driver.pipe(&orders(), "o4".to_owned(), 500, 11 * MINUTE + 1).unwrap();
        driver.pipe(&orders(), "o5".to_owned(), 500, 11 * MINUTE + 2).unwrap();
        assert_eq!(outcomes(&mut driver), ["o2 unpaid"]);
    }
}
