//! How long it takes to be back. A process that was killed (SIGKILL) and starts over its state directory gives its first
//! new output within two seconds of its start: it is its group's member still, and replays a tail. Another process takes
//! over the tasks of a dead one within its session timeout and two seconds.
//!
//! The limits are those of a machine that has nothing else to do. On one that is busy with other things a limit is longer
//! by what a thread that computes gets there: the time it takes by the time it is at work.

use std::time::{Duration, Instant};

use rand::Rng;

use crate::flow::{Flow, PATIENCE};
use crate::form::{chance, pick};
use crate::system::{Expected, PAUSE, System, Worker};

/// Until the first output of a process that was started over its directory: nothing is waited for.
const RESTART: Duration = Duration::from_secs(2);
/// The default session timeout. That of transactions is as long: what a dead process left open is over by then, too.
const SESSION: Duration = Duration::from_secs(10);
/// Until another one has taken over, after the session.
const TAKEOVER: Duration = Duration::from_secs(2);

#[test]
fn a_killed_process_gives_output_within_two_seconds_of_its_start_over_its_directory() {
    let (mut rng, seed) = chance("restart");
    let mut flow = Flow::payments(System::shared("restart"), seed).alone();
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
        let slower = slowness();
        flow.workers[0].start_again();
        flow.pump_until("the first new output", PATIENCE, |flow| flow.outputs.records > before);
        times.push((flow.workers[0].started().elapsed(), slower.max(slowness())));
    }
    flow.end_right();
    assert_median("restart over the directory: start to first new output", times, Duration::ZERO, RESTART);
}

#[test]
fn another_process_takes_over_within_the_session_timeout_and_two_seconds() {
    let (mut rng, seed) = chance("takeover");
    let mut flow = Flow::payments(System::shared("takeover"), seed).alone();
    flow.start_ready(2, &[("session.timeout.ms", "10s"), ("transaction.timeout.ms", "10s")]);
    flow.write(2_000);
    flow.settle();
    let (mut times, mut whole, mut taken) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..pick(3, 11) {
        flow.pump_for(Duration::from_millis(rng.random_range(500..2_000)));
        let dead = round % 2;
        let tasks: f64 = flow.workers.iter().map(running).sum();
        flow.workers[dead].kill();
        let killed = Instant::now();
        // Of every partition, and through every stage: nothing of it is answered without the tasks of the dead one.
        let before = Expected::read_back(&flow.system, &flow.input).payments.expected_verdicts();
        flow.write(400);
        let expected = Expected::read_back(&flow.system, &flow.input).payments.expected_verdicts().len();
        flow.at_rate(0.0);
        flow.pump_until("the other runs all tasks", PATIENCE, |flow| {
            running(&flow.workers[1 - dead]) >= tasks
        });
        taken.push((killed.elapsed(), slowness()));
        flow.pump_until("the first answer to it", PATIENCE, |flow| {
            flow.outputs.verdicts.keys().any(|id| !before.contains_key(id))
        });
        times.push((killed.elapsed(), slowness()));
        flow.pump_until("an answer to all of it", PATIENCE, |flow| flow.outputs.verdicts.len() >= expected);
        whole.push(killed.elapsed());
        flow.workers[dead].start_again();
        flow.workers[dead].await_ready(PATIENCE);
        flow.at_rate(300.0);
    }
    eprintln!("takeover: kill to last answer, {whole:?}");
    flow.end_right();
    assert_median("takeover, session timeout 10 s: kill to all tasks running", taken, SESSION, TAKEOVER);
    assert_median("takeover, session timeout 10 s: kill to first new answer", times, SESSION, TAKEOVER);
}

/// How many tasks run on a process.
fn running(worker: &Worker) -> f64 {
    worker.total_of("topo_tasks", "state=\"running\"")
}

/// The median of times, each with how much slower than idle the machine was then, is within what must be waited for and
/// what it takes to work. The median, because a time now and then has somebody else's pause in it.
fn assert_median(what: &str, mut times: Vec<(Duration, f64)>, wait: Duration, work: Duration) {
    times.sort_unstable_by_key(|(time, _)| *time);
    let ((median, slower), (longest, _)) = (times[times.len() / 2], times[times.len() - 1]);
    eprintln!("{what}, {} times: median {median:?}, longest {longest:?}", times.len());
    assert!(
        median <= wait + work.mul_f64(slower),
        "{what}: longer than {wait:?} + {work:?} on a machine that is {slower:.2} times as slow as an idle one: {times:?}"
    );
}

/// How much longer than on an idle machine two threads take that compute for a moment; 1 on an idle one with two cores.
fn slowness() -> f64 {
    let threads = [(); 2].map(|()| std::thread::spawn(slowness_of_a_thread));
    threads.into_iter().map(|thread| thread.join().unwrap()).fold(1.0, f64::max)
}

fn slowness_of_a_thread() -> f64 {
    // Nanoseconds on a processor, then nanoseconds of waiting for one.
    let spent = || {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
        let mut numbers = text.split(' ').map(|number| number.trim().parse::<f64>().unwrap());
        (numbers.next().unwrap(), numbers.next().unwrap())
    };
    let (begun, (worked, waited)) = (Instant::now(), spent());
    while begun.elapsed() < Duration::from_millis(150) {
        std::hint::spin_loop();
    }
    let (worked_then, waited_then) = spent();
    1.0 + (waited_then - waited) / (worked_then - worked).max(1.0)
}
