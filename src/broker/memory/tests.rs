//! What only the broker in memory can be asked exactly: its clock is handed in, and it answers at once.
//! What both brokers must do is in `tests/engine/broker_contract`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::MemoryBroker;
use crate::broker::{
    Assignment, Broker, BrokerError, CommittedOffset, Consumer, ConsumerConfig, GroupProtocol, Isolation,
    Membership, MembershipConfig, MembershipEvent, NewTopic, Outgoing, Producer, ProducerConfig, StartOffset,
};
use crate::record::{Headers, Partition};

fn with_topic(partitions: i32, settings: &[(&str, &str)]) -> MemoryBroker {
    let broker = MemoryBroker::new();
    let settings: BTreeMap<String, String> =
        settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let topic = NewTopic { name: "t".to_owned(), partitions, replication: 1, settings };
    broker.admin().unwrap().create(&[topic]).unwrap().remove(0).unwrap();
    broker
}

fn member(broker: &MemoryBroker, instance: Option<&str>) -> Arc<dyn Membership> {
    let config = MembershipConfig {
        client_id: "c".to_owned(),
        group: "g".to_owned(),
        instance_id: instance.map(str::to_owned),
        topics: vec!["t".to_owned()],
        protocol: GroupProtocol::Classic,
        session_timeout: Duration::from_millis(100),
        heartbeat_interval: Duration::from_millis(10),
    };
    broker.membership(&config).unwrap()
}

fn writer(broker: &MemoryBroker, id: Option<&str>) -> Box<dyn Producer> {
    let config = ProducerConfig {
        client_id: "w".to_owned(),
        transactional_id: id.map(str::to_owned),
        transaction_timeout: Duration::from_millis(1000),
        linger: Duration::ZERO,
    };
    let mut writer = broker.producer(&config).unwrap();
    if id.is_some() {
        writer.init_transactions().unwrap();
    }
    writer
}

fn reader(broker: &MemoryBroker, start: StartOffset) -> Box<dyn Consumer> {
    let config = ConsumerConfig {
        client_id: "r".to_owned(),
        group: Some("g".to_owned()),
        isolation: Isolation::ReadCommitted,
        buffer_bytes: 0,
    };
    let mut reader = broker.consumer(&config).unwrap();
    reader.assign(&[Assignment { partition: Partition::new("t", 0), start, slot: 0 }]).unwrap();
    reader
}

fn send(writer: &mut dyn Producer, key: Option<&str>, value: &str) -> Result<(), BrokerError> {
    writer.send(Outgoing {
        topic: "t",
        partition: 0,
        key: key.map(str::as_bytes),
        value: Some(value.as_bytes()),
        timestamp: 0,
        headers: &Headers::new(),
        slot: Some(3),
    })
}

fn poll(reader: &mut dyn Consumer) -> Vec<String> {
    let mut out = Vec::new();
    reader.poll(100, Duration::ZERO, &mut out).unwrap();
    out.into_iter().map(|it| String::from_utf8(it.record.value.unwrap().to_vec()).unwrap()).collect()
}

fn offset(offset: i64) -> [(Partition, CommittedOffset); 1] {
    [(Partition::new("t", 0), CommittedOffset { offset, metadata: String::new() })]
}

#[test]
fn a_transaction_is_aborted_the_moment_it_is_open_for_too_long() {
    let broker = with_topic(1, &[]);
    let mut hanging = writer(&broker, Some("id"));
    hanging.begin().unwrap();
    send(&mut *hanging, Some("k"), "never").unwrap();
    assert_eq!(hanging.delivered(Duration::ZERO).next_offsets, BTreeMap::from([(3, 1)]));
    let mut reader = reader(&broker, StartOffset::Earliest);
    broker.advance(1000);
    poll(&mut *reader);
    assert_eq!(reader.position(&Partition::new("t", 0)).unwrap(), Some(0));
    broker.advance(1001);
    assert!(poll(&mut *reader).is_empty());
    assert_eq!(reader.position(&Partition::new("t", 0)).unwrap(), Some(2));
    assert!(matches!(hanging.commit(), Err(BrokerError::Fenced(_))));
}

#[test]
fn a_crashed_writer_leaves_its_transaction_open_until_its_successor_comes() {
    let broker = with_topic(1, &[]);
    let mut crashed = writer(&broker, Some("id"));
    crashed.begin().unwrap();
    send(&mut *crashed, Some("k"), "lost").unwrap();
    crashed.delivered(Duration::ZERO);
    drop(crashed);
    let mut plain = writer(&broker, None);
    send(&mut *plain, Some("k"), "kept").unwrap();
    plain.delivered(Duration::ZERO);
    let mut reader = reader(&broker, StartOffset::Earliest);
    assert!(poll(&mut *reader).is_empty());
    writer(&broker, Some("id"));
    assert_eq!(poll(&mut *reader), ["kept"]);
}

#[test]
fn what_is_still_queued_when_a_writer_crashes_was_never_written() {
    let broker = with_topic(1, &[]);
    let mut crashed = writer(&broker, None);
    send(&mut *crashed, Some("k"), "queued").unwrap();
    assert_eq!(crashed.in_flight(), 1);
    drop(crashed);
    assert!(poll(&mut *reader(&broker, StartOffset::Earliest)).is_empty());
}

#[test]
fn a_token_goes_stale_when_the_member_gave_something_back() {
    let broker = with_topic(2, &[]);
    let first = member(&broker, None);
    let held = vec![Partition::new("t", 0), Partition::new("t", 1)];
    assert_eq!(first.poll().unwrap(), [MembershipEvent::Assigned(held)]);
    let before = first.token().unwrap();
    let second = member(&broker, None);
    assert!(second.poll().unwrap().is_empty());
    let revoked = first.poll().unwrap();
    let [MembershipEvent::Revoked(gone)] = revoked.as_slice() else { panic!("{revoked:?}") };
    let mut offsets = reader(&broker, StartOffset::Earliest);
    offsets.commit(&offset(1), Some(&before)).unwrap();
    first.release(gone).unwrap();
    assert!(matches!(offsets.commit(&offset(2), Some(&before)), Err(BrokerError::AbortRequired(_))));
    offsets.commit(&offset(2), first.token().as_ref()).unwrap();
    assert_eq!(second.poll().unwrap(), [MembershipEvent::Assigned(gone.clone())]);
}

#[test]
fn a_silent_member_is_expelled_by_the_clock_and_joins_again() {
    let broker = with_topic(1, &[]);
    let (zombie, heir) = (member(&broker, None), member(&broker, None));
    zombie.poll().unwrap();
    let token = zombie.token();
    broker.advance(50);
    heir.poll().unwrap();
    broker.advance(101);
    let lease = vec![Partition::new("t", 0)];
    assert_eq!(heir.poll().unwrap(), [MembershipEvent::Assigned(lease.clone())]);
    let mut offsets = reader(&broker, StartOffset::Earliest);
    assert!(matches!(offsets.commit(&offset(1), token.as_ref()), Err(BrokerError::Fenced(_))));
    assert_eq!(zombie.poll().unwrap(), [MembershipEvent::Lost(lease)]);
    assert!(zombie.token().is_none());
    assert!(zombie.poll().unwrap().is_empty(), "it is a member again, with nothing to hold");
    assert!(zombie.token().is_some());
}

#[test]
fn a_group_follows_topics_that_appear_later() {
    let broker = MemoryBroker::new();
    let early = member(&broker, None);
    assert!(early.poll().unwrap().is_empty());
    let topic = NewTopic { name: "t".to_owned(), partitions: 1, replication: 1, settings: BTreeMap::new() };
    broker.admin().unwrap().create(&[topic]).unwrap().remove(0).unwrap();
    assert_eq!(early.poll().unwrap(), [MembershipEvent::Assigned(vec![Partition::new("t", 0)])]);
}

#[test]
fn a_compacted_topic_wants_keys_and_keeps_the_last_of_each() {
    let broker = with_topic(1, &[("cleanup.policy", "compact")]);
    let mut writer = writer(&broker, None);
    for (key, value) in [("a", "1"), ("b", "1"), ("a", "2")] {
        send(&mut *writer, Some(key), value).unwrap();
    }
    send(&mut *writer, None, "keyless").unwrap();
    assert!(matches!(writer.delivered(Duration::ZERO).failure, Some(BrokerError::AbortRequired(_))));
    broker.compact("t").unwrap();
    assert_eq!(poll(&mut *reader(&broker, StartOffset::Earliest)), ["1", "2"]);
    assert_eq!(broker.compact("missing"), Err(BrokerError::UnknownTopic { topic: "missing".to_owned() }));
}

#[test]
fn the_broker_and_the_topic_both_limit_a_record() {
    let broker = with_topic(1, &[("max.message.bytes", "10")]);
    let too_large = |answer| matches!(answer, Err(BrokerError::RecordTooLarge { .. }));
    let mut first = writer(&broker, None);
    assert!(too_large(send(&mut *first, Some("k"), "0123456789")));
    send(&mut *first, Some("k"), "012345678").unwrap();
    broker.limit_records(5);
    assert!(too_large(send(&mut *writer(&broker, None), Some("k"), "01234")));
}

#[test]
fn a_poll_that_waits_is_woken_by_a_record() {
    let broker = with_topic(1, &[]);
    let mut waiting = reader(&broker, StartOffset::Earliest);
    let thread = std::thread::spawn(move || {
        let mut out = Vec::new();
        while out.is_empty() {
            waiting.poll(10, Duration::from_secs(30), &mut out).unwrap();
        }
        out.len()
    });
    let mut writer = writer(&broker, None);
    send(&mut *writer, Some("k"), "v").unwrap();
    writer.delivered(Duration::ZERO);
    assert_eq!(thread.join().unwrap(), 1);
}

#[test]
fn misuse_is_answered_and_does_not_panic() {
    let broker = with_topic(1, &[]);
    let mut plain = writer(&broker, None);
    assert!(plain.begin().is_err() && plain.commit().is_err() && plain.init_transactions().is_err());
    let mut transactional = writer(&broker, Some("id"));
    assert!(send(&mut *transactional, Some("k"), "outside a transaction").is_err());
    let mut reader = reader(&broker, StartOffset::At(99));
    let mut out = Vec::new();
    let missing = BrokerError::OffsetOutOfRange { partition: Partition::new("t", 0), offset: 99 };
    assert_eq!(reader.poll(1, Duration::ZERO, &mut out), Err(missing));
    assert_eq!(reader.poll(1, Duration::ZERO, &mut out), Ok(()), "it is said once, until the next seek");
    assert!(reader.seek(&Partition::new("t", 7), 0).is_err());
}
