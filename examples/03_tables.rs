//! Example 3: tables beside tables.
//!
//! Orders refer to customers by a foreign key, and revenue is summed per city. The idea: a result of tables is a table: a change
//! of either side corrects it, and an aggregation takes the old row out before it puts the new one in.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;

use serde::{Deserialize, Serialize};
use topo::state::{i64_be, json, utf8};
use topo::testkit::Driver;
use topo::{Builder, Codecs, KeyValue, Topic, Topology, TopologyErrors};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Order {
    customer: String,
    cents: i64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Placed {
    city: String,
    cents: i64,
}

// What travels through a topology says so: both are plain data that is never null.
topo::data!(Order, Placed);

fn orders() -> Topic<String, Option<Order>> {
    Topic::new("orders", utf8(), json())
}

/// The city of each customer.
fn customers() -> Topic<String, Option<String>> {
    Topic::new("customers", utf8(), utf8())
}

fn revenue() -> Topic<String, Option<i64>> {
    Topic::new("revenue-by-city", utf8(), i64_be())
}

fn topology() -> Result<Topology, TopologyErrors> {
    let app = Builder::new("city-revenue");
    let cities = app.table("customers", &customers(), KeyValue::new("cities", utf8(), utf8()));
    let place = |_: &String, order: &Order, city: &String| Placed { city: city.clone(), cents: order.cents };
    app.table("orders", &orders(), KeyValue::new("orders-store", utf8(), json()))
        .fk_join("with-city", &cities, |_, order| order.customer.clone(), place)
        // What follows needs the old row of an update, so the joined rows are kept.
        .stored(KeyValue::new("placed-orders", utf8(), json()))
        .group_by("by-city", |_, it| (it.city.clone(), it.cents), Codecs::new(utf8(), i64_be()))
        .reduce(
            "sum",
            KeyValue::new("revenue", utf8(), i64_be()),
            |sum, cents| sum + cents,
            |sum, cents| sum - cents,
        )
        .to_stream("updates")
        .to("write", &revenue());
    app.build()
}

/// The newest revenue of each city.
fn newest(driver: &mut Driver) -> Result<std::collections::BTreeMap<String, i64>, Box<dyn Error>> {
    Ok(driver
        .key_values::<String, i64>("revenue")?
        .into_iter()
        .map(|(city, sum)| (city, sum.value))
        .collect())
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut driver = Driver::new(topology()?)?;
    let order = |customer: &str, cents| Some(Order { customer: customer.to_owned(), cents });
    driver.pipe(&customers(), "ada".to_owned(), Some("Bern".to_owned()), 0)?;
    driver.pipe(&orders(), "o1".to_owned(), order("ada", 500), 1)?;
    driver.pipe(&orders(), "o2".to_owned(), order("ada", 250), 2)?;
    println!("{:?}", newest(&mut driver)?);
    // Ada moves, and her orders with her.
    driver.pipe(&customers(), "ada".to_owned(), Some("Kyiv".to_owned()), 3)?;
    println!("{:?}", newest(&mut driver)?);
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
    fn revenue_follows_orders_customers_and_deletions() {
        let mut driver = Driver::new(topology().unwrap()).unwrap();
        let order = |customer: &str, cents| Some(Order { customer: customer.to_owned(), cents });
        let sums = |expected: &[(&str, i64)], driver: &mut Driver| {
            let expected = expected.iter().map(|(city, sum)| ((*city).to_owned(), *sum)).collect();
            assert_eq!(newest(driver).unwrap(), expected);
        };
        // An order may come before its customer.
        driver.pipe(&orders(), "o1".to_owned(), order("ada", 500), 0).unwrap();
        sums(&[], &mut driver);
        driver.pipe(&customers(), "ada".to_owned(), Some("Bern".to_owned()), 1).unwrap();
        sums(&[("Bern", 500)], &mut driver);
        driver.pipe(&orders(), "o1".to_owned(), order("ada", 700), 2).unwrap();
        sums(&[("Bern", 700)], &mut driver);
        driver.pipe(&customers(), "ada".to_owned(), Some("Kyiv".to_owned()), 3).unwrap();
        sums(&[("Bern", 0), ("Kyiv", 700)], &mut driver);
        driver.pipe(&orders(), "o1".to_owned(), None, 4).unwrap();
        sums(&[("Bern", 0), ("Kyiv", 0)], &mut driver);
    }
}
