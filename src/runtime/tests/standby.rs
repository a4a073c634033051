use super::cluster::{Cluster, expected};
use super::topologies::count;
use crate::runtime::AppConfig;

const KEYS: &[&str] = &["a", "b", "c", "d", "e", "f", "g", "h"];

fn produce_all(cluster: &Cluster) {
    KEYS.iter().for_each(|key| cluster.produce("in", key, "v"));
}

fn start(cluster: &mut Cluster, process: &str) {
    let config = AppConfig { standby_replicas: 1, ..cluster.config(process) };
    cluster.start_with(process, count(), config);
}

/// How many copies a process keeps.
fn copies(cluster: &Cluster, process: &str) -> usize {
    let log = &cluster.logs[process];
    log.count("to: Some(Standby)") - log.count("from: Some(Standby)")
}

fn running(cluster: &Cluster, process: &str) -> usize {
    let log = &cluster.logs[process];
    log.count("to: Some(Running)") - log.count("from: Some(Running), to: None")
}

/// Records that restores of a process took in, all in all.
fn restored(cluster: &Cluster, process: &str) -> u64 {
    let number = |line: &String| line.split("restored: ").nth(1)?.split(',').next()?.parse::<u64>().ok();
    cluster.logs[process].lines().iter().filter_map(number).sum()
}

/// Two processes with two tasks each and a warm copy of the other's, all caught up with `rounds` of every key.
fn a_warm_pair(rounds: usize) -> Cluster {
    let mut cluster = Cluster::new(4);
    start(&mut cluster, "a");
    start(&mut cluster, "b");
    cluster.until("both run and copy", |cluster| {
        ["a", "b"].iter().all(|it| running(cluster, it) == 2 && copies(cluster, it) == 2)
    });
    for _ in 0..rounds {
        produce_all(&cluster);
    }
    cluster.until("all counts", |cluster| cluster.records("out").len() == rounds * KEYS.len());
    // Copies look for more once a second.
    cluster.pass(3_000);
    cluster
}

#[test]
fn a_process_with_a_warm_copy_takes_over_without_replaying_what_it_has() {
    let mut cluster = a_warm_pair(50);
    let before = restored(&cluster, "b");
    cluster.crash("a");
    cluster.until("b runs all", |cluster| running(cluster, "b") == 4);
    assert_eq!(restored(&cluster, "b") - before, 0, "{:#?}", cluster.logs["b"].lines());
    produce_all(&cluster);
    cluster.until("one more count", |cluster| cluster.records("out").len() == 51 * KEYS.len());
    assert_eq!(cluster.counts(), expected(KEYS, 51));
}

#[test]
fn only_the_tail_behind_a_copy_is_replayed() {
    let mut cluster = a_warm_pair(50);
    let frozen = cluster.freeze("b");
    produce_all(&cluster);
    cluster.pass(500);
    cluster.crash("a");
    cluster.thaw("b", frozen);
    let before = restored(&cluster, "b");
    cluster.until("all counts", |cluster| cluster.records("out").len() == 51 * KEYS.len());
    cluster.until("b runs all", |cluster| running(cluster, "b") == 4);
    assert!(restored(&cluster, "b") - before <= KEYS.len() as u64);
    assert_eq!(cluster.counts(), expected(KEYS, 51));
}

#[test]
fn a_task_that_moves_away_leaves_a_copy_behind_in_its_directory() {
    let mut cluster = Cluster::new(4);
    start(&mut cluster, "a");
    for _ in 0..50 {
        produce_all(&cluster);
    }
    cluster.until("all counts", |cluster| cluster.records("out").len() == 50 * KEYS.len());
    start(&mut cluster, "b");
    cluster.until("a copies what it gave away", |cluster| {
        running(cluster, "b") == 2 && copies(cluster, "a") == 2 && copies(cluster, "b") == 2
    });
    cluster.pass(3_000);
    assert_eq!(restored(&cluster, "a"), 0, "what it had is still there");
    cluster.crash("b");
    produce_all(&cluster);
    cluster.until("all counts", |cluster| cluster.records("out").len() == 51 * KEYS.len());
    assert_eq!(restored(&cluster, "a"), 0, "{:#?}", cluster.logs["a"].lines());
    assert_eq!(cluster.counts(), expected(KEYS, 51));
    assert!(!cluster.logs["a"].has("moved"));
}

#[test]
fn a_copy_is_not_promoted_before_an_open_transaction_of_the_last_owner_is_decided() {
    let mut cluster = a_warm_pair(1);
    cluster.crash("a");
    cluster.pass(8_000);
    let mut hanging = cluster.producer(Some("hanging"));
    hanging.init_transactions().unwrap();
    hanging.begin().unwrap();
    for key in KEYS {
        cluster.send(hanging.as_mut(), "app-counts-changelog", key, "12345678");
    }
    // The group gives "a" up after 10 s, the transaction would time out after 18.
    cluster.pass(6_000);
    assert!(cluster.logs["b"].has("to: Some(Restoring)"));
    assert_eq!(running(&cluster, "b"), 2, "{:#?}", cluster.logs["b"].lines());
    hanging.abort().unwrap();
    produce_all(&cluster);
    cluster.until("the second counts", |cluster| cluster.records("out").len() == 2 * KEYS.len());
    assert_eq!(cluster.counts(), expected(KEYS, 2), "nothing of the aborted transaction was taken in");
}

#[test]
fn copies_come_and_go_with_the_processes() {
    let mut cluster = a_warm_pair(1);
    start(&mut cluster, "c");
    let all = |cluster: &Cluster, what: fn(&Cluster, &str) -> usize| {
        ["a", "b", "c"].iter().map(|it| what(cluster, it)).sum::<usize>()
    };
    cluster.until("every task runs and has a copy", |cluster| {
        running(cluster, "c") >= 1 && all(cluster, running) == 4 && all(cluster, copies) == 4
    });
    cluster.process("c").stop();
    cluster.until("c is gone", |cluster| cluster.process("c").is_finished());
    cluster.until("two have all again", |cluster| {
        ["a", "b"].iter().all(|it| running(cluster, it) == 2 && copies(cluster, it) == 2)
    });
    produce_all(&cluster);
    cluster.until("all counts", |cluster| cluster.records("out").len() == 2 * KEYS.len());
    assert_eq!(cluster.counts(), expected(KEYS, 2));
}
