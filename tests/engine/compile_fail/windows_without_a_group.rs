//! Windows cut a group; a stream has none before `group_by` or `group_by_key`.

use topo::state::{i64_be, utf8};
use topo::{Builder, Topic, Tumbling};

fn main() {
    let app = Builder::new("wrong");
    let orders: Topic<String, i64> = Topic::new("orders", utf8(), i64_be());
    let _ = app.stream("orders", &orders).windowed(Tumbling::of_ms(60_000));
}
