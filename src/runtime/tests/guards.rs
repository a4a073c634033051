use super::cluster::{Cluster, expected};
use super::topologies::{count, count_of_two};
use crate::broker::NewTopic;
use crate::runtime::{AppConfig, Error};
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

#[test]
fn of_two_processes_with_one_name_the_second_ends_and_the_first_is_not_disturbed() {
    let mut cluster = Cluster::new(1);
    cluster.start("p", count());
    cluster.until("the first runs", |cluster| cluster.logs["p"].has("to: Some(Running)"));
    let moves =
        |cluster: &Cluster| cluster.logs["p"].lines().iter().filter(|it| it.contains("Task {")).count();
    let before = moves(&cluster);
    let elsewhere = AppConfig { state_dir: cluster.dir.path().join("elsewhere"), ..cluster.config("p") };
    cluster.start_with("second", count(), elsewhere);
    let error = cluster.failure();
    assert!(matches!(error, Error::ProcessIdInUse { .. }), "{error}");
    assert!(error.to_string().contains("process id p is used by another process, on here"), "{error}");
    assert!(cluster.logs["second"].lines().iter().all(|line| !line.contains("Task {")), "it never joined");
    cluster.crash("second");
    cluster.pass(5_000);
    assert_eq!(moves(&cluster), before);
}

#[test]
fn a_restart_in_the_same_directory_waits_for_nobody_and_one_in_another_only_until_nobody_answers() {
    let mut cluster = Cluster::new(1);
    cluster.start("p", count());
    cluster.until("it runs", |cluster| cluster.logs["p"].has("to: Some(Running)"));
    cluster.crash("p");
    cluster.start("p", count());
    let from = cluster.now;
    cluster.until("it is back", |cluster| cluster.logs["p"].has("to: Some(Running)"));
    assert!(cluster.now - from < 1_000, "{} ms", cluster.now - from);
    assert!(!cluster.logs["p"].has("calls itself"));

    cluster.crash("p");
    let elsewhere = AppConfig { state_dir: cluster.dir.path().join("elsewhere"), ..cluster.config("p") };
    cluster.start_with("p", count(), elsewhere);
    let from = cluster.now;
    cluster.until("it runs elsewhere", |cluster| cluster.logs["p"].has("to: Some(Running)"));
    assert!(cluster.logs["p"].has("waiting for another process on here that calls itself p"));
    assert!(cluster.now - from < 10_000, "{} ms", cluster.now - from);
}
