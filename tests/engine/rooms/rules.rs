//! The rules themselves.

use std::collections::BTreeMap;

use super::reading::Source;

/// Room -> rooms it may name, beside itself. `dsl` and `runtime` never meet: they share only `graph`.
const ROOMS: [(&str, &[&str]); 20] = [
    ("broker", &["clock", "record"]),
    ("cli", &["broker", "clock", "config", "fault", "graph", "observe", "record", "runtime", "testkit"]),
    ("clock", &[]),
    ("config", &[]),
    ("data", &[]),
    ("dead_letter", &["fault", "processor", "record"]),
    ("dsl", &["data", "fault", "graph", "ops", "processor", "record", "topic"]),
    ("fault", &[]),
    ("flaw", &[]),
    ("graph", &["fault", "processor", "record", "topic"]),
    ("observe", &["fault", "record"]),
    // What verbs become takes the options of the verbs: windows and codecs.
    ("ops", &["data", "dsl", "fault", "processor", "record", "topic"]),
    ("partitioner", &[]),
    ("processor", &["data", "fault", "record"]),
    ("record", &[]),
    (
        "runtime",
        &[
            "broker",
            "clock",
            "dead_letter",
            "fault",
            "flaw",
            "graph",
            "observe",
            "partitioner",
            "processor",
            "record",
            "task",
            "topic",
        ],
    ),
    ("task", &["data", "dead_letter", "fault", "flaw", "graph", "processor", "record", "topic"]),
    (
        "testkit",
        &[
            "broker",
            "data",
            "fault",
            "flaw",
            "graph",
            "observe",
            "partitioner",
            "processor",
            "record",
            "runtime",
            "task",
            "topic",
        ],
    ),
    ("topic", &["data", "fault", "record"]),
    ("state", &[]),
];

/// Word -> where it may stand.
const STRANGERS: [(&str, &[&str]); 9] = [
    ("rdkafka", &["src/broker/kafka/"]),
    ("rocksdb", &["state/src/rocks/"]),
    ("sqlx", &["topologies/src/ods/"]),
    ("tokio", &["src/observe/", "src/broker/kafka/", "src/cli/", "topologies/src/"]),
    ("Instant::now", CLOCKS),
    ("SystemTime::now", &["src/clock.rs", "topologies/src/"]),
    ("clock::now_ms", CLOCKS),
    ("thread::sleep", CLOCKS),
    ("topologies", &["topologies/src/", "src/runtime/tests/"]),
];

/// The edges that wait on the outside world. Everything else is handed the time.
const CLOCKS: &[&str] = &[
    "src/runtime/threads.rs",
    "src/runtime/query.rs",
    "src/runtime/tests/",
    "src/broker/kafka/",
    "src/observe/",
    "src/cli/",
    "topologies/src/",
];

/// Names of all rooms there are rules for. `state` is not below `src/`: the crate hands it on as a whole.
pub(super) fn rooms() -> Vec<String> {
    ROOMS.iter().map(|(room, _)| (*room).to_owned()).filter(|room| room != "state").collect()
}

/// What a source imports and may not.
pub(super) fn objections(source: &Source, handed_on: &BTreeMap<String, String>) -> Vec<String> {
    let Some(room) = source.room() else { return Vec::new() };
    let allowed = ROOMS.iter().find(|(name, _)| *name == room).map_or(&[][..], |(_, allowed)| allowed);
    let names = source.names_from_root();
    let rooms = names.iter().map(|name| handed_on.get(name).unwrap_or(name)).filter(|name| is_room(name));
    let wrong = rooms.filter(|name| **name != room && **name != "state" && !allowed.contains(&name.as_str()));
    wrong.map(|name| format!("{}: room `{room}` may not import `{name}`", source.path)).collect()
}

fn is_room(name: &str) -> bool {
    ROOMS.iter().any(|(room, _)| *room == name)
}

/// Words a source names where they do not belong.
pub(super) fn strangers(source: &Source) -> Vec<String> {
    let wrong = STRANGERS.iter().filter(|(word, homes)| {
        !homes.iter().any(|home| source.path.starts_with(home)) && source.has_word(word)
    });
    wrong
        .map(|(word, homes)| format!("{}: `{word}` belongs only into {}", source.path, homes.join(", ")))
        .collect()
}
