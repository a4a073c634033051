//! Sources: where they begin, and where the time of records comes from.

use std::time::Duration;

use topo::broker::{CommittedOffset, ConsumerConfig, Isolation};
use topo::state::{i64_be, utf8};
use topo::testkit::Driver;
use topo::{
    Builder, Error, Headers, InvalidTimestamp, Partition, RawRecord, TimestampExtractor, Topic, Topology,
};

use crate::world::World;

type Numbers = Topic<String, i64>;

fn numbers(name: &str) -> Numbers {
    Topic::new(name, utf8(), i64_be())
}

/// Two inputs; the time of the first is its value, that of the second its timestamp.
fn merged(invalid: InvalidTimestamp) -> (Topology, Numbers, Numbers, Numbers) {
    let own = numbers("own").timestamps(TimestampExtractor::from(|it| it.value).on_invalid(invalid));
    let (other, out) = (numbers("other"), numbers("out"));
    let app = Builder::new("merged");
    app.stream("own", &own).merge("both", &app.stream("other", &other)).to("write", &out);
    (app.build().unwrap(), own, other, out)
}

/// Key and time of what came out and was not read before.
fn times(driver: &mut Driver, out: &Numbers) -> Vec<(String, i64)> {
    driver.read(out).unwrap().into_iter().map(|it| (it.key, it.timestamp)).collect()
}

fn named(times: &[(&str, i64)]) -> Vec<(String, i64)> {
    times.iter().map(|(key, time)| ((*key).to_owned(), *time)).collect()
}

#[test]
fn records_are_taken_in_the_order_of_the_times_that_were_extracted() {
    let (topology, own, other, out) = merged(InvalidTimestamp::Skip);
    let mut driver = Driver::builder(topology).commit_by_hand().build().unwrap();
    // What waits after an abort is taken by time.
    for (topic, key, value, timestamp) in [
        (&own, "b", 20, 1),
        (&own, "x", -1, 2),
        (&own, "d", 40, 3),
        (&other, "a", 0, 10),
        (&other, "c", 0, 30),
    ] {
        driver.pipe(topic, key.to_owned(), value, timestamp).unwrap();
    }
    driver.abort().unwrap();
    driver.run().unwrap();
    driver.commit().unwrap();
    assert_eq!(times(&mut driver, &out), named(&[("a", 10), ("b", 20), ("c", 30), ("d", 40)]));
    assert_eq!(driver.stream_time(), Some(40));
    assert_eq!(driver.dropped(), 2, "once before the abort and once after it");
}

#[test]
fn the_time_of_a_partition_stands_in_for_an_invalid_one_also_after_a_restart() {
    let (topology, own, other, out) = merged(InvalidTimestamp::PartitionTime);
    let directory = tempfile::tempdir().unwrap();
    let mut driver = Driver::builder(topology).rocks(directory.path()).build().unwrap();
    driver.pipe(&own, "a".into(), -1, 0).unwrap();
    assert_eq!(driver.dead_letters().len(), 1, "there is no time yet");
    driver.pipe(&own, "b".into(), 50, 0).unwrap();
    driver.pipe(&other, "c".into(), 0, 70).unwrap();
    driver.pipe(&own, "d".into(), -1, 0).unwrap();
    driver.crash();
    driver.reopen().unwrap();
    driver.pipe(&own, "e".into(), -1, 0).unwrap();
    driver.restore().unwrap();
    driver.pipe(&own, "f".into(), -1, 0).unwrap();
    let expected = [("b", 50), ("c", 70), ("d", 50), ("e", 50), ("f", 50)];
    assert_eq!(times(&mut driver, &out), named(&expected));
}

#[test]
fn a_dead_letter_keeps_the_timestamp_that_the_record_had() {
    let (topology, own, ..) = merged(InvalidTimestamp::Fail);
    let mut driver = Driver::new(topology).unwrap();
    driver.pipe(&own, "a".into(), -5, 77).unwrap();
    let unreadable = RawRecord { key: Some("b".into()), timestamp: 78, ..RawRecord::default() };
    driver.pipe_raw("own", unreadable).unwrap();
    let letters = driver.dead_letters();
    let seen: Vec<_> =
        letters.iter().map(|it| (it.timestamp, it.headers.last("dlq.error.type").unwrap())).collect();
    assert_eq!(seen, [(77, &b"INVALID_TIMESTAMP"[..]), (78, b"NULL_VALUE")]);
    assert_eq!(driver.stream_time(), None, "nobody saw them, so they moved no time");
}

#[test]
fn a_negative_timestamp_is_poison_unless_an_extractor_says_otherwise() {
    let wall = numbers("wall").timestamps(TimestampExtractor::wall_clock());
    let app = Builder::new("wall");
    app.stream("plain", &numbers("plain")).to("from-plain", &numbers("a"));
    app.stream("wall", &wall).to("from-wall", &numbers("b"));
    let mut driver = Driver::builder(app.build().unwrap()).wall_clock(9).build().unwrap();
    for topic in ["plain", "wall"] {
        driver.pipe(&numbers(topic), "k".into(), 1, -1).unwrap();
    }
    assert_eq!(times(&mut driver, &numbers("a")), []);
    assert_eq!(times(&mut driver, &numbers("b")), named(&[("k", 9)]));
    assert_eq!(driver.dead_letters().len(), 1);
}

#[test]
fn a_table_that_is_restored_from_its_topic_cannot_have_other_times_than_its_records() {
    let topic = numbers("rows").timestamps(TimestampExtractor::from(|it| it.value));
    let app = Builder::new("wrong");
    let store = topo::KeyValue::new("rows-store", utf8(), i64_be());
    let _ = app.table("rows", &topic, store.clone().restored_from_source());
    let _ = app.global_table("global", &numbers("g").timestamps(TimestampExtractor::wall_clock()), {
        topo::KeyValue::new("g-store", utf8(), i64_be())
    });
    let said = app.build().map(drop).unwrap_err().to_string();
    assert!(said.contains("extracted") && said.contains("no extractor is asked"), "{said}");
}

fn copied(world: &World, from: impl FnOnce(Topic<String, String>) -> Topic<String, String>) -> Topology {
    let text = |name: &str| Topic::<String, String>::new(world.name(name), utf8(), utf8());
    let app = Builder::new(world.application());
    app.stream("read", &from(text("in"))).to("write", &text("out"));
    app.build().unwrap()
}

/// A record that lies in `in` since `age` ago.
fn write_aged(world: &mut World, key: &str, age: Duration) {
    let now = world.now;
    world.now -= i64::try_from(age.as_millis()).unwrap();
    world.write("in", &[(key, Some("v"))]);
    world.now = now;
}

fn begins_by_duration(mut world: World) {
    world.create(&["in", "out"]);
    for (key, minutes) in [("a", 12), ("b", 9), ("c", 3)] {
        write_aged(&mut world, key, Duration::from_secs(60 * minutes));
    }
    let ten_minutes = |it: Topic<String, String>| it.from_duration(Duration::from_secs(600));
    let mut process = world.start(copied(&world, ten_minutes), world.config("p"));
    world.until(&mut process, "the newer records", |world| world.read("out").len() == 2);
    world.pass(&mut process, 300);
    assert_eq!(world.read("out").into_keys().collect::<Vec<_>>(), ["b", "c"]);
}

#[test]
fn a_source_begins_at_the_records_that_are_young_enough() {
    for world in World::both("by-duration", 1) {
        begins_by_duration(world);
    }
}

#[test]
fn with_nothing_young_enough_a_source_begins_behind_the_newest_record() {
    let mut world = World::memory(1);
    world.create(&["in", "out"]);
    write_aged(&mut world, "old", Duration::from_secs(700));
    let ten_minutes = |it: Topic<String, String>| it.from_duration(Duration::from_secs(600));
    let mut process = world.start(copied(&world, ten_minutes), world.config("p"));
    while world.log.count("to: Some(Running)") < 1 {
        world.round(&mut process).unwrap();
    }
    world.write("in", &[("new", Some("v"))]);
    world.until(&mut process, "the new record", |world| world.read("out").contains_key("new"));
    assert_eq!(world.read("out").len(), 1);
}

fn from_committed(world: &World) -> Topology {
    copied(world, Topic::from_committed)
}

#[test]
fn a_source_that_begins_only_where_its_group_has_committed_ends_the_application_without_an_offset() {
    let mut world = World::memory(1);
    world.create(&["in", "out"]);
    world.write("in", &[("a", Some("v"))]);
    let mut process = world.start(from_committed(&world), world.config("p"));
    let said = world.failure(&mut process);
    assert!(matches!(&said, Error::NothingCommitted { partition } if partition.number == 0), "{said}");
}

#[test]
fn a_source_that_begins_only_where_its_group_has_committed_begins_there() {
    let mut world = World::memory(1);
    world.create(&["in", "out"]);
    world.write("in", &[("a", Some("v")), ("b", Some("v"))]);
    let config = ConsumerConfig {
        client_id: "test".into(),
        group: Some(world.application().to_owned()),
        isolation: Isolation::ReadCommitted,
        buffer_bytes: 1 << 20,
    };
    let offset = CommittedOffset { offset: 1, metadata: String::new() };
    let input = Partition::new(world.name("in"), 0);
    world.broker.consumer(&config).unwrap().commit(&[(input, offset)], None).unwrap();
    let mut process = world.start(from_committed(&world), world.config("p"));
    world.until(&mut process, "the second record", |world| world.read("out").contains_key("b"));
    assert_eq!(world.read("out").len(), 1);
}

#[test]
fn headers_and_timestamps_can_be_seen_and_changed_in_every_stream() {
    let text = |name: &str| Topic::<String, String>::new(name, utf8(), utf8());
    let app = Builder::new("headers");
    app.stream("read", &text("in"))
        .filter_record("kept", |record| record.headers.last("keep") == Some(b"yes"))
        .map_values_record("value", |record| format!("{}@{}", record.value, record.timestamp))
        .map_record("stamp", |mut record| {
            record.headers.push_text("seen", "yes");
            record
        })
        .to("write", &text("out"));
    let mut driver = Driver::new(app.build().unwrap()).unwrap();
    for (key, keep) in [("a", "yes"), ("b", "no")] {
        let mut headers = Headers::new();
        headers.push_text("keep", keep);
        let (key, value) = (key.to_owned(), "v".to_owned());
        driver.pipe_record(&text("in"), &topo::Record { key, value, timestamp: 3, headers }).unwrap();
    }
    let out = driver.read(&text("out")).unwrap();
    let seen: Vec<_> = out
        .iter()
        .map(|it| (&*it.key, &*it.value, it.headers.last("keep"), it.headers.last("seen")))
        .collect();
    assert_eq!(seen, [("a", "v@3", Some(&b"yes"[..]), Some(&b"yes"[..]))]);
}
