//! Keeps killing at random while both generators run at 10,000 events a minute, and tells how far the processes are
//! behind, how much memory they hold, and how long they take to be back. `TOPO_TEST_SOAK_MINUTES` sets how long.

use std::time::{Duration, Instant};

use rand::Rng;

use crate::flow::{Flow, PATIENCE};
use crate::form::chance;
use crate::support::chance::number;
use crate::system::System;

/// Events per second: 10,000 a minute.
const RATE: f64 = 10_000.0 / 60.0;

/// What was seen.
#[derive(Default)]
struct Seen {
    kills: usize,
    recoveries: Vec<Duration>,
    lag: Vec<u64>,
    resident: Vec<u64>,
}

#[test]
fn soak_keeps_up_with_ten_thousand_events_a_minute_while_processes_are_killed() {
    let time = number("TOPO_TEST_SOAK_MINUTES")
        .map_or(Duration::from_secs(20), |minutes| Duration::from_secs(60 * minutes));
    let (mut rng, seed) = chance("soak");
    let mut flow = Flow::orders(System::shared("soak"), seed);
    flow.start_ready(2, &[]);
    flow.at_rate(RATE);
    let mut seen = Seen::default();
    let begun = Instant::now();
    let mut told = begun;
    let mut next = begun + Duration::from_secs(5);
    while begun.elapsed() < time {
        flow.pump();
        for worker in &mut flow.workers {
            worker.must_live();
            seen.recoveries.extend(worker.newly_ready());
        }
        if Instant::now() >= next {
            let victim = rng.random_range(0..flow.workers.len());
            flow.workers[victim].kill_and_restart();
            seen.kills += 1;
            next = Instant::now() + Duration::from_millis(rng.random_range(5_000..20_000));
        }
        if told.elapsed() >= Duration::from_secs(1) {
            seen.look(&flow);
            if begun.elapsed().as_secs() % 60 < told.elapsed().as_secs() {
                seen.tell(&flow, begun.elapsed());
            }
            told = Instant::now();
        }
    }
    flow.pump_until("both to be ready", PATIENCE, |flow| {
        flow.workers.iter_mut().for_each(|worker| seen.recoveries.extend(worker.newly_ready()));
        flow.workers.iter().all(crate::system::Worker::is_ready)
    });
    seen.tell(&flow, begun.elapsed());
    flow.end_right();
}

impl Seen {
    fn look(&mut self, flow: &Flow) {
        self.lag
            .push(flow.workers.iter().map(|worker| worker.total("topo_consumer_lag_records") as u64).sum());
        self.resident.extend(flow.workers.iter().map(crate::system::Worker::resident));
    }

    fn tell(&self, flow: &Flow, time: Duration) {
        let mib = |bytes: u64| bytes >> 20;
        eprintln!(
            "{} s: {} events in, {} records out, {} kills; lag median {}, highest {}; memory of a process median {} MiB, \
             highest {} MiB; start to ready median {:?}, highest {:?}",
            time.as_secs(),
            flow.input.written(),
            flow.outputs.records,
            self.kills,
            median(&self.lag),
            highest(&self.lag),
            mib(median(&self.resident)),
            mib(highest(&self.resident)),
            median(&self.recoveries),
            highest(&self.recoveries),
        );
    }
}

fn median<T: Copy + Ord + Default>(values: &[T]) -> T {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

fn highest<T: Copy + Ord + Default>(values: &[T]) -> T {
    values.iter().copied().max().unwrap_or_default()
}
