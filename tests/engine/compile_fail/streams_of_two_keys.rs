//! Orders keyed by order meet payments keyed by number.

use topo::state::{i64_be, utf8};
use topo::{Builder, JoinWindows, StreamJoined, Topic};

fn main() {
    let app = Builder::new("wrong");
    let orders: Topic<String, String> = Topic::new("orders", utf8(), utf8());
    let payments: Topic<i64, String> = Topic::new("payments", i64_be(), utf8());
    let payments = app.stream("payments", &payments);
    let stores = StreamJoined::new("paid", utf8(), utf8(), utf8());
    let windows = JoinWindows::of_ms(1_000);
    let _ = app
        .stream("orders", &orders)
        .join_stream("paid", &payments, windows, stores, |_, order, _| order.clone());
}
