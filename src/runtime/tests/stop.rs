use std::sync::Arc;
use std::time::{Duration, Instant};

use super::cluster::{Cluster, expected};
use super::topologies::count;
use crate::runtime::{App, Error, Silent};

#[test]
fn a_clean_stop_commits_what_was_read_and_leaves_nothing_to_restore() {
    let mut cluster = Cluster::new(2);
    cluster.start("p", count());
    cluster.until("tasks run", |cluster| cluster.logs["p"].count("to: Some(Running)") == 2);
    ["a", "b"].iter().for_each(|key| cluster.produce("in", key, "v"));
    let from = cluster.now;
    cluster.process("p").stop();
    cluster.until("the end", |cluster| cluster.process("p").is_finished());
    assert!(cluster.now - from < 1_000, "{} ms", cluster.now - from);
    cluster.crash("p");
    cluster.start("p", count());
    cluster.until("both counts", |cluster| cluster.records("out").len() == 2);
    cluster.pass(500);
    assert_eq!(cluster.counts(), expected(&["a", "b"], 1));
}

#[test]
fn whenever_it_is_stopped_it_ends_soon_and_no_task_is_said_to_be_left() {
    let mut said = 0;
    for rounds in 0..60 {
        let mut cluster = Cluster::new(3);
        ["a", "b", "c"].iter().for_each(|key| cluster.produce("in", key, "v"));
        cluster.start("p", count());
        (0..rounds).for_each(|_| cluster.round().unwrap());
        let from = cluster.now;
        cluster.process("p").stop();
        cluster.until("the end", |cluster| cluster.process("p").is_finished());
        let took = cluster.now - from;
        assert!(took < 1_000, "stopped after {rounds} rounds: {took} ms");
        let log = &cluster.logs["p"];
        let (came, went) = (log.count("from: None, to: Some("), log.count("), to: None }"));
        assert_eq!(came, went, "stopped after {rounds} rounds: {:#?}", log.lines());
        said += came;
    }
    assert!(said > 0);
}

#[test]
fn threads_run_the_same_parts_and_stop_within_their_time() {
    let cluster = Cluster::new(2);
    ["a", "b"].iter().for_each(|key| cluster.produce("in", key, "v"));
    let broker = Arc::new(cluster.broker.clone());
    let running = App::start(count(), broker.clone(), cluster.config("p"), Arc::new(Silent)).unwrap();
    let second = App::start(count(), broker, cluster.config("p"), Arc::new(Silent));
    assert!(matches!(second.err(), Some(Error::DirectoryInUse { .. })));
    let deadline = Instant::now() + Duration::from_secs(20);
    while cluster.records("out").len() < 2 {
        assert!(Instant::now() < deadline && !running.is_finished());
        std::thread::yield_now();
    }
    let from = Instant::now();
    running.stop();
    running.wait().unwrap();
    assert!(from.elapsed() < Duration::from_secs(5), "{:?}", from.elapsed());
    assert_eq!(cluster.counts(), expected(&["a", "b"], 1));
}
