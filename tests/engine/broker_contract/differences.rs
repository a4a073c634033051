//! Where the broker in memory does not do what a real one does. The engine is ready for both.

use topo::Headers;
use topo::broker::{BrokerError, GroupProtocol, Outgoing};

use super::bench::{Bench, next, retried, settle, write_in_transaction};

/// Commits with a proof from before another member joined, of a member that kept what it commits for.
fn commit_with_an_older_proof(bench: &Bench) -> Result<(), BrokerError> {
    let (leases, input, group) = (bench.topic(2, &[]), bench.topic(1, &[]), bench.name("group"));
    let mut member = bench.member_by(GroupProtocol::Consumer, &group, &leases, None);
    settle(bench, &mut [&mut member], &[2]);
    let old = member.membership.token().unwrap();
    let mut other = bench.member_by(GroupProtocol::Consumer, &group, &leases, None);
    settle(bench, &mut [&mut member, &mut other], &[1, 1]);
    let mut writer = bench.transactional(&bench.name("id"));
    write_in_transaction(&mut *writer, &input, &["x"]);
    retried("the answer", || writer.send_offsets(&[next(&input, 7)], &old))
}

#[test]
fn in_memory_an_older_proof_is_refused_under_the_consumer_protocol_too() {
    let answer = commit_with_an_older_proof(&Bench::memory());
    assert!(matches!(answer, Err(BrokerError::AbortRequired(_))), "{answer:?}");
}

/// Kafka 4.3 keeps an epoch per partition and takes the offsets; older brokers refuse them.
#[test]
fn on_kafka_an_older_proof_may_be_taken_under_the_consumer_protocol() {
    let answer = commit_with_an_older_proof(&Bench::kafka());
    assert!(matches!(answer, Ok(()) | Err(BrokerError::AbortRequired(_))), "{answer:?}");
}

/// A real broker counts every record of a batch against `max.message.bytes` together with what it adds to them; in memory
/// only key and value count, so that the limit is known before a record is sent.
#[test]
fn in_memory_the_size_of_a_record_is_that_of_its_key_and_value() {
    let bench = Bench::memory();
    let topic = bench.topic(1, &[("max.message.bytes", "10")]);
    let mut writer = bench.writer();
    super::bench::send(&mut *writer, &topic, 0, "1234567").unwrap();
    let refused = super::bench::send(&mut *writer, &topic, 0, "12345678");
    assert!(matches!(refused, Err(BrokerError::RecordTooLarge { bytes: 11, .. })), "{refused:?}");
}

/// A real broker refuses what lies more than an hour ahead of its clock unless the topic says otherwise. In memory the clock
/// begins at 0, and only a topic that sets a limit has one.
#[test]
fn in_memory_a_record_of_any_time_is_taken_by_default() {
    let ahead = |bench: &Bench| {
        let topic = bench.topic(1, &[]);
        let mut writer = bench.writer();
        writer.send(Outgoing {
            topic: &topic,
            partition: 0,
            key: Some(b"key"),
            value: Some(b"value"),
            timestamp: 20_000_000_000_000,
            headers: &Headers::new(),
            slot: None,
        })
    };
    assert_eq!(ahead(&Bench::memory()), Ok(()));
    let refused = ahead(&Bench::kafka());
    assert!(matches!(refused, Err(BrokerError::TimestampRefused { .. })), "{refused:?}");
}
