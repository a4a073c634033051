//! The topology of tests/interop/Interop.java, in Rust: the same names, so the same internal topics.

use topo::state::{CodecRef, WindowSize, Windowed, i64_be, utf8, windowed};
use topo::{Builder, Codecs, KeyValue, Topic, Topology, Tumbling, WindowValue};

pub(super) const WINDOW_MS: i64 = 60_000;
pub(super) const GRACE_MS: i64 = 30_000;
const RETENTION_MS: i64 = 24 * 60 * 60 * 1_000;

/// Topics that both read.
pub(super) const INPUTS: [&str; 2] = ["words", "people"];
/// Topics that both write.
pub(super) const OUTPUTS: [&str; 4] = ["counts", "windowed", "cities", "located"];

/// How windowed keys are written.
pub(super) fn windows() -> CodecRef<Windowed<String>> {
    windowed(utf8(), WindowSize::millis(WINDOW_MS))
}

pub(super) fn topology(application: &str) -> Topology {
    let app = Builder::new(application);
    let text = |name: &str| Topic::<String, String>::new(format!("{application}-{name}"), utf8(), utf8());
    let count =
        |name: &str| Topic::<String, Option<i64>>::new(format!("{application}-{name}"), utf8(), i64_be());
    let texts = || Codecs::new(utf8(), utf8());
    let counts = |store: &str| KeyValue::new(store, utf8(), i64_be());

    let words = app.stream("words", &text("words"));
    let cities: Topic<String, Option<String>> = Topic::new(format!("{application}-people"), utf8(), utf8());
    let people = app.table("people", &cities, KeyValue::new("people", utf8(), utf8()));

    words
        .group_by("by-word", |_, word| word.clone(), texts())
        .count("count-words", counts("counts"))
        .to_stream("word-counts")
        .to("write-counts", &count("counts"));

    words
        .group_by_key("by-user", texts())
        .windowed(Tumbling::of_ms(WINDOW_MS).grace_ms(GRACE_MS))
        .count("count-windows", WindowValue::new("windowed", utf8(), i64_be()).retention_ms(RETENTION_MS))
        .to_stream("window-counts")
        .to("write-windowed", &Topic::new(format!("{application}-windowed"), windows(), i64_be()));

    people
        .group_by("by-city", |name, city| (city.clone(), name.clone()), texts())
        .count("count-cities", counts("cities"))
        .to_stream("city-counts")
        .to("write-cities", &count("cities"));

    words
        .join_table("located", &people, |_, word, city| format!("{word}@{city}"))
        .to("write-located", &text("located"));
    app.build().unwrap()
}
