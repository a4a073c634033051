//! Sinks that choose: a topic per record, partitions per record.

use topo::state::utf8;
use topo::testkit::{Driver, DriverError};
use topo::{
    Builder, Codecs, FaultPolicy, Placement, Policies, Record, Repartitioned, Topic, Topics, Topology,
};

use crate::world::World;

fn text(name: impl Into<std::sync::Arc<str>>) -> Topic<String, String> {
    Topic::new(name, utf8(), utf8())
}

/// Each record goes to the topic that its value names; the key says which partition it wants.
fn routed(world: &World) -> Topology {
    let app = Builder::new(world.application());
    let prefix = world.name("");
    let topics = Topics::chosen_by(utf8(), utf8(), move |record: &Record<String, String>| {
        format!("{prefix}{}", record.value)
    })
    .partitioned_by(|key: &String, _, count| match key.as_str() {
        "all" => Placement::All,
        "ends" => Placement::Each(vec![0, count - 1]),
        "last" => Placement::One(count - 1),
        "beyond" => Placement::One(count),
        "none" => Placement::Nowhere,
        _ => Placement::ByKey,
    });
    app.stream("read", &text(world.name("in"))).to_topics("write", &topics);
    app.build().unwrap()
}

fn routes(mut world: World) {
    world.create(&["in", "one"]);
    world.create_with(&["four"], 4);
    let asks = [
        ("all", "four"),
        ("ends", "four"),
        ("last", "four"),
        ("none", "four"),
        ("last", "one"),
        ("beyond", "four"),
        ("lost", "nowhere"),
        ("end", "four"),
    ];
    let records: Vec<(&str, Option<&str>)> = asks.iter().map(|(key, value)| (*key, Some(*value))).collect();
    world.write("in", &records);
    let mut process = world.start(routed(&world), world.config("p"));
    world.until(&mut process, "the records at their places", |world| {
        world.read("four").contains_key("end") && world.read("dead-letters").len() == 2
    });
    world.pass(&mut process, 200);
    let places = |topic: &str, key: &str| -> Vec<i32> {
        let records = world.records(topic).into_iter().filter(|(_, known, _)| known == key);
        records.map(|(partition, ..)| partition).collect()
    };
    assert_eq!(places("four", "all"), [0, 1, 2, 3]);
    assert_eq!(places("four", "ends"), [0, 3]);
    assert_eq!(places("four", "last"), [3]);
    assert_eq!(places("four", "end"), [topo::partition_of(b"end", 4)]);
    assert_eq!(places("one", "last"), [0]);
    for missing in ["none", "beyond", "lost"] {
        assert!(places("four", missing).is_empty(), "{missing}");
    }
    let letters: Vec<String> = world.read("dead-letters").into_keys().collect();
    assert_eq!(letters, ["beyond", "lost"]);
    assert_eq!(world.log.count("reason: \"no_partition\""), 1, "what goes nowhere is counted");
}

#[test]
fn records_go_to_the_topics_and_partitions_that_are_chosen_for_them() {
    for world in World::both("routes", 1) {
        routes(world);
    }
}

#[test]
fn a_topic_that_is_missing_ends_the_application_where_the_policy_says_stop() {
    let mut world = World::memory(1);
    world.create(&["in"]);
    world.write("in", &[("a", Some("nowhere"))]);
    let policies = Policies { production: FaultPolicy::Stop, ..Policies::default() };
    let config = topo::AppConfig { policies, ..world.config("p") };
    let mut process = world.start(routed(&world), config);
    let said = world.failure(&mut process).to_string();
    assert!(said.contains("app-nowhere, which was chosen for this record, does not exist"), "{said}");
}

fn country(record: &Record<String, String>) -> String {
    record.key.clone()
}

#[test]
fn a_description_names_the_function_that_chooses() {
    let app = Builder::new("described");
    app.stream("read", &text("in")).to_topics("write", &Topics::chosen_by(utf8(), utf8(), country));
    let topology = app.build().unwrap();
    let expected = format!("    Sink: write (extractor class: {})\n      <-- read\n", {
        std::any::type_name_of_val(&country)
    });
    assert!(topology.describe().contains(&expected), "{}", topology.describe());
    let sink = &topology.describe_json()["sub_topologies"][0]["nodes"][1];
    assert_eq!(sink["topic_chosen_by"], std::any::type_name_of_val(&country));
}

#[test]
fn a_repartition_takes_a_number_of_partitions_and_a_partitioner() {
    let mut world = World::memory(2);
    world.create(&["in", "out"]);
    let app = Builder::new(world.application());
    let by_length = Repartitioned::new(Codecs::new(utf8(), utf8()))
        .partitions(5)
        .partitioned_by(|key: &String, _, count| Placement::One(key.len() as i32 % count));
    app.stream("read", &text(world.name("in")))
        .repartition("by-length", by_length)
        .process_values("where", (), || Where)
        .to("write", &text(world.name("out")));
    let topology = app.build().unwrap();
    world.write("in", &[("a", Some("")), ("bbb", Some("")), ("cccc", Some("")), ("dddddd", Some(""))]);
    let mut process = world.start(topology, world.config("p"));
    world.until(&mut process, "all four", |world| world.read("out").len() == 4);
    let tasks: Vec<String> = world.read("out").into_values().flatten().collect();
    assert_eq!(tasks, ["1_1", "1_3", "1_4", "1_1"]);
}

/// Gives each record the name of its task.
struct Where;

impl topo::Processor for Where {
    type KeyIn = String;
    type ValueIn = String;
    type KeyOut = String;
    type ValueOut = String;
    fn process(
        &mut self,
        record: Record<String, String>,
        ctx: &mut topo::Context<'_, '_, String, String>,
    ) -> Result<(), topo::Fault> {
        let task = ctx.task().to_owned();
        ctx.forward(record.with_value(task))
    }
}

#[test]
fn a_partition_that_is_not_there_stops_the_driver_and_rolls_back() {
    let app = Builder::new("wrong");
    let out = text("out").partitioned_by(|_, _, count| Placement::One(count));
    app.stream("read", &text("in")).to("write", &out);
    let mut driver = Driver::new(app.build().unwrap()).unwrap();
    let refused = driver.pipe(&text("in"), "a".into(), "x".into(), 0).unwrap_err();
    assert!(matches!(refused, DriverError::Stopped(_)), "{refused}");
    assert!(refused.to_string().contains("partition 1 was chosen among 1"), "{refused}");
    assert_eq!(driver.written("out").count(), 0);
}
