//! Compacted topics: of every key the last record stays, at its offset; so does the last deletion.

use std::time::{Duration, Instant};

use topo::Headers;
use topo::broker::{Deliveries, Isolation, Outgoing, StartOffset};

use super::bench::{Bench, PATIENCE, assign, drain, read_to, retried};

super::cases!(
    of_every_key_the_last_record_stays_at_its_offset,
    a_record_without_a_key_is_refused_by_a_compacted_topic,
);

/// Settings under which a real broker compacts soon.
const EAGER: [(&str, &str); 5] = [
    ("cleanup.policy", "compact"),
    ("segment.ms", "100"),
    ("min.cleanable.dirty.ratio", "0.001"),
    ("max.compaction.lag.ms", "200"),
    ("delete.retention.ms", "3600000"),
];

fn put(bench: &Bench, topic: &str, key: Option<&str>, value: Option<&str>, timestamp: i64) -> Deliveries {
    let mut writer = bench.writer();
    let record = Outgoing {
        topic,
        partition: 0,
        key: key.map(str::as_bytes),
        value: value.map(str::as_bytes),
        timestamp,
        headers: &Headers::new(),
        slot: Some(0),
    };
    match writer.send(record) {
        Ok(()) => drain(&mut *writer),
        Err(error) => Deliveries { failure: Some(error), ..Default::default() },
    }
}

fn of_every_key_the_last_record_stays_at_its_offset(bench: &Bench) {
    let topic = bench.topic(1, &EAGER);
    let written = [
        ("a", Some("1")),
        ("b", Some("1")),
        ("a", Some("2")),
        ("c", Some("1")),
        ("c", None),
        ("b", Some("2")),
    ];
    for (key, value) in written {
        assert_eq!(put(bench, &topic, Some(key), value, 1).failure, None);
    }
    // A real broker leaves its newest segment alone, and looks for work every quarter of a minute.
    let patience = Instant::now() + 4 * PATIENCE;
    for round in 1.. {
        // By the time of its records a segment is old enough to be followed by another.
        put(bench, &topic, Some("filler"), Some("x"), round * 1_000);
        bench.compact(&topic);
        let seen = look(bench, &topic);
        if seen.len() < written.len() {
            assert_eq!(seen, [(2, Some("2".to_owned())), (4, None), (5, Some("2".to_owned()))]);
            return;
        }
        assert!(Instant::now() < patience, "the topic was not compacted: {seen:?}");
        bench.pass(Duration::from_millis(500));
    }
}

/// Offsets and values of all records but the fillers.
fn look(bench: &Bench, topic: &str) -> Vec<(i64, Option<String>)> {
    let mut reader = bench.reader(Isolation::ReadCommitted, None);
    let partition = assign(&mut *reader, topic, 0, StartOffset::At(0));
    let end = retried("the end", || reader.watermarks(&partition)).unwrap().high;
    let text = |value: &bytes::Bytes| String::from_utf8_lossy(value).into_owned();
    read_to(&mut *reader, &partition, end)
        .iter()
        .filter(|it| it.record.key.as_deref() != Some(b"filler"))
        .map(|it| (it.offset, it.record.value.as_ref().map(text)))
        .collect()
}

fn a_record_without_a_key_is_refused_by_a_compacted_topic(bench: &Bench) {
    let topic = bench.topic(1, &[("cleanup.policy", "compact")]);
    assert!(put(bench, &topic, None, Some("keyless"), 1).failure.is_some());
    assert_eq!(put(bench, &topic, Some("k"), Some("kept"), 1).failure, None);
}
