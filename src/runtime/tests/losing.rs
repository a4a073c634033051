use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::cluster::{Cluster, expected};
use super::topologies::hesitant;
use crate::broker::Isolation;
use crate::record::Partition;
use crate::runtime::AppConfig;
use crate::runtime::process::Part;

const KEYS: &[&str] = &["a", "b", "c", "d"];

/// Steps these parts of the only process until `done`.
fn step_until(cluster: &mut Cluster, parts: &[Part], what: &str, done: impl Fn(&Cluster) -> bool) {
    for _ in 0..1_000 {
        if done(cluster) {
            return;
        }
        for part in parts {
            cluster.step("p", *part);
        }
        cluster.now += 1;
        cluster.broker.advance(cluster.now);
    }
    panic!("a thousand rounds without: {what}\n{:#?}", cluster.logs["p"].lines());
}

/// Whether offsets of the application are in a transaction that is not decided.
fn is_deciding(cluster: &Cluster) -> bool {
    let mut group = cluster.reader(Some("app"), Isolation::ReadCommitted);
    group.committed(&[Partition::new("in", 0)]).is_err()
}

#[test]
fn a_task_that_began_during_a_commit_and_is_lost_before_its_end_commits_nothing_any_more() {
    let (coordinator, worker) = (Part::Coordinator, Part::Worker(0));
    let mut cluster = Cluster::new(2);
    KEYS.iter().for_each(|key| cluster.produce("in", key, "v"));
    let config = AppConfig { restorers: 2, ..cluster.config("p") };
    cluster.start_with("p", hesitant(Arc::new(AtomicBool::new(true))), config);
    let first = [coordinator, Part::Restorer(0), worker];
    step_until(&mut cluster, &first, "the first task's commit", is_deciding);
    let second = [coordinator, Part::Restorer(1)];
    step_until(&mut cluster, &second, "the second task", |cluster| cluster.logs["p"].has("Ready {"));

    assert!(cluster.broker.expel("app", "app-p-group"));
    step_until(&mut cluster, &[coordinator], "the loss", |cluster| cluster.logs["p"].has("taken away"));
    let gone = |cluster: &Cluster| cluster.logs["p"].count("from: Some(Running), to: None");
    step_until(&mut cluster, &[worker], "both closed", |cluster| gone(cluster) == 2);
    let log = &cluster.logs["p"];
    assert_eq!((log.count("Committed {"), log.count("to: Some(Running)")), (1, 2), "{:#?}", log.lines());

    cluster.until("all is counted", |cluster| cluster.counts() == expected(KEYS, 1));
}
