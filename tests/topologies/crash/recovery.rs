//! How long it takes to be back. A process that was killed (SIGKILL) and starts over its state directory gives its first
//! new output within two seconds of its start: it is its group's member still, and replays a tail. Another process takes
//! over the tasks of a dead one within its session timeout and two seconds.
//!
//! The limits are those of the promise, on a machine that has nothing else to do; nothing here is scaled.

use std::time::{Duration, Instant};

use rand::Rng;

use crate::flow::{Flow, PATIENCE};
use crate::form::{chance, pick};
use crate::system::{Expected, PAUSE, System};

/// Until the first output of a process that was started over its directory.
const RESTART: Duration = Duration::from_secs(2);
/// The session timeout of these processes.
const SESSION: Duration = Duration::from_secs(6);
/// Until another one has taken over, after the session.
const TAKEOVER: Duration = Duration::from_secs(2);

#[test]
fn a_killed_process_gives_output_within_two_seconds_of_its_start_over_its_directory() {
    let (mut rng, seed) = chance("restart");
    let mut flow = Flow::payments(System::shared("restart"), seed);
    flow.start_ready(1, &[]);
    flow.write(2_000);
    flow.settle();
    let mut times = Vec::new();
    for _ in 0..pick(5, 25) {
        flow.pump_for(Duration::from_millis(rng.random_range(500..2_000)));
        flow.workers[0].kill();
        // What it had committed is read before it starts again: all that comes then is new.
        while flow.outputs.quiet_for() < PAUSE {
            flow.pump();
        }
        let before = flow.outputs.records;
        flow.workers[0].start_again();
        flow.pump_until("the first new output", PATIENCE, |flow| flow.outputs.records > before);
        times.push(flow.workers[0].started().elapsed());
    }
    report("restart over the directory: start to first new output", &times);
    flow.end_right();
    assert!(times.iter().all(|time| *time < RESTART), "longer than {RESTART:?}: {times:?}");
}

#[test]
fn another_process_takes_over_within_the_session_timeout_and_two_seconds() {
    let (mut rng, seed) = chance("takeover");
    let mut flow = Flow::payments(System::shared("takeover"), seed);
    flow.start_ready(2, &[]);
    flow.write(2_000);
    flow.settle();
    let mut times = Vec::new();
    for round in 0..pick(2, 10) {
        flow.pump_for(Duration::from_millis(rng.random_range(500..2_000)));
        let dead = round % 2;
        flow.workers[dead].kill();
        let killed = Instant::now();
        // Of every partition, and through every stage: nothing of it is answered without the tasks of the dead one.
        flow.write(400);
        let expected = Expected::read_back(&flow.system, &flow.input).payments.expected_verdicts().len();
        flow.at_rate(0.0);
        flow.pump_until("an answer to all of it", PATIENCE, |flow| flow.outputs.verdicts.len() >= expected);
        times.push(killed.elapsed());
        flow.workers[dead].start_again();
        flow.await_ready();
        flow.at_rate(300.0);
    }
    report(&format!("takeover, session timeout {SESSION:?}: kill to last answer"), &times);
    flow.end_right();
    assert!(
        times.iter().all(|time| *time < SESSION + TAKEOVER),
        "longer than {SESSION:?} + {TAKEOVER:?}: {times:?}"
    );
}

fn report(what: &str, times: &[Duration]) {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    eprintln!(
        "{what}, {} times: median {:?}, longest {:?}",
        sorted.len(),
        sorted[sorted.len() / 2],
        sorted[sorted.len() - 1]
    );
}
