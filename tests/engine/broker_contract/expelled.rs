//! A member that is expelled while its group rebalances, and hears so late: others have had what it held.
//!
//! The client library joins again under a new id and takes itself to hold everything still. A real broker only: in memory
//! nothing stands between a member and its group.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use topo::Partition;
use topo::broker::kafka::KafkaBroker;
use topo::broker::{Broker, BrokerError, GroupProtocol, MembershipEvent, NewTopic};

use super::bench::{Member, eventually, next, producer_config, retried, write_in_transaction};
use crate::support::kafka::{Detour, Kafka};
use crate::support::proxy::{Line, Proxy};
use crate::support::scratch::free_port;

const LEASES: usize = 4;

#[test]
fn a_member_that_was_expelled_while_it_asked_to_join_is_told_so_and_commits_nothing_before() {
    let mut scene = Scene::new();
    // Somebody else comes. Asked to join anew, the first one is not heard until its session is over.
    scene.proxy.set(Line::Joinless);
    let mut heir = member(&scene.here, "two");
    let mut admin = scene.here.admin().unwrap();
    until("the group to decide anew", || {
        heir.step(true);
        assert!(heir.held.is_empty(), "nobody was seen to hold nothing while the group decided");
        admin.holders("group").is_ok_and(|holders| holders.iter().all(|member| member.held.is_empty()))
    });
    until("the heir to have all", || {
        scene.zombie.step(true);
        heir.step(true);
        heir.held.len() == LEASES
    });
    scene.comes_back(&mut heir);
}

#[test]
fn a_member_that_was_expelled_before_it_gave_leases_back_is_told_so_and_commits_nothing_before() {
    let mut scene = Scene::new();
    let mut heir = member(&scene.here, "two");
    until("a revocation", || {
        heir.step(true);
        let events = scene.zombie.step(false);
        events.iter().any(|event| matches!(event, MembershipEvent::Revoked(_)))
    });
    // It is not heard until its session is over, and has not given back what it was asked for.
    scene.proxy.set(Line::Stalled);
    until("the heir to have all", || {
        scene.zombie.step(false);
        heir.step(true);
        heir.held.len() == LEASES
    });
    scene.comes_back(&mut heir);
}

/// A member that has everything and reaches its group by a line of its own.
struct Scene {
    _kafka: Kafka,
    proxy: Proxy,
    here: KafkaBroker,
    there: KafkaBroker,
    zombie: Member,
}

impl Scene {
    fn new() -> Self {
        let listen = free_port();
        let proxy = Proxy::to(listen);
        let kafka = Kafka::start_behind(Detour { listen, advertised: proxy.port() });
        let here = KafkaBroker::new(kafka.bootstrap(), BTreeMap::new());
        let there = KafkaBroker::new(format!("127.0.0.1:{}", proxy.port()), BTreeMap::new());
        for (name, partitions) in [("leases", LEASES as i32), ("input", 1)] {
            let topic =
                NewTopic { name: name.to_owned(), partitions, replication: 1, settings: BTreeMap::new() };
            retried("create", || here.admin()?.create(std::slice::from_ref(&topic))).unwrap();
        }
        let mut zombie = member(&there, "one");
        until("the first to have all", || {
            zombie.step(true);
            zombie.held.len() == LEASES
        });
        Self { _kafka: kafka, proxy, here, there, zombie }
    }

    /// The heir has everything. Then the line is open again.
    fn comes_back(self, heir: &mut Member) {
        let Self { _kafka, proxy, here, there, mut zombie } = self;
        assert_eq!(zombie.held.len(), LEASES, "it knows of nothing: {:?}", zombie.log);
        let (before, from) = (zombie.membership.losses(), zombie.log.len());
        proxy.set(Line::Open);

        // Its library is taken in again. Nobody has asked it what happened, and nobody acts as if it had not happened.
        let mut writer = here.producer(&producer_config(Some("id"), Duration::from_secs(10))).unwrap();
        retried("init", || writer.init_transactions()).unwrap();
        let back = Instant::now() + Duration::from_secs(4);
        while Instant::now() < back {
            heir.step(true);
            let token = zombie.membership.token().filter(|token| token.losses == before);
            let Some(token) = token else { continue };
            write_in_transaction(&mut *writer, "input", &["zombie"]);
            let refused = retried("the answer", || writer.send_offsets(&[next("input", 7)], &token));
            let told = matches!(refused, Err(BrokerError::Fenced(_) | BrokerError::AbortRequired(_)));
            assert!(told, "{refused:?}");
            retried("abort", || writer.abort()).unwrap();
        }

        // It is told so first of all, and goes. The library has asked for its old leases meanwhile, with or without success.
        until("the zombie to be told", || zombie.step(true).contains(&MembershipEvent::Ended));
        let heard = &zombie.log[from..];
        assert!(heard[0].starts_with("Lost") && heard[0].matches("number").count() == LEASES, "{heard:?}");
        assert_eq!(heard[1..], ["Ended"]);
        assert!(zombie.membership.losses() > before && zombie.membership.token().is_none());
        let _ = zombie.membership.leave(false);
        let mut back = member(&there, "one");

        // What the heir is asked for stays its own until it gives it back.
        let mut asked: Vec<Partition> = Vec::new();
        let mut step = |back: &mut Member, heir: &mut Member| {
            back.step(true);
            for event in heir.step(false) {
                if let MembershipEvent::Revoked(partitions) = event {
                    asked.extend(partitions);
                }
            }
            assert!(!back.held.iter().any(|it| heir.held.contains(it)), "{:?}, {:?}", back.held, heir.held);
            asked.clone()
        };
        until("the heir to be asked", || !step(&mut back, heir).is_empty());
        let long_enough = Instant::now() + Duration::from_secs(1);
        while Instant::now() < long_enough {
            step(&mut back, heir);
        }
        let asked = step(&mut back, heir);
        heir.release(&asked);
        until("both to have half", || {
            back.step(true);
            heir.step(true);
            back.held.len() == LEASES / 2 && heir.held.len() == LEASES / 2
        });
        let token = eventually("authority", || back.membership.token());
        write_in_transaction(&mut *writer, "input", &["back"]);
        retried("offsets", || writer.send_offsets(&[next("input", 7)], &token)).unwrap();
        retried("commit", || writer.commit()).unwrap();
    }
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    eventually(what, || done().then_some(()));
}

fn member(broker: &KafkaBroker, instance: &str) -> Member {
    Member::join(broker, GroupProtocol::Classic, instance, "group", "leases", Some(instance))
}
