//! Only windowed results become final.

use topo::state::{i64_be, utf8};
use topo::{Builder, Codecs, KeyValue, Topic};

fn main() {
    let app = Builder::new("wrong");
    let totals: Topic<String, i64> = Topic::new("totals", utf8(), i64_be());
    let totals = app.table("totals", &totals, KeyValue::new("totals-store", utf8(), i64_be()));
    let _ = totals.suppress_until_window_closes("final", Codecs::new(utf8(), i64_be()));
}
