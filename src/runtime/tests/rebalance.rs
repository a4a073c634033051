use super::cluster::{Cluster, expected};
use super::topologies::count;

const KEYS: &[&str] = &["a", "b", "c", "d", "e", "f", "g", "h"];

fn produce_all(cluster: &Cluster) {
    KEYS.iter().for_each(|key| cluster.produce("in", key, "v"));
}

fn running(cluster: &Cluster, process: &str) -> usize {
    let log = &cluster.logs[process];
    log.count("to: Some(Running)") - log.count("from: Some(Running), to: None")
}

#[test]
fn a_second_process_takes_half_of_the_tasks_and_no_more() {
    let mut cluster = Cluster::new(6);
    produce_all(&cluster);
    cluster.start("a", count());
    cluster.until("a runs all", |cluster| running(cluster, "a") == 6);
    cluster.start("b", count());
    cluster.until("b runs its share", |cluster| running(cluster, "b") == 3 && running(cluster, "a") == 3);
    assert_eq!(cluster.logs["a"].count("from: Some(Running), to: None"), 3);
    produce_all(&cluster);
    cluster.until("all counts", |cluster| cluster.records("out").len() == 2 * KEYS.len());
    assert_eq!(cluster.counts(), expected(KEYS, 2));
}

#[test]
fn the_lag_of_a_task_that_went_elsewhere_is_told_there_only() {
    let mut cluster = Cluster::new(2);
    produce_all(&cluster);
    cluster.start("a", count());
    cluster.until("a counts all", |cluster| cluster.records("out").len() == KEYS.len());
    cluster.pass(6_000);
    assert_eq!((cluster.logs["a"].count("Lag {") > 1, cluster.logs["a"].has("LagGone")), (true, false));
    cluster.start("b", count());
    cluster.until("b runs its share", |cluster| running(cluster, "b") == 1 && running(cluster, "a") == 1);
    let gone = |cluster: &Cluster| cluster.logs["a"].count("LagGone");
    assert_eq!(gone(&cluster), 1);
    let told = cluster.logs["a"].count("Lag {");
    produce_all(&cluster);
    cluster.pass(6_000);
    let told = cluster.logs["a"].count("Lag {") - told;
    assert!((1..=2).contains(&told), "of one partition only, every five seconds: {told}");
    assert!(cluster.logs["b"].has("Lag {"));
}

#[test]
fn a_process_that_leaves_hands_only_its_own_tasks_over() {
    let mut cluster = Cluster::new(6);
    cluster.start("a", count());
    cluster.start("b", count());
    cluster.until("both run", |cluster| running(cluster, "a") == 3 && running(cluster, "b") == 3);
    produce_all(&cluster);
    cluster.process("b").stop();
    cluster.until("b is gone", |cluster| cluster.process("b").is_finished());
    cluster.until("a runs all", |cluster| running(cluster, "a") == 6);
    assert_eq!(cluster.logs["a"].count("from: Some(Running), to: None"), 0);
    cluster.until("all counts", |cluster| cluster.records("out").len() == KEYS.len());
    assert_eq!(cluster.counts(), expected(KEYS, 1));
}

#[test]
fn a_crashed_process_is_replaced_after_its_session() {
    let mut cluster = Cluster::new(4);
    cluster.start("a", count());
    cluster.start("b", count());
    cluster.until("both run", |cluster| running(cluster, "a") == 2 && running(cluster, "b") == 2);
    let crashed_at = cluster.now;
    cluster.crash("b");
    produce_all(&cluster);
    cluster.until("all counts", |cluster| cluster.records("out").len() == KEYS.len());
    assert!(cluster.now - crashed_at < 13_000, "{} ms", cluster.now - crashed_at);
    assert_eq!(cluster.counts(), expected(KEYS, 1));
}

#[test]
fn tasks_are_shared_out_anew_among_more_workers_and_fewer_and_nothing_is_lost() {
    let mut cluster = Cluster::new(6);
    cluster.start("a", count());
    let mut rounds = 0;
    for workers in [1, 3, 2, 1, 3] {
        cluster.process("a").set_workers(workers);
        produce_all(&cluster);
        rounds += 1;
        cluster.until("all is counted", |cluster| cluster.records("out").len() == rounds * KEYS.len());
        cluster.until("all tasks run", |cluster| running(cluster, "a") == 6);
    }
    assert_eq!(cluster.counts(), expected(KEYS, rounds));
    // To three workers four of six tasks move, from three to two two, from two to one three, and four again.
    cluster.until("the last ones have moved", |cluster| {
        cluster.logs["a"].count("from: Some(Running), to: None") == 4 + 2 + 3 + 4
    });
}
