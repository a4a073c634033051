//! The keys of the engine. Applications add their own through the catalogue; nothing else defines a key.

use super::{Key, Kind};

const FAULTS: Kind = Kind::Choice(&["dead_letter", "stop", "skip"]);
const COUNT: Kind = Kind::Integer { min: 1, max: i64::MAX };

/// Every key the engine reads, in the order `topo config` prints them.
#[must_use]
pub const fn engine_keys() -> &'static [Key] {
    KEYS
}

#[rustfmt::skip]
const KEYS: &[Key] = &[
    Key::new("bootstrap.servers", Kind::Text, "localhost:9092", "Kafka brokers to start from, host:port, separated by commas."),
    Key::new("application.id", Kind::Text, "", "Consumer group and prefix of internal topics; the topology's name when empty."),
    Key::new("state.dir", Kind::Path, "topo-state", "Directory of stores and of the process id; one per process."),
    Key::new("http.host", Kind::Text, "0.0.0.0", "Address the metrics and health server listens on."),
    Key::new("http.port", Kind::Integer { min: 0, max: 65_535 }, "0", "Port of metrics and health; 0 takes a free one and prints it."),
    Key::new("http.state", Kind::Choice(&["local", "all", "off"]), "local", "Who may look into the stores over that port: this host, whoever reaches it, or nobody."),
    Key::new("workers", Kind::Integer { min: 0, max: 1024 }, "0", "Processing threads; 0 is one per core, four at most."),
    Key::new("processing", Kind::Choice(&["exactly_once", "at_least_once"]), "exactly_once", "Guarantee of processing."),
    Key::new("commit.interval.ms", Kind::Duration, "100ms", "Time between two commits of a worker."),
    Key::new("session.timeout.ms", Kind::Duration, "10s", "Silence after which the group gives a member up (classic protocol only)."),
    Key::new("heartbeat.interval.ms", Kind::Duration, "1s", "Time between two heartbeats to the group (classic protocol only)."),
    Key::new("transaction.timeout.ms", Kind::Duration, "10s", "Age at which the broker aborts an open transaction."),
    Key::new("group.protocol", Kind::Choice(&["classic", "consumer"]), "classic", "Group protocol; `consumer` needs Kafka 4."),
    Key::new("group.instance.id", Kind::Text, "", "Stable name of this process in its groups; kept in state.dir when empty."),
    Key::new("keep.place", Kind::Flag, "false", "Whether a clean stop keeps its place in the group, for rolling restarts."),
    Key::new("rack", Kind::Text, "", "What fails together with this process, such as a rack or zone; the host when empty."),
    Key::new("standby.replicas", Kind::Integer { min: 0, max: 100 }, "0", "Warm copies of each task's stores on other processes, away from its rack where there is a choice."),
    Key::new("standby.bytes.per.second", Kind::Size, "16MiB", "Changelog bytes that the standbys of a process take in per second; 0 is no limit."),
    Key::new("metadata.max.age.ms", Kind::Duration, "5m", "Age at which sources by pattern look again which topics there are."),
    Key::new("memory", Kind::Size, "96MiB", "Bytes for all of RocksDB in this process: block cache and write buffers."),
    Key::new("replication.factor", Kind::Integer { min: -1, max: 32_767 }, "-1", "Replicas of topics that are created; -1 is the broker's default."),
    Key::new("partitions", Kind::Integer { min: 0, max: 1_000_000 }, "0", "Partitions of output topics that are created; 0 is as many as the main input has."),
    Key::new("buffered.records.per.partition", COUNT, "1000", "Records held ready per input partition before its fetching pauses."),
    Key::new("max.task.idle.ms", Kind::Duration, "0ms", "How long a task waits for a quiet input beyond the records that are known to be on the broker."),
    Key::new("max.record.bytes", Kind::Size, "1MB", "Largest record that is produced; a larger one is a fault of production."),
    Key::new("faults.deserialization", FAULTS, "dead_letter", "What becomes of a record that cannot be decoded."),
    Key::new("faults.processing", FAULTS, "dead_letter", "What becomes of a record that a processor refuses for good."),
    Key::new("faults.production", FAULTS, "dead_letter", "What becomes of a record that the broker refuses for good."),
    Key::new("dead.letter.topic", Kind::Text, "", "Topic of dead letters; <topology>-dead-letters when empty."),
    Key::new("postgres.url", Kind::Text, "", "PostgreSQL of the exits: postgres://user:password@host/database.").secret(),
    Key::new("log.filter", Kind::Text, "info", "What is logged: a level, or tracing directives such as info,topo=debug.").aliases(&["RUST_LOG", "TOPO_LOG"]),
    Key::new("log.format", Kind::Choice(&["text", "json"]), "text", "Form of log lines on standard error."),
];
