//! What holds over crashes and idle hours beside exactly once: at least once, a start at the end, offsets that are kept
//! alive, topics that do not fit each other.

use std::time::Duration;

use topo::broker::{CommittedOffset, ConsumerConfig, GroupProtocol, Isolation, MembershipConfig};
use topo::state::{i64_be, utf8};
use topo::{AppConfig, Builder, Codecs, Guarantee, KeyValue, Part, Partition, Process, Topic, Topology};

use crate::world::World;

const KEYS: [&str; 4] = ["a", "b", "c", "d"];
const TIMES: usize = 6;

/// `in` -> count by key -> `out`, as text.
fn count(world: &World, latest: bool) -> Topology {
    let app = Builder::new(world.application());
    let mut input = Topic::<String, String>::new(world.name("in"), utf8(), utf8());
    if latest {
        input = input.from_latest();
    }
    app.stream("read", &input)
        .group_by_key("by-key", Codecs::new(utf8(), utf8()))
        .count("count", KeyValue::new("counts", utf8(), i64_be()))
        .to_stream("changes")
        .map_values("text", |_, count: Option<i64>| count.unwrap_or(0).to_string())
        .to("write", &Topic::<String, String>::new(world.name("out"), utf8(), utf8()));
    app.build().unwrap()
}

fn write_each_key(world: &World, times: usize) {
    let each = KEYS.map(|key| (key, Some("v")));
    (0..times).for_each(|_| world.write("in", &each));
}

fn last(world: &World, key: &str) -> usize {
    world.read("out").get(key).and_then(|counts| counts.last()?.parse().ok()).unwrap_or(0)
}

fn at_least_once(world: &World) -> AppConfig {
    AppConfig { processing: Guarantee::AtLeastOnce, ..world.config("p") }
}

/// Nothing is lost: every count was said, in order of its first time, and the last one is at least the truth. What one
/// crash repeats is bounded by what was read since the last commit.
#[track_caller]
fn nothing_is_lost(world: &World, times: usize, crashes: usize) {
    for (key, counts) in world.read("out") {
        let counts: Vec<usize> = counts.iter().map(|count| count.parse().unwrap()).collect();
        let absent: Vec<usize> = (1..=times).filter(|count| !counts.contains(count)).collect();
        assert!(absent.is_empty(), "{key}: {absent:?} are absent from {counts:?}");
        let highest = *counts.iter().max().unwrap();
        assert!(counts.last() == Some(&highest) && highest <= times * (crashes + 1), "{key}: {counts:?}");
    }
}

#[test]
fn at_least_once_loses_nothing_when_it_crashes_after_any_step_of_a_worker() {
    let (mut steps, mut repeated) = (0, 0);
    loop {
        let mut world = World::memory(2);
        world.create(&["in", "out"]);
        write_each_key(&world, TIMES);
        let mut process = world.start(count(&world, false), at_least_once(&world));
        while world.log.count("to: Some(Running)") < 2 {
            world.round(&mut process).unwrap();
        }
        for _ in 0..steps {
            world.step(&mut process, Part::Worker(0)).unwrap();
            world.now += 5;
        }
        let finished = KEYS.iter().all(|key| last(&world, key) >= TIMES);
        drop(process);
        let mut process = world.start(count(&world, false), at_least_once(&world));
        world.until(&mut process, "everything is counted", |world| {
            KEYS.iter().all(|key| last(world, key) >= TIMES)
        });
        world.pass(&mut process, 200);
        nothing_is_lost(&world, TIMES, 1);
        repeated += usize::from(world.read("out").values().any(|counts| counts.len() > TIMES));
        if finished {
            break;
        }
        steps += 1;
    }
    assert!(steps > 4, "the commits have more steps than {steps}");
    assert!(repeated > 0, "no crash hit the time between the outputs and the offsets");
}

#[test]
fn at_least_once_loses_nothing_over_crashes_on_a_real_kafka() {
    let mut world = World::kafka("at-least-once", 2);
    world.create(&["in", "out"]);
    let crashes = 3;
    for crash in 0..crashes {
        write_each_key(&world, TIMES);
        let mut process = world.start(count(&world, false), at_least_once(&world));
        world.until(&mut process, "a part to be counted", |world| last(world, "a") > crash * TIMES);
        write_each_key(&world, TIMES);
        for _ in 0..10 * crash {
            world.round(&mut process).unwrap();
        }
    }
    let times = 2 * crashes * TIMES;
    let mut process = world.start(count(&world, false), at_least_once(&world));
    world.until(&mut process, "the rest", |world| KEYS.iter().all(|key| last(world, key) >= times));
    world.pass(&mut process, 500);
    nothing_is_lost(&world, times, crashes);
}

#[test]
fn a_source_that_begins_at_the_end_skips_what_is_old_and_loses_nothing_of_what_comes_after() {
    for mut world in World::both("latest", 2) {
        world.create(&["in", "out"]);
        write_each_key(&world, TIMES);
        let mut process = world.start(count(&world, true), world.config("p"));
        // Ready is not enough: where it began must be committed, or a crash would move the beginning.
        world.until(&mut process, "the tasks and a commit", |world| {
            world.log.count("to: Some(Running)") >= 2 && world.log.count("Committed") >= 1
        });
        drop(process);
        write_each_key(&world, 2);
        let mut process = world.start(count(&world, true), world.config("p"));
        world.until(&mut process, "what came after", |world| KEYS.iter().all(|key| last(world, key) >= 2));
        world.pass(&mut process, 300);
        let expected = KEYS.map(|key| (key.to_owned(), vec!["1".to_owned(), "2".to_owned()]));
        assert_eq!(world.read("out"), expected.into_iter().collect());
    }
}

/// What the group has committed for a partition of `in`.
fn committed(world: &World, number: i32) -> Option<CommittedOffset> {
    let partition = Partition::new(world.name("in"), number);
    reader(world).committed(&[partition]).unwrap().remove(0)
}

fn reader(world: &World) -> Box<dyn topo::broker::Consumer> {
    let config = ConsumerConfig {
        client_id: "test".into(),
        group: Some(world.application().to_owned()),
        isolation: Isolation::ReadCommitted,
        buffer_bytes: 1 << 20,
    };
    world.broker.consumer(&config).unwrap()
}

#[test]
fn offsets_of_partitions_without_traffic_are_committed_again_every_hour() {
    let mut world = World::memory(1);
    world.create(&["in", "out"]);
    world.create_with(&["elsewhere"], 1);
    write_each_key(&world, 1);
    let mut process = world.start(count(&world, false), world.config("p"));
    world.until(&mut process, "the counts", |world| world.read("out").len() == KEYS.len());
    world.pass(&mut process, 1_000);
    let ours = committed(&world, 0).unwrap();
    assert_eq!(ours.offset, 4);
    // Someone else's mark shows whether the offset is written again.
    let member = world.broker.membership(&other_member(&world)).unwrap();
    world.until(&mut process, "the other member", |_| {
        member.poll().unwrap();
        member.token().is_some()
    });
    let marked = CommittedOffset { offset: ours.offset, metadata: "marked".into() };
    let partition = Partition::new(world.name("in"), 0);
    reader(&world).commit(&[(partition, marked.clone())], member.token().as_ref()).unwrap();
    world.tick_ms = 500;
    let keep_alive = |world: &mut World, process: &mut Process, ms: i64| {
        let until = world.now + ms;
        while world.now < until {
            member.poll().unwrap();
            world.round(process).unwrap();
        }
    };
    keep_alive(&mut world, &mut process, 3_300_000);
    assert_eq!(committed(&world, 0), Some(marked), "nothing moves, so nothing is committed");
    keep_alive(&mut world, &mut process, 600_000);
    assert_eq!(committed(&world, 0), Some(ours));
}

fn other_member(world: &World) -> MembershipConfig {
    MembershipConfig {
        client_id: "other".into(),
        group: world.application().to_owned(),
        instance_id: None,
        topics: vec![world.name("elsewhere")],
        protocol: GroupProtocol::Classic,
        session_timeout: Duration::from_secs(6),
        heartbeat_interval: Duration::from_millis(500),
    }
}

#[test]
fn a_join_of_topics_with_different_partition_counts_ends_with_both_names_and_counts() {
    for mut world in World::both("unequal", 3) {
        world.create(&["in"]);
        world.create_with(&["rows"], 2);
        let app = Builder::new(world.application());
        let text = |name: &str| Topic::<String, String>::new(world.name(name), utf8(), utf8());
        let rows = Topic::<String, Option<String>>::new(world.name("rows"), utf8(), utf8());
        let table = app.table("rows", &rows, KeyValue::new("rows-store", utf8(), utf8()));
        app.stream("read", &text("in"))
            .join_table("joined", &table, |_, _, row| row.clone())
            .to("write", &text("out"));
        let mut process = world.start(app.build().unwrap(), world.config("p"));
        let said = world.failure(&mut process).to_string();
        let words = [world.name("in"), world.name("rows"), "3".into(), "2".into(), "repartition".into()];
        let absent: Vec<&String> = words.iter().filter(|word| !said.contains(word.as_str())).collect();
        assert!(absent.is_empty(), "{absent:?} are not said: {said}");
    }
}
