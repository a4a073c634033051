//! Records come back as they went in, in order; what cannot be written says why.

use std::time::Duration;

use topo::Headers;
use topo::broker::{BrokerError, Created, Isolation, NewTopic, Outgoing, StartOffset};

use super::bench::{Bench, assign, drain, eventually, read, send, texts};

super::cases!(
    key_value_timestamp_and_headers_come_back_untouched,
    a_partition_keeps_its_order_and_a_slot_its_highest_offset,
    a_record_that_is_too_large_is_refused_at_once_and_the_next_one_goes,
    a_record_from_too_far_ahead_is_refused_at_once_and_the_next_one_goes,
    a_topic_that_does_not_exist_is_named,
    topics_and_their_settings_are_made_found_and_deleted,
);

/// Bytes or null.
type Payload = Option<&'static [u8]>;

fn key_value_timestamp_and_headers_come_back_untouched(bench: &Bench) {
    let topic = bench.topic(1, &[]);
    let mut headers = Headers::new();
    headers.push("a", Some(vec![0_u8, 255]));
    headers.push("a", None::<Vec<u8>>);
    headers.push_text("b", "");
    let mut writer = bench.writer();
    let payloads: [(Payload, Payload); 4] =
        [(Some(b"k"), Some(b"v")), (Some(b"k"), None), (None, Some(b"v")), (Some(b""), Some(b""))];
    for (key, value) in payloads {
        let record = Outgoing {
            topic: &topic,
            partition: 0,
            key,
            value,
            timestamp: 1_600_000_000_123,
            headers: &headers,
            slot: None,
        };
        writer.send(record).unwrap();
    }
    assert_eq!(drain(&mut *writer).failure, None);
    let mut reader = bench.reader(Isolation::ReadCommitted, None);
    assign(&mut *reader, &topic, 0, StartOffset::Earliest);
    let records = read(&mut *reader, 4);
    for (fetched, (key, value)) in records.iter().zip(payloads) {
        assert_eq!(fetched.record.key.as_deref(), key);
        assert_eq!(fetched.record.value.as_deref(), value);
        assert_eq!(fetched.record.timestamp, 1_600_000_000_123);
        assert_eq!(fetched.record.headers, headers);
    }
}

fn a_partition_keeps_its_order_and_a_slot_its_highest_offset(bench: &Bench) {
    let topic = bench.topic(2, &[]);
    let mut writer = bench.writer();
    for number in 0..1000 {
        send(&mut *writer, &topic, number % 2, &number.to_string()).unwrap();
    }
    assert_eq!(drain(&mut *writer).next_offsets.get(&0), Some(&500));
    let mut reader = bench.reader(Isolation::ReadCommitted, None);
    assign(&mut *reader, &topic, 1, StartOffset::At(100));
    let records = read(&mut *reader, 400);
    assert_eq!(records.iter().map(|it| it.offset).collect::<Vec<_>>(), (100..500).collect::<Vec<_>>());
    assert_eq!(texts(&records), (100..500).map(|offset| (offset * 2 + 1).to_string()).collect::<Vec<_>>());
}

fn a_record_that_is_too_large_is_refused_at_once_and_the_next_one_goes(bench: &Bench) {
    let topic = bench.topic(1, &[("max.message.bytes", "2000")]);
    let mut writer = bench.transactional(&bench.name("id"));
    writer.begin().unwrap();
    let refused = send(&mut *writer, &topic, 0, &"x".repeat(5000));
    assert!(matches!(&refused, Err(BrokerError::RecordTooLarge { bytes: 5003, .. })), "{refused:?}");
    assert_eq!(writer.in_flight(), 0);
    send(&mut *writer, &topic, 0, "small").unwrap();
    assert_eq!(drain(&mut *writer).failure, None);
    super::bench::retried("commit", || writer.commit()).unwrap();
    let mut reader = bench.reader(Isolation::ReadCommitted, None);
    assign(&mut *reader, &topic, 0, StartOffset::Earliest);
    assert_eq!(texts(&read(&mut *reader, 1)), ["small"]);
}

fn a_record_from_too_far_ahead_is_refused_at_once_and_the_next_one_goes(bench: &Bench) {
    let limit = ("message.timestamp.after.max.ms", "3600000");
    let (limited, free) = (bench.topic(1, &[limit]), bench.topic(1, &[(limit.0, "9223372036854775807")]));
    let headers = Headers::new();
    let of = |topic, timestamp| Outgoing {
        topic,
        partition: 0,
        key: Some(b"key"),
        value: Some(b"value"),
        timestamp,
        headers: &headers,
        slot: None,
    };
    // The year 2600; the clock in memory begins in 1970.
    let far = 20_000_000_000_000;
    let mut writer = bench.writer();
    let refused = writer.send(of(&limited, far));
    assert!(
        matches!(&refused, Err(BrokerError::TimestampRefused { timestamp, .. }) if *timestamp == far),
        "{refused:?}"
    );
    assert_eq!(writer.in_flight(), 0);
    writer.send(of(&limited, 1)).unwrap();
    writer.send(of(&free, far)).unwrap();
    assert_eq!(drain(&mut *writer).failure, None);
    for (topic, timestamp) in [(&limited, 1), (&free, far)] {
        let mut reader = bench.reader(Isolation::ReadCommitted, None);
        assign(&mut *reader, topic, 0, StartOffset::Earliest);
        assert_eq!(read(&mut *reader, 1)[0].record.timestamp, timestamp);
    }
}

fn a_topic_that_does_not_exist_is_named(bench: &Bench) {
    let missing = bench.name("missing");
    let unknown = BrokerError::UnknownTopic { topic: missing.clone() };
    let mut writer = bench.writer();
    let answer =
        send(&mut *writer, &missing, 0, "x").and_then(|()| drain(&mut *writer).failure.map_or(Ok(()), Err));
    assert_eq!(answer, Err(unknown.clone()));
    let mut reader = bench.reader(Isolation::ReadCommitted, None);
    let partition = topo::Partition::new(missing.as_str(), 0);
    assert_eq!(reader.watermarks(&partition), Err(unknown.clone()));
    let start = StartOffset::Earliest;
    let assigned = reader.assign(&[topo::broker::Assignment { partition, start, slot: 0 }]);
    let answer = assigned.err().unwrap_or_else(|| {
        eventually("the error", || reader.poll(10, Duration::from_millis(20), &mut Vec::new()).err())
    });
    assert_eq!(answer, unknown);
    let mut admin = bench.broker.admin().unwrap();
    assert_eq!(admin.settings(&missing), Err(unknown));
    assert!(admin.partitions(&[missing]).unwrap().is_empty());
}

fn topics_and_their_settings_are_made_found_and_deleted(bench: &Bench) {
    let topic = bench.topic(3, &[("cleanup.policy", "compact")]);
    let mut admin = bench.broker.admin().unwrap();
    let again = NewTopic {
        name: topic.clone(),
        partitions: 3,
        replication: 1,
        settings: std::collections::BTreeMap::new(),
    };
    assert_eq!(admin.create(&[again]).unwrap(), [Ok(Created::Existed)]);
    assert_eq!(admin.partitions(std::slice::from_ref(&topic)).unwrap().get(&topic), Some(&3));
    assert_eq!(admin.settings(&topic).unwrap().get("cleanup.policy").map(String::as_str), Some("compact"));
    assert!(admin.topics().unwrap().contains(&topic));
    assert!(!admin.cluster_id().unwrap().is_empty());
    admin.delete(&[topic.clone(), bench.name("missing")]).unwrap();
    eventually("the topic to be gone", || (!admin.topics().unwrap().contains(&topic)).then_some(()));
}
