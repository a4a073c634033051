//! The broker is killed (SIGKILL) under load and comes back, once at once and once after a long time. The processes
//! wait, say so, and go on by themselves.

use std::time::Duration;

use rand::Rng;

use crate::flow::{Flow, PARTITIONS, PATIENCE};
use crate::form::{chance, is_full, pick};
use crate::support::kafka::Kafka;
use crate::support::scratch::wait_until;
use crate::system::{Names, Node, PAUSE, System, Worker};

#[test]
fn a_broker_that_is_killed_and_one_that_stays_away_are_waited_for_and_nothing_is_lost() {
    let (mut rng, seed) = chance("broker");
    let mut flow = Flow::orders(System::with(Node::Own(Kafka::start()), Names::usual()), seed);
    flow.start_ready(2, &[]);
    // Once at once, and once away for longer than session and transaction timeouts.
    for away in pick(vec![0, 12], vec![0, 3, 0, 60, 0, 20]) {
        flow.pump_for(Duration::from_millis(rng.random_range(500..3_000)));
        at_rest(&mut flow);
        flow.system.kafka.kill9();
        flow.workers.iter().for_each(says_what_it_waits_for);
        std::thread::sleep(Duration::from_secs(away));
        flow.workers.iter_mut().for_each(Worker::must_live);
        flow.system.kafka.restart();
        if is_full() {
            flow.pump_for(Duration::from_secs(2));
        }
        for worker in &mut flow.workers {
            worker.becomes_ready_again(PATIENCE);
        }
        flow.pump_for(Duration::from_secs(1));
        flow.settle();
        eprintln!("the broker was killed, and away for {away} s: both went on by themselves");
    }
    let restored: f64 = flow.workers.iter().map(|worker| worker.total("topo_restored_records_total")).sum();
    eprintln!("{restored} changelog records were restored over all of it, {PARTITIONS} partitions");
    flow.end_right();
}

fn says_what_it_waits_for(worker: &Worker) {
    wait_until(&format!("{} to say what it waits for", worker.name()), PATIENCE, || {
        worker.health().is_some_and(|answer| {
            answer.starts_with("HTTP/1.1 503") && answer.contains("no broker can be reached")
        })
    });
}

/// Waits until everything that was written is committed. A broker (4.3.1, one node) that is killed while transactions are
/// open, or written to while it recovers, was seen to leave some of them open for good: records without a marker, of
/// transactions that the coordinator calls complete. A restore waits for them, as it must. The full form writes on while
/// the broker recovers.
fn at_rest(flow: &mut Flow) {
    flow.input.flush();
    while flow.outputs.quiet_for() < PAUSE {
        flow.outputs.read(Duration::from_millis(50));
    }
}
