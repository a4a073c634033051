//! The promise of the project on real services: five processes are killed with SIGKILL again and again while they
//! work, and in the end every value is right, once.
//!
//! `TOPO_TEST_EVENTS` changes the number of change events, `TOPO_TEST_KILLS` the kills per process, `TOPO_TEST_SEED`
//! repeats a run's input and its moments.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use topologies::generate::{OrdersConfig, OrdersGenerator, PaymentsConfig, PaymentsGenerator, WireRecord};

use crate::support::chance::{moment, number};
use crate::system::{Expected, Input, Outputs, PAUSE, System, Worker, mix, settle};

const PARTITIONS: i32 = 4;
/// Change events per payment.
const EVENTS_PER_PAYMENT: u64 = 4;
/// Milliseconds between two kills.
const GAP_MS: std::ops::Range<u64> = 300..2_300;

/// When whom to kill.
struct Plan {
    /// Time since the start, and the number of the process.
    kills: Vec<(Duration, usize)>,
    end: Duration,
}

/// What the kills did.
#[derive(Default)]
struct Story {
    kills: BTreeMap<String, usize>,
    while_recovering: usize,
    recoveries: Vec<Duration>,
}

#[test]
fn kills_at_random_moments_lose_double_and_spoil_nothing() {
    let seed = number("TOPO_TEST_SEED").unwrap_or_else(moment);
    let events = number("TOPO_TEST_EVENTS").unwrap_or(200_000);
    let kills_each = number("TOPO_TEST_KILLS").unwrap_or(10);
    eprintln!("replay with TOPO_TEST_SEED={seed} TOPO_TEST_EVENTS={events} TOPO_TEST_KILLS={kills_each}");
    let mut rng = StdRng::seed_from_u64(seed);

    let system = System::start();
    let (orders, payments) = generators(seed, events);
    let mut topics = system.names.tables();
    topics.push(system.names.payments());
    let mut input = Input::to(&system, &topics, PARTITIONS);

    let mut workers = start_workers(&system);
    let plan = Plan::draw(&mut rng, workers.len(), usize::try_from(kills_each).unwrap());
    let mut outputs = Outputs::new(&system);
    let total = events + events / EVENTS_PER_PAYMENT;
    let begun = Instant::now();
    let records = mix(orders, payments, EVENTS_PER_PAYMENT);
    let story = kill_while_writing(&plan, &mut workers, &mut input, &mut outputs, records, total);
    let killed = begun.elapsed();
    story.print(killed, input.written());

    let expected = Expected::read_back(&system, &input);
    settle(&system, &mut workers, &mut outputs, &expected);
    eprintln!(
        "all {} output records right {:?} after the last kill, {:?} after the start",
        outputs.records,
        begun.elapsed() - killed,
        begun.elapsed()
    );
    for worker in workers {
        worker.must_stop();
    }
    outputs.read(PAUSE);
    assert_eq!(expected.differences(&system, &outputs), Vec::<String>::new(), "after the stop");
}

fn generators(seed: u64, events: u64) -> (OrdersGenerator, PaymentsGenerator) {
    let payments = PaymentsConfig {
        seed,
        events: events / EVENTS_PER_PAYMENT,
        partitions: Some(PARTITIONS),
        ..PaymentsConfig::default()
    };
    (
        OrdersGenerator::new(OrdersConfig { seed, events, ..OrdersConfig::default() }),
        PaymentsGenerator::new(payments),
    )
}

fn start_workers(system: &System) -> Vec<Worker> {
    let start = |(name, application)| Worker::start(system, name, application, &[]);
    let processes = [
        ("orders-1", "orders"),
        ("orders-2", "orders"),
        ("velocity-1", "velocity"),
        ("velocity-2", "velocity"),
        ("ods", "orders-ods"),
    ];
    processes.into_iter().map(start).collect()
}

impl Plan {
    fn draw(rng: &mut StdRng, workers: usize, kills_each: usize) -> Self {
        let mut whom: Vec<usize> = (0..workers).flat_map(|worker| vec![worker; kills_each]).collect();
        whom.shuffle(rng);
        let mut at = Duration::from_secs(2);
        let mut kill = |worker| {
            at += Duration::from_millis(rng.random_range(GAP_MS));
            (at, worker)
        };
        let kills = whom.into_iter().map(&mut kill).collect();
        Self { kills, end: at }
    }
}

/// Writes the input in step with the kills, and reads the output meanwhile.
fn kill_while_writing(
    plan: &Plan,
    workers: &mut [Worker],
    input: &mut Input,
    outputs: &mut Outputs,
    mut records: impl Iterator<Item = WireRecord>,
    total: u64,
) -> Story {
    let mut story = Story::default();
    let begun = Instant::now();
    let mut kills = plan.kills.iter().peekable();
    let mut written_all = false;
    while kills.peek().is_some() || !written_all {
        let share = begun.elapsed().as_secs_f64() / plan.end.as_secs_f64();
        // Tombstones are records beyond the count of events: whatever is left comes with the last kill.
        let due = if kills.peek().is_none() { u64::MAX } else { (share * total as f64) as u64 };
        // Few at a time, so that a kill is not late.
        for _ in 0..due.saturating_sub(input.written()).min(2_000) {
            match records.next() {
                Some(record) => input.write(&record),
                None => {
                    written_all = true;
                    break;
                }
            }
        }
        outputs.read(Duration::from_millis(10));
        story.note_the_ready(workers);
        if let Some((_, whom)) = kills.next_if(|(at, _)| begun.elapsed() >= *at) {
            story.kill(&mut workers[*whom]);
        }
    }
    input.flush();
    story
}

impl Story {
    fn kill(&mut self, worker: &mut Worker) {
        worker.must_live();
        if !worker.kill_and_restart() {
            self.while_recovering += 1;
        }
        *self.kills.entry(worker.name().to_owned()).or_default() += 1;
    }

    fn note_the_ready(&mut self, workers: &mut [Worker]) {
        for worker in workers {
            worker.must_live();
            self.recoveries.extend(worker.newly_ready());
        }
    }

    #[expect(clippy::print_stderr, reason = "what a run did is part of its result")]
    fn print(&self, took: Duration, written: u64) {
        let mut times = self.recoveries.clone();
        times.sort_unstable();
        eprintln!("{written} records written in {took:?}; kills: {:?}", self.kills);
        eprintln!(
            "start to ready: {} times, median {:?}, longest {:?}; {} kills hit a process that was not ready yet",
            times.len(),
            times.get(times.len() / 2),
            times.last(),
            self.while_recovering
        );
    }
}
