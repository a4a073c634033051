//! Two tables are joined as if they had one key; a foreign-key join is what was meant.

use topo::state::{i64_be, utf8};
use topo::{Builder, KeyValue, Topic};

fn main() {
    let app = Builder::new("wrong");
    let items: Topic<String, i64> = Topic::new("items", utf8(), i64_be());
    let products: Topic<i64, String> = Topic::new("products", i64_be(), utf8());
    let items = app.table("items", &items, KeyValue::new("items-store", utf8(), i64_be()));
    let products = app.table("products", &products, KeyValue::new("products-store", i64_be(), utf8()));
    let _ = items.join("named", &products, |_, name| name.clone());
}
