//! Example 2: a stream beside a table.
//!
//! Payments are joined with the customer who made them. The idea: a stream is facts, a table is the newest value per key; only
//! the stream triggers results, and a later change of the table changes nothing that was said before.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;

use topo::state::{i64_be, utf8};
use topo::testkit::Driver;
use topo::{Builder, KeyValue, Topic, Topology, TopologyErrors};

/// Cents, by customer.
fn payments() -> Topic<String, i64> {
    Topic::new("payments", utf8(), i64_be())
}

/// Names, by customer. A null value deletes the customer: nullable, so `Option`.
fn customers() -> Topic<String, Option<String>> {
    Topic::new("customers", utf8(), utf8())
}

fn receipts() -> Topic<String, String> {
    Topic::new("receipts", utf8(), utf8())
}

fn topology() -> Result<Topology, TopologyErrors> {
    let app = Builder::new("receipts");
    let names = app.table("customers", &customers(), KeyValue::new("customer-names", utf8(), utf8()));
    app.stream("payments", &payments())
        .left_join_table("with-name", &names, |customer, cents, name| {
            let name = name.unwrap_or(customer);
            format!("{name} paid {}.{:02}", cents / 100, cents % 100)
        })
        .to("write", &receipts());
    app.build()
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut driver = Driver::new(topology()?)?;
    driver.pipe(&payments(), "c1".to_owned(), 250, 0)?;
    driver.pipe(&customers(), "c1".to_owned(), Some("Ada".to_owned()), 1)?;
    driver.pipe(&payments(), "c1".to_owned(), 1_999, 2)?;
    for receipt in driver.read(&receipts())? {
        println!("{}", receipt.value);
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
    fn a_payment_sees_the_customer_as_it_is_when_it_comes() {
        let mut driver = Driver::new(topology().unwrap()).unwrap();
        let customer = |name: Option<&str>| name.map(str::to_owned);
        driver.pipe(&customers(), "c1".to_owned(), customer(Some("Ada")), 0).unwrap();
        driver.pipe(&payments(), "c1".to_owned(), 100, 1).unwrap();
        driver.pipe(&customers(), "c1".to_owned(), customer(None), 2).unwrap();
        driver.pipe(&payments(), "c1".to_owned(), 205, 3).unwrap();
        let seen: Vec<_> = driver.read(&receipts()).unwrap().into_iter().map(|it| it.value).collect();
        assert_eq!(seen, ["Ada paid 1.00", "c1 paid 2.05"]);
    }
}
