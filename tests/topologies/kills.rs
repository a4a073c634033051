//! The promise of the project on real services: five processes are killed with SIGKILL again and again while they
//! work, and in the end every value is right, once.
//!
//! `TOPO_TEST_EVENTS` changes the number of change events, `TOPO_TEST_KILLS` the kills per process, `TOPO_TEST_SEED`
//! repeats a run's input and its moments.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use serde_json::Value;
use topologies::cdc::{Catalogue, DecoderConfig};
use topologies::generate::{
    OrdersConfig, OrdersGenerator, PaymentsConfig, PaymentsGenerator, WireRecord, orders_topics,
};
use topologies::model::{OrdersModel, OrdersModelConfig, PaymentsModel, PaymentsModelConfig};

use crate::system::{Input, Outputs, System, Worker};

const PARTITIONS: i32 = 4;
/// Change events per payment.
const EVENTS_PER_PAYMENT: u64 = 4;
/// Milliseconds between two kills.
const GAP_MS: std::ops::Range<u64> = 300..2_300;
/// The outputs are compared with the model when nothing has come for this long, and must stay so once more.
const PAUSE: Duration = Duration::from_millis(1_500);
/// How long the processes may take for the rest once nobody kills them any more.
const PATIENCE: Duration = Duration::from_secs(150);

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

/// What the input says must come out.
struct Expected {
    orders: OrdersModel,
    payments: PaymentsModel,
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
    let mut topics = orders_topics("oracle-cdc", "SALES").to_vec();
    topics.push("transactions".to_owned());
    system.create_topics(&topics, PARTITIONS);

    let mut workers = start_workers(&system);
    let plan = Plan::draw(&mut rng, workers.len(), usize::try_from(kills_each).unwrap());
    let mut input = Input::new(&system, PARTITIONS);
    let mut outputs = Outputs::new(&system);
    let total = events + events / EVENTS_PER_PAYMENT;
    let begun = Instant::now();
    let story =
        kill_while_writing(&plan, &mut workers, &mut input, &mut outputs, mix(orders, payments), total);
    let killed = begun.elapsed();
    story.print(killed, input.written());

    let expected = Expected::read_back(&system, &topics, input.written());
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
    assert_eq!(differences(&expected, &system, &outputs), Vec::<String>::new(), "after the stop");
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{variable} is {text}")))
}

/// Another number in every run.
fn moment() -> u64 {
    u64::from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos())
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

/// Payments among the change events, until both are at their end.
fn mix(mut orders: OrdersGenerator, mut payments: PaymentsGenerator) -> impl Iterator<Item = WireRecord> {
    let mut turn = 0;
    std::iter::from_fn(move || {
        turn += 1;
        if turn % (EVENTS_PER_PAYMENT + 1) == 0 {
            payments.next().or_else(|| orders.next())
        } else {
            orders.next().or_else(|| payments.next())
        }
    })
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

impl Expected {
    /// What the broker has, in its order.
    fn read_back(system: &System, topics: &[String], written: u64) -> Self {
        let decoder = DecoderConfig::new(Catalogue::sales().unwrap());
        let mut expected = Self {
            orders: OrdersModel::new(OrdersModelConfig::new(decoder)),
            payments: PaymentsModel::new(PaymentsModelConfig::default()),
        };
        let mut read = 0;
        for topic in topics {
            for (partition, offset, record) in system.read_back(topic, PARTITIONS) {
                read += 1;
                match topic.as_str() {
                    "transactions" => expected.payments.apply(topic, partition, offset, &record),
                    _ => expected.orders.apply(topic, partition, offset, &record),
                }
            }
        }
        assert_eq!(read, written, "what was written is in the topics");
        assert!(expected.orders.expected_dead_letters().is_empty());
        assert!(expected.payments.expected_dead_letters().is_empty());
        expected
    }
}

/// Waits until everything is right and stays so; panics with the differences.
fn settle(system: &System, workers: &mut [Worker], outputs: &mut Outputs, expected: &Expected) {
    let deadline = Instant::now() + PATIENCE;
    let mut wrong = vec!["nothing was compared yet".to_owned()];
    while !wrong.is_empty() {
        assert!(
            Instant::now() < deadline,
            "{} differences {PATIENCE:?} after the last kill:\n{}\n{}",
            wrong.len(),
            wrong.iter().take(20).map(String::as_str).collect::<Vec<_>>().join("\n"),
            states(workers)
        );
        outputs.read(Duration::from_millis(200));
        workers.iter_mut().for_each(Worker::must_live);
        assert_eq!(outputs.anomalies, Vec::<String>::new());
        if outputs.quiet_for() > PAUSE {
            wrong = differences(expected, system, outputs);
        }
    }
}

/// What the processes say of themselves, and where their logs end.
fn states(workers: &[Worker]) -> String {
    let state = |worker: &Worker| {
        let log = crate::support::scratch::tail(&worker.log());
        format!("--- {}: {:?}\n{log}", worker.name(), worker.health())
    };
    workers.iter().map(state).collect::<Vec<_>>().join("\n")
}

/// One line for everything that is not as the model says.
fn differences(expected: &Expected, system: &System, outputs: &Outputs) -> Vec<String> {
    let mut lines = outputs.anomalies.clone();
    lines.extend(expected.orders.differences_enriched(&outputs.enriched));
    compare("revenue", &expected.orders.expected_revenue(), &outputs.revenue, &mut lines);
    let alerts = expected.orders.expected_alerts();
    let alerted = outputs.alerted();
    lines.extend(alerts.required.difference(&alerted).map(|id| format!("alert of order {id} is missing")));
    lines.extend(alerted.difference(&alerts.permitted).map(|id| format!("no alert of order {id} is right")));
    let verdict = |(id, verdict): (String, topologies::model::ExpectedVerdict)| {
        assert!(verdict.determined, "the payments of an account lie in one partition");
        (id, verdict.value)
    };
    let verdicts = expected.payments.expected_verdicts().into_iter().map(verdict).collect();
    compare("verdict", &verdicts, &outputs.verdicts, &mut lines);
    let tables = system.tables().unwrap_or_default();
    lines.extend(tables.wrong_windows.iter().map(|id| format!("row of order {id}: wrong window")));
    let rows = expected.orders.differences_enriched(&tables.orders);
    lines.extend(rows.into_iter().map(|line| format!("tables: {line}")));
    compare("row of order", &outputs.enriched, &tables.orders, &mut lines);
    lines
}

fn compare<K: Ord + std::fmt::Display>(
    what: &str,
    expected: &BTreeMap<K, Value>,
    actual: &BTreeMap<K, Value>,
    lines: &mut Vec<String>,
) {
    for (key, value) in expected {
        if actual.get(key) != Some(value) {
            lines.push(format!("{what} {key}: expected {value}, found {:?}", actual.get(key)));
        }
    }
    for (key, value) in actual.iter().filter(|(key, _)| !expected.contains_key(key)) {
        lines.push(format!("{what} {key}: expected nothing, found {value}"));
    }
}
