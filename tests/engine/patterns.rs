//! Sources by pattern: which topics they read, from the start and later on.

use topo::state::{i64_be, utf8};
use topo::testkit::Driver;
use topo::{AppConfig, Builder, Codecs, Error, KeyValue, Process, Topic, TopicPattern, Topology};

use crate::world::World;

fn text(name: &str) -> Topic<String, String> {
    Topic::new(name, utf8(), utf8())
}

fn visits(world: &World) -> TopicPattern<String, String> {
    TopicPattern::new(world.name("visits-[a-z]+"), utf8(), utf8())
}

/// How often each visitor came, by all topics.
fn counted(world: &World) -> Topology {
    let app = Builder::new(world.application());
    app.stream_matching("read", &visits(world))
        .group_by_key("by-visitor", Codecs::new(utf8(), utf8()))
        .count("count", KeyValue::new("counts", utf8(), i64_be()))
        .to_stream("updates")
        .map_values("text", |_, count| format!("{}", count.unwrap_or_default()))
        .to("write", &text(&world.name("out")));
    app.build().unwrap()
}

fn config(world: &World, process: &str) -> AppConfig {
    AppConfig { metadata_max_age_ms: 200, ..world.config(process) }
}

fn last(world: &World, visitor: &str) -> Option<String> {
    world.read("out").get(visitor)?.last().cloned()
}

/// Rounds of all processes until `done`.
#[track_caller]
fn all_until(world: &mut World, processes: &mut [Process], what: &str, done: impl Fn(&World) -> bool) {
    for _ in 0..2_000 {
        for process in &mut *processes {
            world.round(process).unwrap();
        }
        if done(world) {
            return;
        }
    }
    panic!("in vain: {what}");
}

#[test]
fn a_description_shows_the_pattern_as_kafka_streams_does() {
    let app = Builder::new("doc");
    app.stream_matching("read", &TopicPattern::<String, String>::new(r"visits-\d+", utf8(), utf8()))
        .to("write", &text("all"));
    let topology = app.build().unwrap();
    let expected = "Topologies:\n   Sub-topology: 0\n    Source: read (topics: visits-\\d+)\n      --> write\n    \
                    Sink: write (topic: all)\n      <-- read\n\n";
    assert_eq!(topology.describe(), expected);
    assert_eq!(
        topology.describe_json()["sub_topologies"][0]["nodes"][0]["topics"][0]["pattern"],
        r"visits-\d+"
    );
}

#[test]
fn what_is_wrong_with_a_pattern_is_said_when_the_topology_is_built() {
    let app = Builder::new("doc");
    app.stream_matching("read", &TopicPattern::<String, String>::new("visits-(", utf8(), utf8()))
        .to("write", &text("all"));
    let why = app.build().map(|_| ()).unwrap_err().to_string();
    assert!(why.contains("\"visits-(\" is no regular expression"), "{why}");
    let app = Builder::new("doc");
    let both = app.stream("one", &text("visits-a"));
    both.merge("both", &app.stream_matching("many", &TopicPattern::new("visits-.*", utf8(), utf8())))
        .to("write", &text("all"));
    let why = app.build().map(|_| ()).unwrap_err().to_string();
    assert!(why.contains("topic \"visits-a\" is read by \"one\" and by \"many\""), "{why}");
}

#[test]
fn a_driver_reads_the_topics_it_is_told_of_as_one_stream() {
    let world = World::memory(1);
    let topics = [world.name("visits-a"), world.name("visits-b")];
    let mut driver = Driver::builder(counted(&world)).topics(topics.clone()).build().unwrap();
    for topic in &topics {
        driver.pipe(&text(topic), "ann".to_owned(), "x".to_owned(), 0).unwrap();
    }
    assert_eq!(driver.value::<String, i64>("counts", &"ann".to_owned()).unwrap(), Some(2));
    driver.restore().unwrap();
    assert_eq!(driver.value::<String, i64>("counts", &"ann".to_owned()).unwrap(), Some(2));
}

#[test]
fn without_a_topic_that_matches_the_application_waits_and_says_so() {
    let mut world = World::memory(1);
    let mut process = world.start(counted(&world), config(&world, "p"));
    world.pass(&mut process, 2_000);
    let waits = "waiting for a topic that matches app-visits-[a-z]+: none exists yet";
    assert!(world.log.count(waits) > 0, "it does not say what it waits for");
    world.create(&["visits-a"]);
    world.write("visits-a", &[("ann", Some("x"))]);
    world.until(&mut process, "the topic is read", |world| last(world, "ann").as_deref() == Some("1"));
}

#[test]
fn a_topic_that_comes_later_is_taken_in_and_stores_go_on() {
    for mut world in World::both("later", 2) {
        world.create(&["visits-a", "visits", "visits-2"]);
        let mut process = world.start(counted(&world), config(&world, "p"));
        world.write("visits-a", &[("ann", Some("x")), ("bob", Some("x"))]);
        world.until(&mut process, "the first topic is read", |world| last(world, "bob").is_some());
        world.create_with(&["visits-b"], 1);
        world.write("visits-b", &[("ann", Some("y"))]);
        world.write("visits", &[("ann", Some("no match"))]);
        world.until(&mut process, "the second topic is read", |world| {
            last(world, "ann").as_deref() == Some("2")
        });
        world.write("visits-a", &[("ann", Some("x")), ("bob", Some("x"))]);
        world.until(&mut process, "the first topic is still read", |world| {
            last(world, "bob").as_deref() == Some("2")
        });
        let counts = world.read("out");
        assert_eq!((&counts["ann"], &counts["bob"]), (&strings(&["1", "2", "3"]), &strings(&["1", "2"])));
        assert!(world.log.count("new topics match: ") > 0, "nothing was said");
    }
}

fn strings(all: &[&str]) -> Vec<String> {
    all.iter().map(|it| (*it).to_owned()).collect()
}

#[test]
fn all_processes_of_an_application_go_on_with_the_same_topics() {
    let mut world = World::memory(4);
    world.create(&["visits-a"]);
    // Only one of them looks by itself: the other one hears of it.
    let mut lazy = config(&world, "q");
    lazy.metadata_max_age_ms = i64::MAX;
    let mut processes =
        [world.start(counted(&world), config(&world, "p")), world.start(counted(&world), lazy)];
    let names: Vec<String> = (0..20).map(|number| format!("v{number}")).collect();
    let write = |world: &World, topic: &str| {
        let records: Vec<(&str, Option<&str>)> =
            names.iter().map(|name| (name.as_str(), Some("x"))).collect();
        world.write(topic, &records);
    };
    write(&world, "visits-a");
    let all =
        |world: &World, count: &str| names.iter().all(|name| last(world, name).as_deref() == Some(count));
    all_until(&mut world, &mut processes, "the first topic is read", |world| all(world, "1"));
    world.create(&["visits-b"]);
    write(&world, "visits-b");
    all_until(&mut world, &mut processes, "the second topic is read", |world| all(world, "2"));
    assert!(
        world.read("out").values().all(|counts| *counts == strings(&["1", "2"])),
        "each record counts once"
    );
}

#[test]
fn a_topic_with_more_partitions_than_stores_have_is_refused_and_the_others_are_read_on() {
    let mut world = World::memory(2);
    world.create(&["visits-a"]);
    let mut process = world.start(counted(&world), config(&world, "p"));
    world.write("visits-a", &[("ann", Some("x"))]);
    world.until(&mut process, "the topic is read", |world| last(world, "ann").is_some());
    world.create_with(&["visits-wide"], 3);
    world.write("visits-wide", &[("ann", Some("x"))]);
    world.pass(&mut process, 2_000);
    assert_eq!(world.log.count("has 2 partitions and would need 3"), 1, "said once");
    world.write("visits-a", &[("bob", Some("x"))]);
    world.until(&mut process, "what was read before is read on", |world| last(world, "bob").is_some());
    assert_eq!(last(&world, "ann").as_deref(), Some("1"));
    drop(process);
    let mut process = world.start(counted(&world), config(&world, "p"));
    let error = world.failure(&mut process);
    assert!(matches!(&error, Error::InternalTopic { setting, .. } if setting == "partitions"), "{error}");
}

#[test]
fn a_topic_that_matches_two_patterns_is_refused_and_the_others_are_read_on() {
    let mut world = World::memory(1);
    world.create(&["visits-a", "calls-a"]);
    let pattern = |text: &str| TopicPattern::<String, String>::new(world.name(text), utf8(), utf8());
    let app = Builder::new(world.application());
    let calls = app.stream_matching("calls", &pattern("(calls|visits)-[b-z].*|.*-calls-a"));
    app.stream_matching("visits", &pattern("visits-.*"))
        .merge("merged", &calls)
        .to("write", &text(&world.name("out")));
    let topology = app.build().unwrap();
    let mut process = world.start(topology.clone(), config(&world, "p"));
    world.write("visits-a", &[("ann", Some("x"))]);
    world.until(&mut process, "the topic is read", |world| last(world, "ann").is_some());
    world.create(&["visits-both"]);
    world.pass(&mut process, 2_000);
    let said = "topic app-visits-both matches";
    assert_eq!(world.log.count(said), 1, "said once");
    world.write("calls-a", &[("bob", Some("x"))]);
    world.until(&mut process, "what was read before is read on", |world| last(world, "bob").is_some());
    drop(process);
    let mut process = world.start(topology, config(&world, "p"));
    let error = world.failure(&mut process).to_string();
    assert!(error.contains(said), "{error}");
}

#[test]
fn what_matches_must_be_co_partitioned_with_what_it_joins() {
    let mut world = World::memory(2);
    world.create(&["visits-a", "names"]);
    world.create_with(&["visits-b"], 1);
    let app = Builder::new(world.application());
    let names = app.table("names", &text(&world.name("names")), KeyValue::new("names-store", utf8(), utf8()));
    app.stream_matching("read", &visits(&world))
        .join_table("name", &names, |_, page, name| format!("{name} saw {page}"))
        .to("write", &text(&world.name("out")));
    let mut process = world.start(app.build().unwrap(), config(&world, "p"));
    let error = world.failure(&mut process).to_string();
    assert!(error.contains("name joins records by key") && error.contains("app-visits-b=1"), "{error}");
}
