//! Where the broker in memory does not do what a real one does. The engine is ready for both.

use topo::broker::{BrokerError, GroupProtocol};

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
