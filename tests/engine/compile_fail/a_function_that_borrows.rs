//! A function lives as long as the topology runs, so it must own what it uses.

use topo::state::{i64_be, utf8};
use topo::{Builder, Topic};

fn main() {
    let app = Builder::new("wrong");
    let orders: Topic<String, i64> = Topic::new("orders", utf8(), i64_be());
    let limit = 10_000;
    let _ = app.stream("orders", &orders).filter("large", |_, cents| *cents > limit);
}
