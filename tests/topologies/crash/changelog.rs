//! A changelog is deleted, cut, or made anew under stores that know better: a clear error that names topic, offsets and
//! the command that repairs it. No guess, and nothing is changed.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use topo::Partition;
use topo::broker::{Broker, NewTopic};

use crate::flow::{Flow, PARTITIONS, PATIENCE};
use crate::form::chance;
use crate::system::{System, Worker};

/// Exit code of a topology that does not fit its topics.
const FAULT: i32 = 5;
const STORE: &str = "accounts-store";

#[test]
fn a_changelog_that_was_deleted_or_made_anew_under_a_newer_store_is_an_error_and_a_reset_repairs_it() {
    let (_, seed) = chance("changelog");
    let mut flow = Flow::payments(System::shared("changelog"), seed);
    flow.start_ready(1, &[]);
    flow.write(800);
    flow.settle();
    let topic = changelog(&flow);

    // Deleted while nobody runs.
    flow.workers[0].stop();
    delete(&flow, &topic);
    refused(&mut flow, &topic, "deleted");

    // There again, and empty: the same as long as the stores know more.
    refused(&mut flow, &topic, "made anew");
    reset(&flow);
    flow.workers[0].start_again();
    flow.workers[0].await_ready(PATIENCE);
    answered_again(&mut flow);

    // Made anew while the process runs.
    let said = flow.workers[0].logged().len();
    delete(&flow, &topic);
    create(&flow, &topic);
    let mut code = None;
    flow.pump_until("the process to end", PATIENCE, |flow| {
        code = flow.workers[0].has_ended();
        code.is_some()
    });
    let log = flow.workers[0].logged()[said..].to_owned();
    assert_eq!(code, Some(FAULT), "{log}");
    names_it(&log, &topic, "made anew while it ran");
    reset(&flow);
    flow.workers[0].start_again();
    flow.workers[0].await_ready(PATIENCE);
    answered_again(&mut flow);
}

#[test]
fn a_changelog_that_was_cut_is_an_error_for_whoever_needs_what_is_gone() {
    let (_, seed) = chance("cut changelog");
    let mut flow = Flow::payments(System::shared("cut"), seed);
    flow.start_ready(1, &[]);
    flow.write(300);
    flow.settle();
    flow.workers[0].stop();
    // A store that was left behind ...
    let old = flow.system.scratch.path().join("old-state");
    let copied = Command::new("cp").arg("-r").arg(flow.workers[0].state()).arg(&old).status().unwrap();
    assert!(copied.success());
    flow.workers[0].start_again();
    flow.workers[0].await_ready(PATIENCE);
    flow.write(800);
    flow.settle();
    flow.workers[0].stop();
    let topic = changelog(&flow);
    cut(&flow, &topic);

    // ... and one that is empty need what is gone;
    for (name, state) in [("behind", &old), ("empty", &flow.system.scratch.path().join("no-state"))] {
        let mut late = Worker::start_in(&flow.system, name, &[flow.runnable], state, &[]);
        assert_eq!(late.ends(PATIENCE), FAULT, "{}", late.logged());
        names_it(&late.logged(), &topic, name);
    }
    // ... the one that has it goes on.
    flow.workers[0].start_again();
    flow.workers[0].await_ready(PATIENCE);
    flow.pump_for(Duration::from_secs(1));
    flow.settle();
}

fn changelog(flow: &Flow) -> String {
    format!("{}-{STORE}-changelog", flow.system.names.application(flow.runnable))
}

/// The start ends with the error.
fn refused(flow: &mut Flow, topic: &str, what: &str) {
    let said = flow.workers[0].logged().len();
    flow.workers[0].start_again();
    let code = flow.workers[0].ends(PATIENCE);
    let log = flow.workers[0].logged()[said..].to_owned();
    assert_eq!(code, FAULT, "{what}: {log}");
    names_it(&log, topic, what);
}

/// Topic, offsets and command.
fn names_it(log: &str, topic: &str, what: &str) {
    let last = log.lines().last().unwrap_or_default();
    assert!(last.contains(&format!("changelog {topic}-")), "{what}: it names the topic: {last}");
    assert!(last.contains("offset"), "{what}: it names offsets: {last}");
    assert!(last.contains("topo reset velocity"), "{what}: it names the command: {last}");
    eprintln!("{what}: {last}");
}

/// What the error told to do.
fn reset(flow: &Flow) {
    let output = flow.workers[0].command("reset", &["--yes"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// After a reset everything is computed and said again: every payment has its right verdict in the end.
fn answered_again(flow: &mut Flow) {
    flow.write(200);
    let expected = crate::system::Expected::read_back(&flow.system, &flow.input);
    let right: BTreeMap<_, _> =
        expected.payments.expected_verdicts().into_iter().map(|(id, verdict)| (id, verdict.value)).collect();
    let since = flow.outputs.records;
    flow.at_rate(0.0);
    flow.pump_until("all payments to be answered again", PATIENCE, |flow| {
        flow.outputs.records - since >= right.len() as u64 && flow.outputs.verdicts == right
    });
    flow.at_rate(300.0);
}

fn delete(flow: &Flow, topic: &str) {
    let mut admin = flow.system.broker.admin().unwrap();
    admin.delete(&[topic.to_owned()]).unwrap();
    crate::support::scratch::wait_until("the topic to be gone", PATIENCE, || {
        admin.partitions(&[topic.to_owned()]).is_ok_and(|there| there.is_empty())
    });
}

fn create(flow: &Flow, topic: &str) {
    let settings = BTreeMap::from([("cleanup.policy".to_owned(), "compact".to_owned())]);
    let new = NewTopic { name: topic.to_owned(), partitions: PARTITIONS, replication: 1, settings };
    let mut admin = flow.system.broker.admin().unwrap();
    crate::support::scratch::wait_until("the topic to be made anew", PATIENCE, || {
        admin.create(std::slice::from_ref(&new)).is_ok_and(|created| created.iter().all(Result::is_ok))
    });
}

/// Deletes all but the last record of each partition. A broker does that only to a topic that may lose records.
fn cut(flow: &Flow, topic: &str) {
    policy(flow, topic, "delete");
    let mut before = Vec::new();
    for number in 0..PARTITIONS {
        let partition = Partition::new(topic, number);
        let records = flow.system.read(&partition, i64::MAX);
        before.push((partition, records.last().unwrap().0));
    }
    flow.system.broker.admin().unwrap().delete_records(&before).unwrap();
    policy(flow, topic, "compact");
}

fn policy(flow: &Flow, topic: &str, policy: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", flow.system.kafka.bootstrap());
    let admin: AdminClient<DefaultClientContext> = config.create().unwrap();
    let change = AlterConfig::new(ResourceSpecifier::Topic(topic)).set("cleanup.policy", policy);
    let changed = runtime.block_on(admin.alter_configs([&change], &AdminOptions::new())).unwrap();
    assert!(changed.iter().all(Result::is_ok), "{changed:?}");
}
