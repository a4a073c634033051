//! A paused application keeps its tasks and processes nothing.

use std::time::{Duration, Instant};

use topo::state::utf8;
use topo::{App, Builder, Topic};

use crate::world::World;

const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn a_paused_application_keeps_its_tasks_and_processes_nothing_until_it_goes_on() {
    let world = World::kafka("pausing", 2);
    world.create(&["in", "out"]);
    let app = Builder::new(world.application());
    let text = |name: &str| Topic::<String, String>::new(world.name(name), utf8(), utf8());
    app.stream("read", &text("in")).to("write", &text("out"));
    let running =
        App::start(app.build().unwrap(), world.broker.clone(), world.config("p"), world.log.clone()).unwrap();
    let until = |what: &str, done: &dyn Fn() -> bool| {
        let deadline = Instant::now() + PATIENCE;
        while !done() {
            assert!(Instant::now() < deadline, "in vain: {what}");
            std::thread::park_timeout(Duration::from_millis(20));
        }
    };
    let answered = |count: usize| world.read("out").values().map(Vec::len).sum::<usize>() == count;
    world.write("in", &[("a", Some("1")), ("b", Some("1")), ("c", Some("1"))]);
    until("the first answers", &|| answered(3));

    running.pause();
    until("it says so", &|| world.log.count("Waiting") > 0 && !world.log.lines("paused").is_empty());
    assert!(running.is_paused());
    world.write("in", &[("a", Some("2")), ("b", Some("2"))]);
    // The coordinator looks at the lag every few seconds: it has seen them, and the worker could have by then.
    until("somebody sees the records", &|| {
        !world.log.lines("Lag").iter().all(|it| it.contains("records: 0"))
    });
    assert!(answered(3), "{:?}", world.read("out"));
    assert_eq!(world.log.count("from: Some(Running)"), 0, "no task has moved");

    running.resume();
    until("the answers", &|| answered(5));
    running.stop();
    running.wait().unwrap();
}
