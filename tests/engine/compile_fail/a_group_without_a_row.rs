//! A table is grouped by a new key alone; a group needs the row that goes into it too.

use topo::state::{i64_be, utf8};
use topo::{Builder, Codecs, KeyValue, Topic};

fn main() {
    let app = Builder::new("wrong");
    let cities: Topic<String, String> = Topic::new("cities", utf8(), utf8());
    let people = app.table("people", &cities, KeyValue::new("people-store", utf8(), utf8()));
    let by_city = people.group_by("by-city", |_, city| city.clone(), Codecs::new(utf8(), utf8()));
    let _ = by_city.count("count", KeyValue::new("counts", utf8(), i64_be()));
}
