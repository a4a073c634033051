//! A type of one's own flows through a topology before anybody said it may.

use topo::state::{i64_be, utf8};
use topo::{Builder, Topic};

#[derive(Clone)]
struct Total(i64);

fn main() {
    let app = Builder::new("wrong");
    let orders: Topic<String, i64> = Topic::new("orders", utf8(), i64_be());
    let _ = app.stream("orders", &orders).map_values("total", |_, cents| Total(cents));
}
