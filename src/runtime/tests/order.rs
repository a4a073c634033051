use super::cluster::Cluster;
use super::topologies::merged;
use crate::broker::Isolation;
use crate::record::Partition;
use crate::runtime::AppConfig;

/// More than a worker takes in several steps.
const RECORDS: usize = 60;

fn produce(cluster: &mut Cluster, topic: &str, count: usize) {
    for number in 0..count {
        cluster.produce(topic, "key", &format!("{topic} {number}"));
    }
    cluster.pass(5);
}

/// What came out, with repetitions counted: topics in the order of their records.
fn story(cluster: &Cluster) -> Vec<(String, usize)> {
    let mut story: Vec<(String, usize)> = Vec::new();
    for record in cluster.records("out") {
        let value = String::from_utf8(record.value.unwrap().to_vec()).unwrap();
        let topic = value.split(' ').next().unwrap().to_owned();
        match story.last_mut() {
            Some((last, count)) if *last == topic => *count += 1,
            _ => story.push((topic, 1)),
        }
    }
    story
}

fn told(parts: &[(&str, usize)]) -> Vec<(String, usize)> {
    parts.iter().map(|(topic, count)| ((*topic).to_owned(), *count)).collect()
}

fn until_all(cluster: &mut Cluster, count: usize) {
    cluster.until("everything is passed on", |cluster| cluster.records("out").len() >= count);
}

#[test]
fn what_was_there_at_the_start_is_taken_by_time_over_all_inputs() {
    for older in ["in", "more"] {
        let mut cluster = Cluster::new(1);
        let newer = if older == "in" { "more" } else { "in" };
        produce(&mut cluster, older, RECORDS);
        produce(&mut cluster, newer, RECORDS);
        cluster.start("p", merged());
        until_all(&mut cluster, 2 * RECORDS);
        assert_eq!(story(&cluster), told(&[(older, RECORDS), (newer, RECORDS)]));
    }
}

#[test]
fn the_order_is_the_same_after_an_abort() {
    let mut cluster = Cluster::new(1);
    produce(&mut cluster, "more", RECORDS);
    produce(&mut cluster, "in", RECORDS);
    cluster.start("p", merged());
    cluster.until("the task runs", |cluster| cluster.logs["p"].has("to: Some(Running)"));
    // Longer than a session: what is processed then may not be committed.
    let frozen = cluster.freeze("p");
    cluster.pass(15_000);
    cluster.thaw("p", frozen);
    until_all(&mut cluster, 2 * RECORDS);
    assert_eq!(story(&cluster), told(&[("more", RECORDS), ("in", RECORDS)]));
}

#[test]
fn an_input_that_has_nothing_more_holds_nobody_up() {
    let mut cluster = Cluster::new(1);
    cluster.start("p", merged());
    cluster.until("the task runs", |cluster| cluster.logs["p"].has("to: Some(Running)"));
    let began = cluster.now;
    produce(&mut cluster, "in", RECORDS);
    until_all(&mut cluster, RECORDS);
    assert!(cluster.now - began < 1_000, "it took {} ms", cluster.now - began);
}

#[test]
fn an_input_that_ends_in_an_open_transaction_holds_nobody_up() {
    let mut cluster = Cluster::new(1);
    produce(&mut cluster, "more", 1);
    let mut writer = cluster.producer(Some("somebody-else"));
    writer.init_transactions().unwrap();
    writer.begin().unwrap();
    cluster.send(writer.as_mut(), "more", "key", "more 1");
    let end =
        |isolation| cluster.reader(None, isolation).watermarks(&Partition::new("more", 0)).unwrap().high;
    assert!(end(Isolation::ReadUncommitted) > end(Isolation::ReadCommitted));
    produce(&mut cluster, "in", RECORDS);
    cluster.start("p", merged());
    cluster.until("the task runs", |cluster| cluster.logs["p"].has("to: Some(Running)"));
    let began = cluster.now;
    until_all(&mut cluster, RECORDS + 1);
    assert!(cluster.now - began < 1_000, "it took {} ms", cluster.now - began);
    assert_eq!(story(&cluster), told(&[("more", 1), ("in", RECORDS)]));
}

#[test]
fn a_record_that_comes_within_the_time_of_patience_is_taken_first() {
    for (patience, first) in [(0, "in"), (500, "more")] {
        let mut cluster = Cluster::new(1);
        let config = AppConfig { max_task_idle_ms: patience, ..cluster.config("p") };
        cluster.start_with("p", merged(), config);
        cluster.until("the task runs", |cluster| cluster.logs["p"].has("to: Some(Running)"));
        let old = cluster.now;
        cluster.now += 10;
        cluster.produce("in", "key", "in 0");
        cluster.pass(100);
        // Written late, with an earlier time.
        let now = std::mem::replace(&mut cluster.now, old);
        cluster.produce("more", "key", "more 0");
        cluster.now = now;
        until_all(&mut cluster, 2);
        assert_eq!(story(&cluster)[0].0, first, "patience of {patience} ms");
    }
}
