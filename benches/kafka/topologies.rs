//! The topologies of the comparison: five as Kafka Streams ran them, a stream-stream join, and sessions.

use topo::state::{bytes, i64_be, utf8};
use topo::{
    Builder, Codecs, JoinWindows, KeyValue, Session, SessionValue, StreamJoined, Topic, Topology,
    TopologyErrors, Tumbling, WindowValue,
};

/// Number of partitions of every input.
pub(crate) const PARTITIONS: i32 = 4;
/// Facts per run.
pub(crate) const RECORDS: u64 = 2_000_000;
/// Distinct keys of the facts, and rows of the joined table.
pub(crate) const KEYS: u64 = 100_000;
/// Distinct foreign keys.
pub(crate) const FOREIGN_KEYS: u64 = 10_000;

/// Facts: an 8-digit key, 100 bytes; the first 8 bytes of the value name a foreign key.
pub(crate) const FACTS: &str = "bench-facts";
/// One row per key of the facts.
pub(crate) const ROWS: &str = "bench-rows";
/// One row per foreign key.
pub(crate) const FOREIGN: &str = "bench-foreign";

/// The topologies by name.
pub(crate) const TOPOLOGIES: [&str; 7] = [
    "pass-through",
    "count",
    "windowed-count",
    "session-count",
    "stream-table-join",
    "stream-stream-join",
    "fk-join",
];

fn facts() -> Topic<String, Vec<u8>> {
    Topic::new(FACTS, utf8(), bytes())
}

/// A topology of the comparison by name, writing to the topic `out`.
pub(crate) fn topology(name: &str, out: &str) -> Result<Topology, TopologyErrors> {
    let app = Builder::new(name);
    match name {
        "pass-through" => app.stream("facts", &facts()).to("out", &Topic::new(out, utf8(), bytes())),
        "count" => app
            .stream("facts", &facts())
            .group_by_key("by-key", Codecs::new(utf8(), bytes()))
            .count("count", KeyValue::new("counts", utf8(), i64_be()).timestamped())
            .to_stream("updates")
            .to("out", &Topic::new(out, utf8(), i64_be())),
        "windowed-count" => app
            .stream("facts", &facts())
            .group_by_key("by-key", Codecs::new(utf8(), bytes()))
            .windowed(Tumbling::of_ms(300_000))
            .count("count", WindowValue::new("counts", utf8(), i64_be()).timestamped())
            .to_stream("updates")
            .map("unwindowed", |windowed, count| (windowed.key.clone(), count))
            .to("out", &Topic::new(out, utf8(), i64_be())),
        // A key comes every 30 seconds, so most facts go on with a session: it is taken back, and a longer one told.
        "session-count" => app
            .stream("facts", &facts())
            .group_by_key("by-key", Codecs::new(utf8(), bytes()))
            .sessions(Session::gap_ms(30_000))
            .count("count", SessionValue::new("counts", utf8(), i64_be()))
            .to_stream("updates")
            .map("unwindowed", |windowed, count| (windowed.key.clone(), count))
            .to("out", &Topic::new(out, utf8(), i64_be())),
        "stream-table-join" => {
            let rows = app.table(
                "rows",
                &Topic::<String, Vec<u8>>::new(ROWS, utf8(), bytes()),
                rows_store("rows-store"),
            );
            app.stream("facts", &facts())
                .left_join_table("join", &rows, |_, fact, row| joined(fact, row.is_some()))
                .to("out", &Topic::new(out, utf8(), bytes()));
        }
        // Half of the facts meet the other half: each is kept, and finds the one partner that its key has in 30 seconds.
        "stream-stream-join" => {
            let facts = app.stream("facts", &facts());
            let left = facts.filter("left", |_, fact| is_left(fact));
            let right = facts.filter_not("right", |_, fact| is_left(fact));
            let stores = StreamJoined::new("join", utf8(), bytes(), bytes());
            left.join_stream("join", &right, JoinWindows::of_ms(30_000), stores, |_, fact, _| {
                joined(fact, true)
            })
            .to("out", &Topic::new(out, utf8(), bytes()));
        }
        _ => {
            let left = app.table("facts", &facts(), rows_store("facts-store"));
            let right = app.table(
                "foreign",
                &Topic::<String, Vec<u8>>::new(FOREIGN, utf8(), bytes()),
                rows_store("foreign-store"),
            );
            left.left_fk_join(
                "join",
                &right,
                |_, fact| foreign_key(fact),
                |_, fact, row| joined(fact, row.is_some()),
            )
            .to_stream("updates")
            .to("out", &Topic::new(out, utf8(), bytes()));
        }
    }
    app.build()
}

fn rows_store(name: &str) -> KeyValue<String, Vec<u8>> {
    KeyValue::new(name, utf8(), bytes()).timestamped()
}

/// Whether the number that a fact begins with is even.
fn is_left(fact: &[u8]) -> bool {
    fact.get(7).is_some_and(|digit| digit % 2 == 0)
}

fn foreign_key(fact: &[u8]) -> Option<String> {
    fact.get(..8).and_then(|key| std::str::from_utf8(key).ok()).map(str::to_owned)
}

/// As many bytes of work as Kafka Streams' joiner had: the fact with a byte that says whether a row was there.
fn joined(fact: &[u8], has_row: bool) -> Vec<u8> {
    let mut joined = fact.to_vec();
    joined.push(u8::from(has_row));
    joined
}
