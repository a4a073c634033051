//! Offsets of a group: inside transactions, outside of them, and under whose authority.

use std::time::Duration;

use topo::broker::{BrokerError, CommittedOffset, GroupProtocol, Isolation};

use super::bench::{Bench, next, retried, settle, write_in_transaction};

super::cases!(
    offsets_inside_a_transaction_appear_with_its_commit_and_not_before,
    offsets_of_an_aborted_transaction_are_forgotten,
    a_commit_with_proof_of_an_older_epoch_is_refused_and_a_fresh_one_taken,
    a_commit_of_an_expelled_member_is_refused,
    a_token_from_before_a_loss_is_refused_outside_transactions_too,
    offsets_outside_a_transaction_are_committed_by_a_member,
    the_consumer_protocol_gives_authority_too,
);

fn offsets_inside_a_transaction_appear_with_its_commit_and_not_before(bench: &Bench) {
    let (leases, input, group) = (bench.topic(1, &[]), bench.topic(1, &[]), bench.name("group"));
    let mut member = bench.member(&group, &leases, None);
    settle(bench, &mut [&mut member], &[1]);
    let mut writer = bench.transactional(&bench.name("id"));
    let mut committed = bench.reader(Isolation::ReadCommitted, Some(&group));
    let mut uncommitted = bench.reader(Isolation::ReadUncommitted, Some(&group));
    let (partition, offset) = next(&input, 7);
    let partitions = [partition.clone()];
    assert_eq!(retried("offsets", || committed.committed(&partitions)).unwrap(), [None]);

    write_in_transaction(&mut *writer, &input, &["x"]);
    // The input topic is not the member's: leases rely on the member's authority over the whole group.
    let token = member.membership.token().unwrap();
    retried("offsets", || writer.send_offsets(&[(partition.clone(), offset.clone())], &token)).unwrap();
    let pending = committed.committed(&partitions);
    assert!(matches!(pending, Err(BrokerError::Retriable(_))), "{pending:?}");
    assert_eq!(retried("offsets", || uncommitted.committed(&partitions)).unwrap(), [None]);

    retried("commit", || writer.commit()).unwrap();
    assert_eq!(retried("offsets", || committed.committed(&partitions)).unwrap(), [Some(offset)]);
}

fn offsets_of_an_aborted_transaction_are_forgotten(bench: &Bench) {
    let (leases, input, group) = (bench.topic(1, &[]), bench.topic(1, &[]), bench.name("group"));
    let mut member = bench.member(&group, &leases, None);
    settle(bench, &mut [&mut member], &[1]);
    let mut writer = bench.transactional(&bench.name("id"));
    write_in_transaction(&mut *writer, &input, &["x"]);
    let token = member.membership.token().unwrap();
    retried("offsets", || writer.send_offsets(&[next(&input, 7)], &token)).unwrap();
    retried("abort", || writer.abort()).unwrap();
    let mut committed = bench.reader(Isolation::ReadCommitted, Some(&group));
    assert_eq!(retried("offsets", || committed.committed(&[next(&input, 7).0])).unwrap(), [None]);
}

fn a_commit_with_proof_of_an_older_epoch_is_refused_and_a_fresh_one_taken(bench: &Bench) {
    let (leases, input, group) = (bench.topic(2, &[]), bench.topic(1, &[]), bench.name("group"));
    let mut member = bench.member(&group, &leases, None);
    settle(bench, &mut [&mut member], &[2]);
    let old = member.membership.token().unwrap();
    let mut other = bench.member(&group, &leases, None);
    settle(bench, &mut [&mut member, &mut other], &[1, 1]);
    let mut writer = bench.transactional(&bench.name("id"));
    write_in_transaction(&mut *writer, &input, &["x"]);
    let refused = retried("the refusal", || writer.send_offsets(&[next(&input, 7)], &old));
    assert!(matches!(refused, Err(BrokerError::AbortRequired(_))), "{refused:?}");
    retried("abort", || writer.abort()).unwrap();
    write_in_transaction(&mut *writer, &input, &["x"]);
    let fresh = member.membership.token().unwrap();
    retried("offsets", || writer.send_offsets(&[next(&input, 7)], &fresh)).unwrap();
    retried("commit", || writer.commit()).unwrap();
}

fn a_commit_of_an_expelled_member_is_refused(bench: &Bench) {
    let (leases, input, group) = (bench.topic(2, &[]), bench.topic(1, &[]), bench.name("group"));
    let mut zombie = bench.member(&group, &leases, None);
    settle(bench, &mut [&mut zombie], &[2]);
    let mut writer = bench.transactional(&bench.name("id"));
    write_in_transaction(&mut *writer, &input, &["zombie"]);
    let token = zombie.membership.token().unwrap();
    // It leaves behind its own back: to the broker it is as gone as one whose session is over.
    retried("leave", || zombie.membership.leave(false)).unwrap();
    let mut heir = bench.member(&group, &leases, None);
    settle(bench, &mut [&mut heir], &[2]);
    let refused = retried("the refusal", || writer.send_offsets(&[next(&input, 7)], &token));
    assert!(matches!(refused, Err(BrokerError::Fenced(_))), "{refused:?}");
    retried("abort", || writer.abort()).unwrap();
    let mut reader = bench.reader(Isolation::ReadCommitted, Some(&group));
    assert_eq!(retried("offsets", || reader.committed(&[next(&input, 7).0])).unwrap(), [None]);
}

fn a_token_from_before_a_loss_is_refused_outside_transactions_too(bench: &Bench) {
    let (leases, input, group) = (bench.topic(1, &[]), bench.topic(1, &[]), bench.name("group"));
    let mut member = bench.member(&group, &leases, None);
    settle(bench, &mut [&mut member], &[1]);
    let token = member.membership.token().unwrap();
    retried("leave", || member.membership.leave(false)).unwrap();
    let mut heir = bench.member(&group, &leases, None);
    settle(bench, &mut [&mut heir], &[1]);
    let mut reader = bench.reader(Isolation::ReadCommitted, Some(&group));
    let refused = retried("the refusal", || reader.commit(&[next(&input, 7)], Some(&token)));
    assert!(matches!(refused, Err(BrokerError::Fenced(_))), "{refused:?}");
}

fn offsets_outside_a_transaction_are_committed_by_a_member(bench: &Bench) {
    let (leases, input, group) = (bench.topic(1, &[]), bench.topic(1, &[]), bench.name("group"));
    let mut member = bench.member(&group, &leases, None);
    settle(bench, &mut [&mut member], &[1]);
    let mut reader = bench.reader(Isolation::ReadCommitted, Some(&group));
    let token = member.membership.token().unwrap();
    retried("commit", || reader.commit(&[next(&input, 3)], Some(&token))).unwrap();
    let committed = retried("offsets", || reader.committed(&[next(&input, 3).0])).unwrap();
    assert_eq!(committed, [Some(CommittedOffset { offset: 3, metadata: "note".to_owned() })]);
    // Somebody without authority is refused as long as the group has members.
    let refused = retried("the refusal", || reader.commit(&[next(&input, 9)], None));
    assert!(refused.is_err());
}

fn the_consumer_protocol_gives_authority_too(bench: &Bench) {
    let (leases, input, group) = (bench.topic(1, &[]), bench.topic(1, &[]), bench.name("group"));
    let mut member = bench.member_by(GroupProtocol::Consumer, &group, &leases, None);
    settle(bench, &mut [&mut member], &[1]);
    let mut writer = bench.transactional_for(&bench.name("id"), Duration::from_secs(10));
    write_in_transaction(&mut *writer, &input, &["x"]);
    let token = member.membership.token().unwrap();
    retried("offsets", || writer.send_offsets(&[next(&input, 7)], &token)).unwrap();
    retried("commit", || writer.commit()).unwrap();
    let mut reader = bench.reader(Isolation::ReadCommitted, Some(&group));
    let committed = retried("offsets", || reader.committed(&[next(&input, 7).0])).unwrap();
    assert_eq!(committed.first().and_then(|it| it.as_ref()).map(|it| it.offset), Some(7));
    let refused = bench.broker.admin().unwrap().delete_group(&group);
    assert!(refused.is_err(), "a group with a member was deleted");
}
