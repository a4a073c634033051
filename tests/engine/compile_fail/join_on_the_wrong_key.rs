//! A stream keyed by order joins a table keyed by customer number.

use topo::state::{i64_be, utf8};
use topo::{Builder, KeyValue, Topic};

fn main() {
    let app = Builder::new("wrong");
    let orders: Topic<String, i64> = Topic::new("orders", utf8(), i64_be());
    let names: Topic<i64, String> = Topic::new("customers", i64_be(), utf8());
    let customers = app.table("customers", &names, KeyValue::new("customers-store", i64_be(), utf8()));
    let _ = app.stream("orders", &orders).join_table("name", &customers, |_, _, name| name.clone());
}
