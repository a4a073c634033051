use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::cluster::{Cluster, expected};
use super::topologies::hesitant;

const KEYS: &[&str] = &["a", "b", "c", "d", "e", "f", "g", "h"];

fn produce_all(cluster: &Cluster) {
    KEYS.iter().for_each(|key| cluster.produce("in", key, "v"));
}

fn running(cluster: &Cluster) -> usize {
    let log = &cluster.logs["p"];
    log.count("to: Some(Running)") - log.count("from: Some(Running), to: None")
}

#[test]
fn a_task_whose_node_cannot_begin_yet_is_tried_again_and_the_others_run() {
    let mut cluster = Cluster::new(2);
    let gate = Arc::new(AtomicBool::new(false));
    produce_all(&cluster);
    cluster.start("p", hesitant(gate.clone()));
    cluster.until("one task runs", |cluster| running(cluster) == 1 && !cluster.counts().is_empty());
    cluster.pass(1_000);
    assert_eq!(running(&cluster), 1);
    let log = &cluster.logs["p"];
    assert!(log.has("cannot begin yet and is tried again: SHUT: the gate of 0"), "{:#?}", log.lines());
    let tries = log.count("to: Some(Restoring)") - 1;
    assert!((2..=10).contains(&tries), "about every 200 ms: {tries}");
    gate.store(true, Ordering::Relaxed);
    cluster.until("all is counted", |cluster| cluster.counts() == expected(KEYS, 1));
    assert_eq!(running(&cluster), 2);
}

#[test]
fn a_task_that_cannot_begin_again_after_an_abort_comes_back_with_nothing_lost_or_doubled() {
    let mut cluster = Cluster::new(2);
    let gate = Arc::new(AtomicBool::new(true));
    cluster.start("p", hesitant(gate.clone()));
    produce_all(&cluster);
    cluster.until("all is counted", |cluster| cluster.counts() == expected(KEYS, 1));
    gate.store(false, Ordering::Relaxed);
    KEYS.iter().for_each(|key| cluster.produce("in", key, "hard"));
    cluster.until("its task is gone", |cluster| running(cluster) == 1);
    gate.store(true, Ordering::Relaxed);
    cluster.until("all is counted", |cluster| cluster.counts() == expected(KEYS, 2));
    assert_eq!((running(&cluster), cluster.records("out").len()), (2, 2 * KEYS.len()));
}
