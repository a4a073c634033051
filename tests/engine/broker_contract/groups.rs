//! Groups: balanced, sticky, and never two holders of one partition.

use std::time::{Duration, Instant};

use topo::broker::{BrokerError, GroupProtocol, MembershipEvent};

use super::bench::{Bench, Member, eventually, retried, settle};

super::cases!(
    members_come_and_go_and_only_what_must_move_moves,
    the_consumer_protocol_places_and_moves_as_sparingly,
    a_revoked_partition_stays_until_it_is_released,
    a_static_member_gets_its_place_back_unseen,
    a_member_that_keeps_its_place_is_waited_for,
    a_silent_member_is_expelled_and_told_so,
    a_group_with_members_cannot_be_deleted,
);

fn members_come_and_go_and_only_what_must_move_moves(bench: &Bench) {
    come_and_go(bench, GroupProtocol::Classic);
}

fn the_consumer_protocol_places_and_moves_as_sparingly(bench: &Bench) {
    come_and_go(bench, GroupProtocol::Consumer);
}

fn come_and_go(bench: &Bench, protocol: GroupProtocol) {
    let (leases, group) = (bench.topic(6, &[]), bench.name("group"));
    let mut first = bench.member_by(protocol, &group, &leases, None);
    settle(bench, &mut [&mut first], &[6]);
    let mut second = bench.member_by(protocol, &group, &leases, None);
    settle(bench, &mut [&mut first, &mut second], &[3, 3]);
    let before = (first.held.clone(), second.held.clone());
    let mut third = bench.member_by(protocol, &group, &leases, None);
    settle(bench, &mut [&mut first, &mut second, &mut third], &[2, 2, 2]);
    assert!(first.held.iter().all(|it| before.0.contains(it)), "{:?} of {:?}", first.held, before.0);
    assert!(second.held.iter().all(|it| before.1.contains(it)), "{:?} of {:?}", second.held, before.1);
    let before = (second.held.clone(), third.held.clone());
    retried("leave", || first.membership.leave(false)).unwrap();
    settle(bench, &mut [&mut second, &mut third], &[3, 3]);
    assert!(before.0.iter().all(|it| second.held.contains(it)), "{:?} of {:?}", second.held, before.0);
    assert!(before.1.iter().all(|it| third.held.contains(it)), "{:?} of {:?}", third.held, before.1);
}

fn a_revoked_partition_stays_until_it_is_released(bench: &Bench) {
    let (leases, group) = (bench.topic(2, &[]), bench.name("group"));
    let mut first = bench.member(&group, &leases, None);
    settle(bench, &mut [&mut first], &[2]);
    let mut second = bench.member(&group, &leases, None);
    let revoked = eventually("a revocation", || {
        second.step(true);
        first.step(false).into_iter().find_map(|event| match event {
            MembershipEvent::Revoked(partitions) => Some(partitions),
            _ => None,
        })
    });
    assert_eq!(revoked.len(), 1);
    let until = Instant::now() + Duration::from_millis(1000);
    while Instant::now() < until {
        assert!(first.step(false).is_empty());
        second.step(true);
        assert!(second.held.is_empty(), "it was given away before it was released");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(first.membership.token().is_some(), "it is a member all the while");
    first.release(&revoked);
    settle(bench, &mut [&mut first, &mut second], &[1, 1]);
    assert_eq!(second.held, [revoked[0].number]);
}

fn a_static_member_gets_its_place_back_unseen(bench: &Bench) {
    let (leases, group) = (bench.topic(4, &[]), bench.name("group"));
    let mut first = bench.member(&group, &leases, Some("one"));
    let mut second = bench.member(&group, &leases, Some("two"));
    settle(bench, &mut [&mut first, &mut second], &[2, 2]);
    let (before, log) = (sorted(&first), second.log.len());
    // It crashes: no goodbye.
    drop(first);
    let mut again = bench.member(&group, &leases, Some("one"));
    settle(bench, &mut [&mut again, &mut second], &[2, 2]);
    assert_eq!(sorted(&again), before);
    assert_eq!(second.log.len(), log, "the other member noticed: {:?}", second.log);
}

fn a_member_that_keeps_its_place_is_waited_for(bench: &Bench) {
    let (leases, group) = (bench.topic(4, &[]), bench.name("group"));
    let mut first = bench.member(&group, &leases, Some("one"));
    let mut second = bench.member(&group, &leases, Some("two"));
    settle(bench, &mut [&mut first, &mut second], &[2, 2]);
    let before = sorted(&first);
    retried("leave", || first.membership.leave(true)).unwrap();
    drop(first);
    let mut again = bench.member(&group, &leases, Some("one"));
    settle(bench, &mut [&mut again, &mut second], &[2, 2]);
    assert_eq!(sorted(&again), before);
    // Without keeping its place even a static member is gone at once.
    let start = Instant::now();
    retried("leave", || again.membership.leave(false)).unwrap();
    drop(again);
    settle(bench, &mut [&mut second], &[4]);
    assert!(start.elapsed() < Duration::from_millis(2500), "that was the session timeout");
}

fn a_silent_member_is_expelled_and_told_so(bench: &Bench) {
    let (leases, group) = (bench.topic(2, &[]), bench.name("group"));
    let mut crashed = bench.member(&group, &leases, Some("one"));
    let mut heir = bench.member(&group, &leases, Some("two"));
    settle(bench, &mut [&mut crashed, &mut heir], &[1, 1]);
    // Another process takes its name: what it held is lost, and it is told so.
    let mut thief = bench.member(&group, &leases, Some("one"));
    settle(bench, &mut [&mut thief, &mut heir], &[1, 1]);
    let error = eventually("the zombie to be told", || match crashed.membership.poll() {
        Err(BrokerError::Retriable(_)) | Ok(_) => None,
        Err(error) => Some(error),
    });
    assert!(matches!(error, BrokerError::Fenced(_)), "{error:?}");
    // Then it crashes for good; after the session timeout the heir has all.
    retried("leave", || thief.membership.leave(true)).unwrap();
    drop((crashed, thief));
    for _ in 0..8 {
        heir.step(true);
        bench.pass(Duration::from_millis(500));
    }
    settle(bench, &mut [&mut heir], &[2]);
}

fn a_group_with_members_cannot_be_deleted(bench: &Bench) {
    let (leases, group) = (bench.topic(1, &[]), bench.name("group"));
    let mut admin = bench.broker.admin().unwrap();
    assert!(retried("members", || admin.members(&group)).unwrap().is_empty());
    let mut member = bench.member(&group, &leases, None);
    settle(bench, &mut [&mut member], &[1]);
    assert_eq!(admin.members(&group).unwrap().len(), 1);
    assert!(admin.delete_group(&group).is_err());
    retried("leave", || member.membership.leave(false)).unwrap();
    drop(member);
    eventually("the group to be empty", || admin.delete_group(&group).ok());
    assert!(retried("members", || admin.members(&group)).unwrap().is_empty());
}

fn sorted(member: &Member) -> Vec<i32> {
    let mut held = member.held.clone();
    held.sort_unstable();
    held
}
