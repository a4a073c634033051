//! Random workers are killed (SIGKILL) every few seconds under load, while one to four processes share the tasks.

use std::time::{Duration, Instant};

use rand::Rng;
use rand::rngs::StdRng;

use crate::flow::{Flow, PATIENCE};
use crate::form::{chance, is_full, pick};
use crate::system::System;

/// Processes at most.
const PROCESSES: usize = 4;

#[test]
fn payments_survive_kills_of_up_to_four_processes_in_the_classic_protocol() {
    kills("classic", Flow::payments);
    if is_full() {
        kills("classic", Flow::orders);
    }
}

#[test]
fn orders_survive_kills_of_up_to_four_processes_in_the_consumer_protocol() {
    kills("consumer", Flow::orders);
    if is_full() {
        kills("consumer", Flow::payments);
    }
}

/// What was done, and how long it took to get over it.
#[derive(Default)]
struct Story {
    kills: usize,
    while_recovering: usize,
    /// Start to ready.
    recoveries: Vec<Duration>,
    /// How many processes there were at a kill.
    processes: [usize; PROCESSES],
}

fn kills(protocol: &'static str, flow: fn(System, u64) -> Flow) {
    let (mut rng, seed) = chance(&format!("kills ({protocol})"));
    let mut flow = flow(System::shared(&format!("kills-{protocol}")), seed);
    let settings = [("group.protocol", protocol)];
    flow.start_ready(1, &settings);
    flow.start(&settings);
    let mut story = Story::default();
    let begun = Instant::now();
    for _ in 0..pick(4, 50) {
        let gap = Duration::from_millis(rng.random_range(1_000..pick(2_500, 5_000)));
        let until = Instant::now() + gap;
        flow.at_rate(300.0);
        while Instant::now() < until {
            flow.pump();
            story.note_the_ready(&mut flow);
        }
        story.kill_one(&mut flow, &mut rng, &settings);
    }
    for worker in flow.workers.iter_mut().filter(|worker| worker.is_down()) {
        worker.start_again();
    }
    flow.pump_until("every process to be ready", PATIENCE, |flow| {
        story.note_the_ready(flow);
        flow.workers.iter().all(crate::system::Worker::is_ready)
    });
    story.print(protocol, flow.runnable, begun.elapsed());
    flow.end_right();
}

impl Story {
    /// Kills one of those that run. Then it comes back at once, or later, or another one comes beside it.
    fn kill_one(&mut self, flow: &mut Flow, rng: &mut StdRng, settings: &[(&str, &str)]) {
        let running: Vec<usize> = (0..flow.workers.len()).filter(|it| !flow.workers[*it].is_down()).collect();
        let victim = running[rng.random_range(0..running.len())];
        flow.workers[victim].must_live();
        self.kills += 1;
        self.processes[running.len() - 1] += 1;
        if !flow.workers[victim].kill() {
            self.while_recovering += 1;
        }
        let wanted = rng.random_range(1..=PROCESSES);
        if rng.random_bool(0.6) || running.len() == 1 {
            flow.workers[victim].start_again();
        }
        let mut there = flow.workers.iter().filter(|worker| !worker.is_down()).count();
        for worker in flow.workers.iter_mut().filter(|worker| worker.is_down()) {
            if there < wanted {
                worker.start_again();
                there += 1;
            }
        }
        if there < wanted {
            flow.start(settings);
        }
    }

    fn note_the_ready(&mut self, flow: &mut Flow) {
        for worker in &mut flow.workers {
            worker.must_live();
            self.recoveries.extend(worker.newly_ready());
        }
    }

    fn print(&mut self, protocol: &str, runnable: &str, took: Duration) {
        self.recoveries.sort_unstable();
        let times = &self.recoveries;
        eprintln!(
            "{runnable}, {protocol}: {} kills in {took:?}, with 1, 2, 3, 4 processes: {:?}; {} hit one that was not \
             ready yet; start to ready {} times, median {:?}, longest {:?}",
            self.kills,
            self.processes,
            self.while_recovering,
            times.len(),
            times.get(times.len() / 2),
            times.last()
        );
    }
}
