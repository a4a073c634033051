use super::cluster::{Cluster, expected};
use super::topologies::{count, count_behind_repartition};
use crate::broker::NewTopic;
use crate::runtime::process::Part;
use crate::runtime::{AppConfig, Guarantee};

const KEYS: &[&str] = &["a", "b", "c", "d"];
const TIMES: usize = 6;

fn produce_all(cluster: &Cluster) {
    for _ in 0..TIMES {
        KEYS.iter().for_each(|key| cluster.produce("in", key, "v"));
    }
}

fn is_complete(cluster: &Cluster) -> bool {
    cluster.counts().values().map(Vec::len).sum::<usize>() >= KEYS.len() * TIMES
}

/// Crashes a process after `steps` steps of its worker, starts it again, and compares with the truth.
fn crash_after(steps: usize, durable: bool) -> bool {
    let mut cluster = Cluster::new(2);
    produce_all(&cluster);
    let config = AppConfig { durable, ..cluster.config("p") };
    cluster.start_with("p", count(), config.clone());
    cluster.until("tasks run", |cluster| cluster.logs["p"].count("to: Some(Running)") == 2);
    for _ in 0..steps {
        cluster.step("p", Part::Worker(0));
        cluster.now += 5;
    }
    let finished = is_complete(&cluster);
    cluster.crash("p");
    cluster.start_with("p", count(), config);
    cluster.until("everything is counted", |cluster| is_complete(cluster));
    cluster.pass(200);
    assert_eq!(cluster.counts(), expected(KEYS, TIMES), "crash after {steps} steps, durable {durable}");
    finished
}

#[test]
fn a_crash_after_any_step_of_a_worker_loses_nothing_and_doubles_nothing() {
    let mut steps = 0;
    while !crash_after(steps, false) {
        steps += 1;
    }
    assert!(steps > 8, "the commits have more steps than {steps}");
    // Every step of one whole commit with the store on disk.
    for steps in 0..8 {
        crash_after(steps, true);
    }
}

#[test]
fn a_zombie_is_refused_and_comes_back_by_itself() {
    let mut cluster = Cluster::new(2);
    cluster.start("a", count());
    cluster.until("a runs all", |cluster| cluster.logs["a"].count("to: Some(Running)") == 2);
    produce_all(&cluster);
    // Records are read, processed and partly sent, and nothing is committed.
    for _ in 0..3 {
        cluster.step("a", Part::Worker(0));
    }
    let zombie = cluster.freeze("a");
    cluster.start("b", count());
    cluster.until("b has done all", |cluster| is_complete(cluster));
    cluster.thaw("a", zombie);
    KEYS.iter().for_each(|key| cluster.produce("in", key, "v"));
    cluster.pass(5_000);
    assert_eq!(cluster.counts(), expected(KEYS, TIMES + 1));
    assert!(cluster.logs["a"].has("CommitFailed") || cluster.logs["a"].has("taken away"));
}

#[test]
fn records_pass_a_repartition_topic_exactly_once_and_are_purged_behind_it() {
    let mut cluster = Cluster::new(2);
    produce_all(&cluster);
    cluster.start("p", count_behind_repartition());
    cluster.until("everything is counted", |cluster| is_complete(cluster));
    cluster.crash("p");
    cluster.start("p", count_behind_repartition());
    KEYS.iter().for_each(|key| cluster.produce("in", key, "v"));
    cluster.pass(45_000);
    assert_eq!(cluster.counts(), expected(KEYS, TIMES + 1));
    assert_eq!(cluster.records("app-by-key-repartition").len(), 0);
}

#[test]
fn at_least_once_counts_everything_when_nothing_fails() {
    let mut cluster = Cluster::new(2);
    let config = AppConfig { processing: Guarantee::AtLeastOnce, ..cluster.config("p") };
    produce_all(&cluster);
    cluster.start_with("p", count(), config);
    cluster.until("everything is counted", |cluster| is_complete(cluster));
    cluster.pass(200);
    assert_eq!(cluster.counts(), expected(KEYS, TIMES));
}

#[test]
fn a_poison_record_and_an_output_too_large_become_dead_letters_and_the_rest_goes_on() {
    let mut cluster = Cluster::new(1);
    cluster.broker.limit_records(5_000);
    cluster.start("p", count());
    cluster.until("the task runs", |cluster| cluster.logs["p"].has("to: Some(Running)"));
    cluster.produce("in", "a", "v");
    cluster.produce("in", "a", "big:9000");
    cluster.produce("in", "a", "v");
    cluster.until("the last count", |cluster| {
        cluster.counts().get("a").is_some_and(|counts| counts.last().is_some_and(|last| last == "3"))
    });
    assert_eq!(cluster.counts()["a"], ["1", "3"]);
    let letters = cluster.records("app-dead-letters");
    assert_eq!(letters.len(), 1);
    let header = |name: &str| letters[0].headers.last(name).map(<[u8]>::to_vec);
    assert_eq!(letters[0].value, None);
    assert_eq!(header("dlq.truncated"), Some(b"true".to_vec()));
    assert_eq!(header("__streams.errors.topic"), Some(b"in".to_vec()));
    assert_eq!(header("__streams.errors.offset"), Some(b"1".to_vec()));
}

#[test]
fn an_output_from_too_far_ahead_becomes_a_dead_letter_of_now_and_the_rest_goes_on() {
    const HOUR_MS: i64 = 3_600_000;
    let mut cluster = Cluster::new(1);
    let limit = ("message.timestamp.after.max.ms".to_owned(), HOUR_MS.to_string());
    let topic = |name: &str| NewTopic {
        name: name.to_owned(),
        partitions: 1,
        replication: -1,
        settings: [limit.clone()].into(),
    };
    // Made by others, dead letters too.
    cluster.admin().create(&[topic("out"), topic("app-dead-letters")]).unwrap();
    cluster.start("p", count());
    cluster.until("the task runs", |cluster| cluster.logs["p"].has("to: Some(Running)"));
    cluster.produce("in", "a", "v");
    cluster.now += 2 * HOUR_MS;
    cluster.produce("in", "b", "v");
    cluster.now -= 2 * HOUR_MS;
    cluster.produce("in", "a", "v");
    cluster.until("the last count", |cluster| {
        cluster.counts().get("a").is_some_and(|counts| counts.last().is_some_and(|last| last == "2"))
    });
    assert!(!cluster.counts().contains_key("b"));
    let letters = cluster.records("app-dead-letters");
    assert_eq!(letters.len(), 1);
    let header = |name: &str| letters[0].headers.last(name).map(String::from_utf8_lossy);
    assert_eq!(header("dlq.error.type").as_deref(), Some("TIMESTAMP_REFUSED"));
    assert!(header("__streams.errors.message").unwrap().contains("message.timestamp.after.max.ms"));
    assert_eq!(header("__streams.errors.offset").as_deref(), Some("1"));
    // What the store knows goes on to its changelog, whatever its time: the engine has made that topic.
    let logged = cluster.records("app-counts-changelog");
    assert!(logged.iter().any(|record| record.key.as_deref() == Some(b"b")), "{logged:?}");
}
