//! A count is an `i64`; its store is given a codec of texts.

use topo::state::utf8;
use topo::{Builder, Codecs, KeyValue, Topic};

fn main() {
    let app = Builder::new("wrong");
    let words: Topic<String, String> = Topic::new("words", utf8(), utf8());
    let group = app.stream("words", &words).group_by_key("by-word", Codecs::new(utf8(), utf8()));
    let _ = group.count("count", KeyValue::new("counts", utf8(), utf8()));
}
