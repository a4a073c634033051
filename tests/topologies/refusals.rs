//! What a process does about a world that does not fit it: it ends or waits, and says what, where, and what to do.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use topo::broker::{Broker, NewTopic};
use topologies::generate::WireRecord;

use crate::support::acl::{Operation, Resource};
use crate::support::kafka::Kafka;
use crate::support::scratch::{tail, wait_until};
use crate::system::{Input, System, Worker};

const PATIENCE: Duration = Duration::from_secs(60);

fn payment(id: &str, account: &str) -> Value {
    json!({"transactionId": id, "timestamp": "2026-02-06T10:30:00Z", "amount": 5, "currency": "USD",
        "debtorAccount": account, "creditorAccount": "C"})
}

fn write(input: &mut Input, value: &str) {
    write_to(input, "transactions", value);
}

fn write_to(input: &mut Input, topic: &str, value: &str) {
    input.write(&WireRecord {
        topic: topic.into(),
        key: Some(b"key".to_vec()),
        value: Some(value.as_bytes().to_vec()),
        timestamp_ms: 1_770_000_000_000,
        headers: vec![("trace".into(), Some(b"t-1".to_vec()))],
    });
}

fn topics(system: &System, new: &[(&str, i32, &str)]) {
    let new = new.iter().map(|(name, partitions, policy)| NewTopic {
        name: (*name).to_owned(),
        partitions: *partitions,
        replication: 1,
        settings: BTreeMap::from([("cleanup.policy".to_owned(), (*policy).to_owned())]),
    });
    let mut admin = system.broker.admin().unwrap();
    for created in admin.create(&new.collect::<Vec<_>>()).unwrap() {
        created.unwrap();
    }
}

/// The process must end with this code, and its last words must hold these.
#[track_caller]
fn ends_with(worker: Worker, code: i32, words: &[&str]) {
    let name = worker.name().to_owned();
    let log = worker.log();
    let (ended, said) = worker.must_end(PATIENCE);
    let last = said.lines().last().unwrap_or_default();
    assert_eq!(ended, Some(code), "{name}:\n{}", tail(&log));
    let absent: Vec<&&str> = words.iter().filter(|word| !last.contains(**word)).collect();
    assert!(absent.is_empty(), "{name} does not say {absent:?}: {last}");
}

#[test]
fn a_missing_right_is_named_with_what_it_is_about_and_what_to_do() {
    let system = System::on(Kafka::start_with_rights());
    // One application per case, each with topics of its own: `{}` is its name.
    let topic = Resource::Topic;
    let denials = [
        (topic, "{}.in", Operation::Read),
        (topic, "{}.out", Operation::Write),
        (topic, "{}-claims-store-changelog", Operation::Write),
        (Resource::Group, "{}", Operation::Read),
        (Resource::TransactionalId, "{}-it-0", Operation::Write),
        (topic, "{}-claims-store-changelog", Operation::Create),
    ];
    for (number, (resource, name, operation)) in denials.into_iter().enumerate() {
        let application = format!("denied-{number}");
        let (input, output) = (format!("{application}.in"), format!("{application}.out"));
        topics(&system, &[(&input, 1, "delete"), (&output, 1, "delete")]);
        let mut writer = Input::new(&system, 1);
        write_to(&mut writer, &input, &payment("a", "D").to_string());
        writer.flush();
        let name = name.replace("{}", &application);
        if matches!(operation, Operation::Create) {
            // The right to create any topic would do as well.
            system.kafka.deny(Resource::Cluster, "kafka-cluster", operation);
        }
        system.kafka.deny(resource, &name, operation);
        let settings = [
            ("application.id", application.as_str()),
            ("velocity.topic.input", &input),
            ("velocity.topic.output", &output),
            ("group.instance.id", "it"),
            ("workers", "1"),
        ];
        let worker =
            Worker::start(&system, &format!("{operation:?} denied on {name}"), "velocity", &settings);
        ends_with(worker, 3, &[&name, "not allowed", "grant the right"]);
    }
}

#[test]
fn an_input_topic_that_may_not_be_seen_is_waited_for_by_name() {
    let system = System::on(Kafka::start_with_rights());
    topics(&system, &[("transactions", 1, "delete")]);
    system.kafka.deny(Resource::Topic, "transactions", Operation::Describe);
    let worker = Worker::start(&system, "velocity", "velocity", &[]);
    wait_until("the wait to be explained", PATIENCE, || {
        let said = worker.health().unwrap_or_default();
        said.contains("input topic transactions") && said.contains("may not see it")
    });
    worker.must_stop();
}

#[test]
fn an_internal_topic_that_does_not_fit_is_named_with_what_is_wrong() {
    let changelog = "velocity-claims-store-changelog";
    let cases = [
        (changelog, 2, "delete", "cleanup.policy"),
        (changelog, 3, "compact", "partitions"),
        ("velocity-account-payments-repartition", 5, "delete", "partitions"),
    ];
    for (topic, partitions, policy, wrong) in cases {
        let system = System::start();
        topics(&system, &[("transactions", 2, "delete"), (topic, partitions, policy)]);
        let worker = Worker::start(&system, "velocity", "velocity", &[]);
        ends_with(worker, 5, &[topic, wrong, "topo reset"]);
    }
}

#[test]
fn poison_in_the_middle_is_one_dead_letter_and_everything_else_goes_on() {
    let system = System::start();
    topics(&system, &[("transactions", 1, "delete")]);
    let mut worker = Worker::start(&system, "velocity", "velocity", &[]);
    let mut input = Input::new(&system, 1);
    let poison = "{\"transactionId\": \"b\", ";
    for value in [payment("a", "D").to_string(), poison.to_owned(), payment("c", "D").to_string()] {
        write(&mut input, &value);
    }
    input.flush();
    wait_until("two verdicts", PATIENCE, || {
        worker.must_live();
        let there = system.broker.admin().unwrap().partitions(&["velocity.verdicts".to_owned()]).unwrap();
        !there.is_empty() && system.read_all("velocity.verdicts", 1).len() == 2
    });
    let letters = system.read_all("velocity-dead-letters", 1);
    assert_eq!(letters.len(), 1);
    let letter = &letters[0].2;
    assert_eq!(
        (letter.key.as_deref(), letter.value.as_deref()),
        (Some(&b"key"[..]), Some(poison.as_bytes()))
    );
    assert_eq!(letter.timestamp, 1_770_000_000_000);
    let names: Vec<&str> = letter.headers.iter().map(|header| header.name.as_str()).collect();
    assert_eq!(names[0], "trace");
    let first_of_ours = names.iter().position(|name| name.starts_with("dlq.")).unwrap();
    assert!(names[1..first_of_ours].iter().all(|name| name.starts_with("__streams.errors.")), "{names:?}");
    assert!(names[first_of_ours..].iter().all(|name| name.starts_with("dlq.")), "{names:?}");
    let header =
        |name: &str| letter.headers.last(name).map(|text| String::from_utf8_lossy(text).into_owned());
    assert_eq!(header("__streams.errors.topic").as_deref(), Some("transactions"));
    assert_eq!(header("__streams.errors.partition").as_deref(), Some("0"));
    assert_eq!(header("__streams.errors.offset").as_deref(), Some("1"));
    assert_eq!(header("dlq.error.type").as_deref(), Some("MALFORMED_JSON"));
    worker.must_stop();
}

#[test]
fn a_stop_policy_ends_the_process_at_the_record_and_another_policy_goes_on_behind_it() {
    let system = System::start();
    topics(&system, &[("transactions", 1, "delete")]);
    let stop = [("faults.processing", "stop"), ("faults.deserialization", "stop")];
    let worker = Worker::start(&system, "velocity", "velocity", &stop);
    let mut input = Input::new(&system, 1);
    for value in [payment("a", "D").to_string(), "{".to_owned(), payment("c", "D").to_string()] {
        write(&mut input, &value);
    }
    input.flush();
    ends_with(worker, 5, &["transactions", "offset 1", "MALFORMED_JSON", "faults.", "skip"]);
    let worker = Worker::start(&system, "again", "velocity", &[]);
    wait_until("both verdicts", PATIENCE, || system.read_all("velocity.verdicts", 1).len() == 2);
    assert_eq!(system.read_all("velocity-dead-letters", 1).len(), 1);
    worker.must_stop();
}

#[test]
fn a_record_that_is_too_large_is_one_dead_letter_without_its_value() {
    let system = System::start();
    topics(&system, &[("transactions", 1, "delete")]);
    let worker = Worker::start(&system, "velocity", "velocity", &[("max.record.bytes", "4kB")]);
    let mut input = Input::new(&system, 1);
    for (id, account) in [("a", "D".to_owned()), ("b", "X".repeat(10_000)), ("c", "D".to_owned())] {
        write(&mut input, &payment(id, &account).to_string());
    }
    input.flush();
    wait_until("two verdicts", PATIENCE, || {
        let there = system.broker.admin().unwrap().partitions(&["velocity.verdicts".to_owned()]).unwrap();
        !there.is_empty() && system.read_all("velocity.verdicts", 1).len() == 2
    });
    let letters = system.read_all("velocity-dead-letters", 1);
    let shown: Vec<_> = letters
        .iter()
        .map(|(.., letter)| {
            let header =
                |name: &str| letter.headers.last(name).map(|text| String::from_utf8_lossy(text).into_owned());
            (
                letter.value.is_none(),
                header("trace"),
                header("__streams.errors.topic"),
                header("__streams.errors.offset"),
                header("dlq.truncated"),
            )
        })
        .collect();
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(shown, [(true, text("t-1"), text("transactions"), text("1"), text("true"))]);
    worker.must_stop();
}
