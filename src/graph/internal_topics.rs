//! Settings of the topics the engine makes.
//!
//! Since version 4 a Kafka refuses records stamped more than an hour ahead of its clock, unless the topic says otherwise
//! (KIP-937). State is often about what is to come, such as a row stamped with the end of a window, and the clock of whoever made
//! an input may be wrong: the topics the engine makes take every time.
//!
//! Own rule for windows: Kafka Streams gives window changelogs `compact,delete` with a retention by the broker's clock,
//! which deletes state that a replay of old records has just built. Ours have the same policy without a retention: what has
//! expired by stream time is deleted by the engine.

use std::collections::BTreeMap;

/// Settings of a topic, by Kafka's names.
pub(crate) type Settings = BTreeMap<String, String>;

/// A changelog: the newest record per key is state and must never be deleted by time.
pub(crate) fn changelog() -> Settings {
    let mut settings = any_time();
    settings
        .extend(self::settings(&[("cleanup.policy", "compact"), ("message.timestamp.type", "CreateTime")]));
    settings
}

/// A topic for others: theirs to set, but for the times it takes.
pub(crate) fn any_time() -> Settings {
    let any = i64::MAX.to_string();
    settings(&[("message.timestamp.before.max.ms", &any), ("message.timestamp.after.max.ms", &any)])
}

/// The changelog of a store that forgets: what has expired is deleted when the engine says so, which a topic that is only
/// compacted would refuse. Segments are small, because only whole ones give their room back.
pub(crate) fn forgetting() -> Settings {
    let mut settings = changelog();
    settings.extend(self::settings(&[
        ("cleanup.policy", "compact,delete"),
        ("retention.ms", "-1"),
        ("retention.bytes", "-1"),
        ("segment.bytes", "52428800"),
    ]));
    settings
}

/// The changelog of a store that keeps values over time: older records of a key are state too. As in Kafka Streams they stay
/// for the history and a day.
///
/// The broker measures that from the latest timestamp of a segment, and records may be years old. A transaction's marker
/// carries the time of writing, so a segment with one is as young as it should be. But a broker that starts a new segment
/// by time does so at the first marker behind old records, leaving a segment without any: own rule, it starts one by size
/// only.
pub(crate) fn history(history_ms: i64) -> Settings {
    let mut settings = changelog();
    let lag_ms = history_ms.saturating_add(86_400_000);
    settings.extend([
        ("min.compaction.lag.ms".to_owned(), lag_ms.to_string()),
        ("segment.ms".to_owned(), i64::MAX.to_string()),
        ("segment.bytes".to_owned(), "52428800".to_owned()),
    ]);
    settings
}

/// A repartition topic: records are deleted by the engine once they are consumed, never by the broker's clock.
pub(crate) fn repartition() -> Settings {
    let mut settings = any_time();
    settings.extend(self::settings(&[
        ("cleanup.policy", "delete"),
        ("message.timestamp.type", "CreateTime"),
        ("retention.ms", "-1"),
        ("segment.bytes", "52428800"),
    ]));
    settings
}

/// A lease topic holds no records; only its partitions matter.
pub(crate) fn lease() -> Settings {
    settings(&[("cleanup.policy", "delete")])
}

fn settings(pairs: &[(&str, &str)]) -> Settings {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_brokers_clock_deletes_neither_state_nor_records_on_their_way() {
        assert_eq!(changelog()["cleanup.policy"], "compact");
        assert!(!changelog().contains_key("retention.ms"));
        let ours = forgetting();
        assert_eq!(ours["cleanup.policy"], "compact,delete");
        assert_eq!((ours["retention.ms"].as_str(), ours["retention.bytes"].as_str()), ("-1", "-1"));
        assert_eq!(repartition()["retention.ms"], "-1");
        assert_eq!(history(1_000)["min.compaction.lag.ms"], "86401000");
        assert_eq!(
            history(1_000)["segment.ms"],
            i64::MAX.to_string(),
            "old records get no segment of their own"
        );
        for settings in [changelog(), forgetting(), history(0), repartition()] {
            assert_eq!(settings["message.timestamp.type"], "CreateTime");
        }
    }
}
