//! Processes that wait, become ready and end as they should, whatever the broker does.

use std::time::Duration;

use topologies::generate::orders_topics;

use crate::support::scratch::wait_until;
use crate::system::{System, Worker};

const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn a_missing_input_topic_is_named_and_waited_for_and_sigterm_ends_every_process_in_time() {
    let system = System::start();
    let topics = orders_topics("oracle-cdc", "SALES");
    let (missing, there) = topics.split_first().unwrap();
    system.create_topics(there, 2);
    let mut orders = Worker::start(&system, "orders", "orders", &[]);
    let mut velocity = Worker::start(&system, "velocity", "velocity", &[]);
    let mut ods = Worker::start(&system, "ods", "orders-ods", &[]);
    await_waiting(&orders, missing);
    await_waiting(&velocity, "transactions");
    await_waiting(&ods, "orders.enriched");

    // One that waits can be ended, too.
    velocity.must_live();
    velocity.must_stop();
    let mut velocity = Worker::start(&system, "velocity", "velocity", &[]);

    system.create_topics(&[missing.clone(), "transactions".to_owned()], 2);
    for worker in [&mut orders, &mut velocity, &mut ods] {
        worker.await_ready(PATIENCE);
    }
    for worker in [orders, velocity, ods] {
        worker.must_stop();
    }
}

#[test]
fn sigterm_ends_every_process_in_time_while_the_broker_is_away() {
    let system = System::start();
    let mut topics = orders_topics("oracle-cdc", "SALES").to_vec();
    topics.push("transactions".to_owned());
    system.create_topics(&topics, 2);
    let applications = ["orders", "velocity", "orders-ods"];
    let mut workers = applications.map(|name| Worker::start(&system, name, name, &[]));
    for worker in &mut workers {
        worker.await_ready(PATIENCE);
    }
    // A broker that was away is found again, by itself, and also when there is nothing to do.
    system.kafka.kill9();
    for worker in &workers {
        await_unready(worker);
    }
    system.kafka.restart();
    for worker in &mut workers {
        worker.becomes_ready_again(PATIENCE);
    }

    system.kafka.kill9();
    // These have never seen the broker.
    let late = applications.map(|name| Worker::start(&system, &format!("late-{name}"), name, &[]));
    for worker in late.iter().chain(&workers) {
        await_unready(worker);
    }
    for worker in late.into_iter().chain(workers) {
        worker.must_stop();
    }
}

/// Waits until the process says that it is not ready, because it cannot reach the broker.
fn await_unready(worker: &Worker) {
    wait_until(&format!("{} to say that it is not ready", worker.name()), PATIENCE, || {
        worker.health().is_some_and(|answer| answer.starts_with("HTTP/1.1 503"))
    });
}

/// Waits until the process says that it is not ready, and names what it waits for.
fn await_waiting(worker: &Worker, topic: &str) {
    wait_until(&format!("{} to wait for {topic}", worker.name()), PATIENCE, || {
        worker.health().is_some_and(|answer| answer.starts_with("HTTP/1.1 503") && answer.contains(topic))
    });
}
