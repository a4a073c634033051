//! Items beside the product they refer to: tables joined by a foreign key, through two internal topics.

use std::collections::{BTreeMap, BTreeSet};

use topo::state::utf8;
use topo::testkit::sim::{Input, Outcome, Random, Scenario};
use topo::{Builder, KeyValue, Record, Topic, Topology, partition_of};

const PARTITIONS: i32 = 3;

/// Beside an item whose product does not exist.
const NONE: &str = "none";

/// A left join: the inner one, as in Kafka Streams, may keep a result for good when a row changes its foreign key and then
/// its value before the answer is back.
pub(crate) enum Foreign {
    /// Both tables are spread by the hash of their keys.
    Hashed,
    /// No row of either is where the hash of its key says.
    Elsewhere,
}

/// Never where the hash says.
fn elsewhere(key: &str, partitions: i32) -> i32 {
    (partition_of(key.as_bytes(), partitions) + 1) % partitions
}

/// Item -> `<product>/<version>`.
fn items() -> Topic<String, Option<String>> {
    Topic::new("items", utf8(), utf8())
}

/// Product -> version.
fn products() -> Topic<String, Option<String>> {
    Topic::new("products", utf8(), utf8())
}

/// Item -> `<product>/<version of the item>+<version of the product>`.
fn listed() -> Topic<String, Option<String>> {
    Topic::new("listed", utf8(), utf8())
}

fn product_of(item: &str) -> String {
    item.split('/').next().unwrap_or_default().to_owned()
}

impl Scenario for Foreign {
    fn name(&self) -> &str {
        match self {
            Self::Hashed => "foreign",
            Self::Elsewhere => "elsewhere",
        }
    }

    fn topology(&self) -> Topology {
        let app = Builder::new(self.name());
        let mut products =
            app.table("products", &products(), KeyValue::new("products-store", utf8(), utf8()));
        if matches!(self, Self::Elsewhere) {
            products = products.partitioned_by(|product, partitions| elsewhere(product, partitions));
        }
        app.table("items", &items(), KeyValue::new("items-store", utf8(), utf8()))
            .left_fk_join(
                "listed",
                &products,
                |_: &String, item: &String| product_of(item),
                |_, item: &String, product: Option<&String>| {
                    format!("{item}+{}", product.map_or(NONE, String::as_str))
                },
            )
            .to_stream("updates")
            .to("listed", &listed());
        app.build().expect("the topology is right")
    }

    fn topics(&self) -> Vec<(String, i32)> {
        vec![("items".into(), PARTITIONS), ("products".into(), PARTITIONS)]
    }

    fn input(&self, random: &mut Random) -> Vec<Input> {
        let place = |input: Input| match self {
            Self::Hashed => input,
            Self::Elsewhere => Input { partition: (input.partition + 1) % PARTITIONS, ..input },
        };
        let one = |random: &mut Random, number: i64| {
            let product = ["p", "q", "r"][random.below(3)].to_owned();
            let item = ["a", "b", "c", "d"][random.below(4)].to_owned();
            match random.below(8) {
                0 => Input::new(&items(), PARTITIONS, &item, &None, number),
                1 => Input::new(&products(), PARTITIONS, &product, &None, number),
                2 | 3 => Input::new(&products(), PARTITIONS, &product, &Some(format!("v{number}")), number),
                _ => Input::new(&items(), PARTITIONS, &item, &Some(format!("{product}/{number}")), number),
            }
        };
        (0..random.between(10, 40)).map(|number| place(one(random, number))).collect()
    }

    /// In the end the join of what the tables hold; on the way only pairs that existed.
    fn check(&self, outcome: &Outcome) -> Result<(), String> {
        let (items, products) = (outcome.read(&items())?, outcome.read(&products())?);
        let (newest_items, newest_products) = (newest(&items), newest(&products));
        let mut found = newest(&outcome.read(&listed())?);
        found.retain(|_, value| value.is_some());
        let join = |(item, value): (&String, &Option<String>)| {
            let value = value.as_ref()?;
            let product = newest_products.get(&product_of(value)).and_then(Option::as_deref);
            Some((item.clone(), Some(format!("{value}+{}", product.unwrap_or(NONE)))))
        };
        let expected: BTreeMap<String, Option<String>> = newest_items.iter().filter_map(join).collect();
        // Without transactions a zombie may have the last word.
        if found != expected && outcome.exactly_once() {
            return Err(format!("in the end {found:?} instead of {expected:?}"));
        }
        let versions = |log: &[Vec<Record<String, Option<String>>>]| -> BTreeSet<String> {
            log.iter().flatten().filter_map(|record| record.value.clone()).collect()
        };
        let (items, products) = (versions(&items), versions(&products));
        for record in outcome.read(&listed())?.into_iter().flatten() {
            let Some(value) = record.value else { continue };
            let (item, product) = value.split_once('+').unwrap_or_default();
            if !items.contains(item) || !(product == NONE || products.contains(product)) {
                return Err(format!("{value} of {} never existed", record.key));
            }
        }
        Ok(())
    }
}

/// The last value of every key.
fn newest(log: &[Vec<Record<String, Option<String>>>]) -> BTreeMap<String, Option<String>> {
    log.iter().flatten().map(|record| (record.key.clone(), record.value.clone())).collect()
}
