use super::cluster::{Cluster, expected};
use super::topologies::{count, count_of_two};
use crate::broker::NewTopic;
use crate::runtime::Error;
use std::collections::BTreeMap;

#[test]
fn another_layout_waits_says_for_whom_and_starts_when_the_first_is_gone() {
    let mut cluster = Cluster::new(1);
    cluster.start("old", count());
    cluster.until("old runs", |cluster| cluster.logs["old"].has("to: Some(Running)"));
    cluster.start("new", count_of_two());
    cluster.pass(30_000);
    assert!(!cluster.logs["new"].has("to: Some(Running)"));
    assert!(
        cluster.logs["new"].has("waiting for old on here: another layout"),
        "{:#?}",
        cluster.logs["new"].lines()
    );
    cluster.process("old").stop();
    cluster.until("new runs", |cluster| cluster.logs["new"].has("to: Some(Running)"));
}

#[test]
fn a_crashed_process_with_another_layout_is_waited_for_only_until_it_expires() {
    let mut cluster = Cluster::new(1);
    cluster.start("old", count());
    cluster.until("old runs", |cluster| cluster.logs["old"].has("to: Some(Running)"));
    cluster.crash("old");
    cluster.start("new", count_of_two());
    let from = cluster.now;
    cluster.until("new runs", |cluster| cluster.logs["new"].has("to: Some(Running)"));
    assert!(cluster.now - from < 25_000, "{} ms", cluster.now - from);
}

#[test]
fn a_missing_input_topic_is_waited_for_by_name() {
    let mut cluster = Cluster::new(1);
    cluster.admin().delete(&["in".into()]).unwrap();
    cluster.start("p", count());
    cluster.pass(2_000);
    assert!(cluster.logs["p"].has("waiting for input topic in: it does not exist yet"));
    let settings = BTreeMap::new();
    let topic = NewTopic { name: "in".into(), partitions: 1, replication: -1, settings };
    cluster.admin().create(&[topic]).unwrap();
    cluster.produce("in", "a", "v");
    cluster.until("the count", |cluster| cluster.counts() == expected(&["a"], 1));
}

#[test]
fn an_internal_topic_with_other_settings_is_a_clear_error() {
    let mut cluster = Cluster::new(2);
    let settings = BTreeMap::from([("cleanup.policy".to_owned(), "delete".to_owned())]);
    let topic = NewTopic { name: "app-counts-changelog".into(), partitions: 2, replication: -1, settings };
    cluster.admin().create(&[topic]).unwrap();
    cluster.start("p", count());
    let error = cluster.failure();
    assert!(matches!(error, Error::InternalTopic { .. }), "{error}");
    assert!(error.to_string().contains("app-counts-changelog has cleanup.policy = delete"), "{error}");
}
