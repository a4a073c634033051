//! Updates of a table may be deletions; the topic's type must say so.

use topo::state::{i64_be, utf8};
use topo::{Builder, KeyValue, Topic};

fn main() {
    let app = Builder::new("wrong");
    let totals: Topic<String, i64> = Topic::new("totals", utf8(), i64_be());
    let copy: Topic<String, i64> = Topic::new("copy", utf8(), i64_be());
    app.table("totals", &totals, KeyValue::new("totals-store", utf8(), i64_be())).to_stream("updates").to("copy", &copy);
}
