//! JSON needs a type that serde knows.

use topo::state::{json, utf8};
use topo::{Builder, Topic};

#[derive(Clone)]
struct Order {
    _cents: i64,
}

topo::data!(Order);

fn main() {
    let app = Builder::new("wrong");
    let orders: Topic<String, Order> = Topic::new("orders", utf8(), json());
    let _ = app.stream("orders", &orders);
}
