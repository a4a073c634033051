//! The topology of tests/interop/Interop.java, in Rust: the same names, so the same internal topics.

use topo::state::{CodecRef, WindowSize, Windowed, i64_be, session_windowed, utf8, windowed};
use topo::{
    Builder, Codecs, JoinWindows, KeyValue, Session, SessionValue, StreamJoined, Topic, Topology, Tumbling,
    WindowValue,
};

pub(super) const WINDOW_MS: i64 = 60_000;
pub(super) const GRACE_MS: i64 = 30_000;
/// What a session may pause.
pub(super) const GAP_MS: i64 = 10_000;
/// A question is answered within this time.
pub(super) const ANSWER_MS: i64 = 10 * 60_000;
const RETENTION_MS: i64 = 24 * 60 * 60 * 1_000;

/// Sub-topologies, each with one task per partition.
pub(super) const SUBTOPOLOGIES: usize = 5;

/// Topics that both read.
pub(super) const INPUTS: [&str; 6] = ["words", "people", "orders", "asked", "answered", "rates"];
/// Topics that both write.
pub(super) const OUTPUTS: [&str; 10] =
    ["counts", "windowed", "final", "sessions", "told", "rated", "cities", "located", "priced", "pairs"];

/// How windowed keys are written.
pub(super) fn windows() -> CodecRef<Windowed<String>> {
    windowed(utf8(), WindowSize::millis(WINDOW_MS))
}

pub(super) fn topology(application: &str) -> Topology {
    let app = Builder::new(application);
    let text = |name: &str| Topic::<String, String>::new(format!("{application}-{name}"), utf8(), utf8());
    let count =
        |name: &str| Topic::<String, Option<i64>>::new(format!("{application}-{name}"), utf8(), i64_be());
    let rows =
        |name: &str| Topic::<String, Option<String>>::new(format!("{application}-{name}"), utf8(), utf8());
    let store = |name: &str| KeyValue::new(name, utf8(), utf8());
    let texts = || Codecs::new(utf8(), utf8());
    let counts = |store: &str| KeyValue::new(store, utf8(), i64_be());

    let words = app.stream("words", &text("words"));
    let people = app.table("people", &rows("people"), store("people"));

    words
        .group_by("by-word", |_, word| word.clone(), texts())
        .count("count-words", counts("counts"))
        .to_stream("word-counts")
        .to("write-counts", &count("counts"));

    let windowed = words
        .group_by_key("by-user", texts())
        .windowed(Tumbling::of_ms(WINDOW_MS).grace_ms(GRACE_MS))
        .count("count-windows", WindowValue::new("windowed", utf8(), i64_be()).retention_ms(RETENTION_MS));
    let windows_to = |name: &str| Topic::new(format!("{application}-{name}"), windows(), i64_be());
    windowed.to_stream("window-counts").to("write-windowed", &windows_to("windowed"));
    windowed
        .suppress_until_window_closes("final", Codecs::new(windows(), i64_be()))
        .to_stream("final-counts")
        .to("write-final", &windows_to("final"));

    words
        .group_by_key("by-visitor", texts())
        .sessions(Session::gap_ms(GAP_MS).grace_ms(60 * 60_000))
        .count("count-sessions", SessionValue::new("sessions", utf8(), i64_be()).retention_ms(RETENTION_MS))
        .to_stream("session-counts")
        .to(
            "write-sessions",
            &Topic::new(format!("{application}-sessions"), session_windowed(utf8()), i64_be()),
        );

    let rates = app.table("rates", &rows("rates"), store("rates").history_ms(RETENTION_MS));
    rates.to_stream("rates-told").to("write-told", &rows("told"));
    words
        .join_table("rated", &rates, |_, word, rate| format!("{word}*{rate}"))
        .to("write-rated", &text("rated"));

    people
        .group_by("by-city", |name, city| (city.clone(), name.clone()), texts())
        .count("count-cities", counts("cities"))
        .to_stream("city-counts")
        .to("write-cities", &count("cities"));

    words
        .join_table("located", &people, |_, word, city| format!("{word}@{city}"))
        .to("write-located", &text("located"));

    app.table("orders", &rows("orders"), store("orders"))
        .fk_join(
            "priced",
            &people,
            |_, order| order.split(':').next().unwrap_or_default().to_owned(),
            |_, order, city| format!("{order}@{city}"),
        )
        .stored(store("priced-store"))
        .to_stream("prices")
        .to("write-priced", &rows("priced"));

    app.stream("asked", &text("asked"))
        .join_stream(
            "pair",
            &app.stream("answered", &text("answered")),
            JoinWindows::of_ms(0).after_ms(ANSWER_MS).grace_ms(30 * 60_000),
            StreamJoined::new("pair", utf8(), utf8(), utf8()),
            |_, question, answer| format!("{question}={answer}"),
        )
        .rekey("by-pair", |_, pair| pair.clone())
        .to("write-pairs", &text("pairs"));
    app.build().unwrap()
}
