//! Readers: what they are given, taken, moved to, and where they say they are.

use std::time::Duration;

use topo::Partition;
use topo::broker::{Assignment, BrokerError, Isolation, StartOffset};

use super::bench::{Bench, assign, drain, eventually, read, read_nothing, send, texts};

super::cases!(
    partitions_come_and_go_while_others_flow,
    a_seek_returns_nothing_that_was_buffered_before_it,
    a_paused_partition_is_silent_until_it_is_resumed,
    a_partition_that_was_given_away_paused_flows_when_it_is_taken_again,
    an_offset_that_is_gone_is_named_and_reading_goes_on_after_a_seek,
    an_explicit_start_is_the_position_before_anything_is_read,
    deleted_records_raise_the_first_offset,
    records_of_a_topic_that_is_only_compacted_cannot_be_deleted,
);

fn fill(bench: &Bench, topic: &str, partition: i32, count: usize) {
    let mut writer = bench.writer();
    for number in 0..count {
        send(&mut *writer, topic, partition, &number.to_string()).unwrap();
    }
    assert_eq!(drain(&mut *writer).failure, None);
}

fn partitions_come_and_go_while_others_flow(bench: &Bench) {
    let topic = bench.topic(2, &[]);
    fill(bench, &topic, 0, 10);
    fill(bench, &topic, 1, 10);
    let mut reader = bench.reader(Isolation::ReadCommitted, None);
    let first = assign(&mut *reader, &topic, 0, StartOffset::Earliest);
    assert_eq!(read(&mut *reader, 10).len(), 10);
    let second = Partition::new(topic.as_str(), 1);
    reader.assign(&[Assignment { partition: second, start: StartOffset::At(5), slot: 7 }]).unwrap();
    let records = read(&mut *reader, 5);
    assert!(records.iter().all(|fetched| fetched.slot == 7), "the other partition is not read again");
    assert_eq!(texts(&records), ["5", "6", "7", "8", "9"]);
    reader.unassign(std::slice::from_ref(&first)).unwrap();
    fill(bench, &topic, 0, 1);
    fill(bench, &topic, 1, 1);
    let records = read(&mut *reader, 1);
    assert_eq!(records.iter().map(|fetched| fetched.slot).collect::<Vec<_>>(), [7]);
    read_nothing(&mut *reader);
    assert!(reader.position(&first).is_err());
}

fn a_seek_returns_nothing_that_was_buffered_before_it(bench: &Bench) {
    let topic = bench.topic(1, &[]);
    fill(bench, &topic, 0, 100);
    let mut reader = bench.reader(Isolation::ReadCommitted, None);
    let partition = assign(&mut *reader, &topic, 0, StartOffset::Earliest);
    let mut few = Vec::new();
    eventually("some records", || {
        reader.poll(10, Duration::from_millis(20), &mut few).unwrap();
        (!few.is_empty()).then_some(())
    });
    assert!(few.len() <= 10, "a poll never returns more than it was asked for");
    for offset in [90, 5] {
        reader.seek(&partition, offset).unwrap();
        let records = read(&mut *reader, usize::try_from(100 - offset).unwrap());
        assert_eq!(records.first().map(|fetched| fetched.offset), Some(offset));
        assert_eq!(records.len(), usize::try_from(100 - offset).unwrap());
    }
}

fn a_paused_partition_is_silent_until_it_is_resumed(bench: &Bench) {
    let topic = bench.topic(1, &[]);
    fill(bench, &topic, 0, 10);
    let mut reader = bench.reader(Isolation::ReadCommitted, None);
    let partition = assign(&mut *reader, &topic, 0, StartOffset::At(0));
    let alone = std::slice::from_ref(&partition);
    reader.pause(alone).unwrap();
    read_nothing(&mut *reader);
    reader.seek(&partition, 4).unwrap();
    read_nothing(&mut *reader);
    reader.resume(alone).unwrap();
    assert_eq!(texts(&read(&mut *reader, 6)), ["4", "5", "6", "7", "8", "9"]);
}

fn a_partition_that_was_given_away_paused_flows_when_it_is_taken_again(bench: &Bench) {
    let topic = bench.topic(2, &[]);
    fill(bench, &topic, 0, 10);
    let mut reader = bench.reader(Isolation::ReadCommitted, None);
    // Another partition keeps the reader busy with the topic.
    assign(&mut *reader, &topic, 1, StartOffset::At(0));
    let partition = assign(&mut *reader, &topic, 0, StartOffset::At(0));
    let alone = std::slice::from_ref(&partition);
    assert_eq!(read(&mut *reader, 10).len(), 10);
    reader.pause(alone).unwrap();
    read_nothing(&mut *reader);
    reader.unassign(alone).unwrap();
    read_nothing(&mut *reader);
    assign(&mut *reader, &topic, 0, StartOffset::At(4));
    assert_eq!(texts(&read(&mut *reader, 6)), ["4", "5", "6", "7", "8", "9"]);
}

fn an_offset_that_is_gone_is_named_and_reading_goes_on_after_a_seek(bench: &Bench) {
    let topic = bench.topic(2, &[]);
    fill(bench, &topic, 0, 10);
    fill(bench, &topic, 1, 10);
    let gone = Partition::new(topic.as_str(), 1);
    bench.broker.admin().unwrap().delete_records(&[(gone.clone(), 5)]).unwrap();
    let mut reader = bench.reader(Isolation::ReadCommitted, None);
    assign(&mut *reader, &topic, 0, StartOffset::At(10));
    assign(&mut *reader, &topic, 1, StartOffset::At(2));
    let error = eventually("the error", || reader.poll(10, Duration::from_millis(20), &mut Vec::new()).err());
    assert_eq!(error, BrokerError::OffsetOutOfRange { partition: gone.clone(), offset: 2 });
    reader.seek(&gone, 5).unwrap();
    assert_eq!(texts(&read(&mut *reader, 5)), ["5", "6", "7", "8", "9"]);
    reader.seek(&gone, 11).unwrap();
    let error = eventually("the error", || reader.poll(10, Duration::from_millis(20), &mut Vec::new()).err());
    assert_eq!(error, BrokerError::OffsetOutOfRange { partition: gone, offset: 11 });
}

fn an_explicit_start_is_the_position_before_anything_is_read(bench: &Bench) {
    let topic = bench.topic(1, &[]);
    fill(bench, &topic, 0, 3);
    let mut reader = bench.reader(Isolation::ReadCommitted, None);
    let partition = assign(&mut *reader, &topic, 0, StartOffset::At(3));
    assert_eq!(reader.position(&partition).unwrap(), Some(3));
    read_nothing(&mut *reader);
    assert_eq!(reader.position(&partition).unwrap(), Some(3));
}

fn records_of_a_topic_that_is_only_compacted_cannot_be_deleted(bench: &Bench) {
    for (policy, deletable) in [("compact", false), ("compact,delete", true)] {
        let topic = bench.topic(1, &[("cleanup.policy", policy), ("retention.ms", "-1")]);
        fill(bench, &topic, 0, 10);
        let partition = Partition::new(topic.as_str(), 0);
        let answer = bench.broker.admin().unwrap().delete_records(&[(partition.clone(), 4)]);
        let low = bench.reader(Isolation::ReadCommitted, None).watermarks(&partition).unwrap().low;
        match deletable {
            true => assert_eq!((answer, low), (Ok(()), 4)),
            false => assert!(matches!(answer, Err(BrokerError::Fatal(_))) && low == 0, "{answer:?}, {low}"),
        }
    }
}

fn deleted_records_raise_the_first_offset(bench: &Bench) {
    let topic = bench.topic(1, &[]);
    fill(bench, &topic, 0, 10);
    let partition = Partition::new(topic.as_str(), 0);
    bench.broker.admin().unwrap().delete_records(&[(partition.clone(), 4)]).unwrap();
    let mut reader = bench.reader(Isolation::ReadCommitted, None);
    let bounds = eventually("the records to be deleted", || {
        Some(reader.watermarks(&partition).unwrap()).filter(|bounds| bounds.low > 0)
    });
    assert_eq!((bounds.low, bounds.high), (4, 10));
    assign(&mut *reader, &topic, 0, StartOffset::Earliest);
    assert_eq!(read(&mut *reader, 6).first().map(|fetched| fetched.offset), Some(4));
}
