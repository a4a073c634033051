//! An application gets more threads and fewer while it runs.

use std::time::{Duration, Instant};

use topo::state::{i64_be, utf8};
use topo::{App, AppConfig, Builder, Codecs, KeyValue, Topic};

use crate::world::World;

const PATIENCE: Duration = Duration::from_secs(60);
const TASKS: i32 = 6;

#[test]
fn tasks_move_to_new_threads_and_back_and_every_record_counts_once() {
    let world = World::kafka("resizing", TASKS);
    world.create(&["in", "out"]);
    let app = Builder::new(world.application());
    let text = Topic::<String, String>::new(world.name("in"), utf8(), utf8());
    app.stream("read", &text)
        .group_by_key("by-key", Codecs::new(utf8(), utf8()))
        .count("count", KeyValue::new("counts", utf8(), i64_be()))
        .to_stream("updates")
        .map_values("text", |_, count| count.map(|count| count.to_string()))
        .to("write", &Topic::<String, Option<String>>::new(world.name("out"), utf8(), utf8()));
    let config = AppConfig { workers: 1, ..world.config("p") };
    let running = App::start(app.build().unwrap(), world.broker.clone(), config, world.log.clone()).unwrap();
    let until = |what: &str, done: &dyn Fn() -> bool| {
        let deadline = Instant::now() + PATIENCE;
        while !done() {
            assert!(Instant::now() < deadline, "in vain: {what}");
            std::thread::park_timeout(Duration::from_millis(20));
        }
    };
    let keys: Vec<String> = (0..40).map(|key| format!("key-{key}")).collect();
    let records: Vec<(&str, Option<&str>)> = keys.iter().map(|key| (key.as_str(), Some("v"))).collect();
    let committed_by = |worker: usize| world.log.count(&format!("Committed {{ worker: {worker},"));
    for (round, workers) in [1, 3, 1, 2].into_iter().enumerate() {
        running.set_workers(workers);
        let before: Vec<usize> = (0..3).map(committed_by).collect();
        // Again and again until the last of them has had something to do.
        until("each of the threads commits", &|| {
            world.write("in", &records);
            (0..workers).all(|worker| committed_by(worker) > before[worker])
        });
        let counted = || world.read("out").values().map(Vec::len).sum::<usize>();
        let sent = || world.read("in").values().map(Vec::len).sum::<usize>();
        until(&format!("all of round {round} is counted"), &|| counted() == sent());
    }
    running.stop();
    running.wait().unwrap();
    for (key, counts) in world.read("out") {
        let expected: Vec<String> = (1..=counts.len()).map(|count| count.to_string()).collect();
        assert_eq!(counts, expected, "{key}");
    }
}
