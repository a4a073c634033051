//! What the engine itself costs per record: whole topologies on the memory broker, one thread, no network.
//!
//! The time is that of the process with everything it does (poll, process, send, commit), and of the memory broker under
//! it. The chains differ only in their number of operators: their difference is the price of a hop. Then each family of
//! operators has a row: beside the chain of none it is what the operator costs.

mod families;
#[path = "kafka/load.rs"]
mod load;
#[allow(dead_code, reason = "not every bench uses every constant")]
#[path = "kafka/topologies.rs"]
mod topologies;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use topo::broker::memory::MemoryBroker;
use topo::broker::{Broker, NewTopic};
use topo::state::{bytes, utf8};
use topo::{AppConfig, Builder, Error, Event, Observer, Part, Process, Topic, Topology};

use crate::topologies::{FACTS, PARTITIONS, TOPOLOGIES};

/// Part of the facts of the big bench.
const SCALE: f64 = 0.05;

/// Counts the facts that are committed.
#[derive(Default)]
struct Committed(AtomicU64);

impl Observer for Committed {
    fn event(&self, event: &Event<'_>) {
        if let Event::Processed { partition, count } = event
            && *partition.topic == *FACTS
        {
            self.0.fetch_add(*count, Ordering::Relaxed);
        }
    }
}

/// Virtual milliseconds between two rounds of steps.
const TICK_MS: i64 = 5;
/// Rounds after which something must be wrong.
const ROUNDS: u64 = 1_000_000;

/// Runs `topology` over all facts; the time from the first processed record on.
fn run(topology: Topology, broker: &MemoryBroker, facts: u64) -> Result<Duration, Error> {
    let directory = tempfile::tempdir().map_err(|source| Error::Io {
        action: "making a scratch directory in",
        path: std::env::temp_dir(),
        source,
    })?;
    let config = AppConfig { state_dir: directory.path().to_owned(), ..AppConfig::default() };
    let committed = Arc::new(Committed::default());
    let mut process = Process::new(topology, Arc::new(broker.clone()), config, committed.clone())?;
    let (mut now, mut began) = (0, None);
    for _ in 0..ROUNDS {
        for part in process.parts() {
            // Workers are there once the group is joined; their first step with tasks starts the clock, near enough.
            if matches!(part, Part::Worker(_)) && began.is_none() {
                began = Some(Instant::now());
            }
            process.step(part, now)?;
        }
        if committed.0.load(Ordering::Relaxed) >= facts {
            return Ok(began.map_or(Duration::ZERO, |began| began.elapsed()));
        }
        now += TICK_MS;
        broker.advance(now);
    }
    panic!("{ROUNDS} rounds were not enough for {facts} records");
}

/// A broker with filled inputs and an output topic.
fn filled() -> Result<(MemoryBroker, u64), Error> {
    let broker = MemoryBroker::new();
    let facts = load::fill(&broker, SCALE)?;
    let (name, settings) = ("out".to_owned(), BTreeMap::new());
    broker.admin()?.create(&[NewTopic { name, partitions: PARTITIONS, replication: 1, settings }])?;
    Ok((broker, facts))
}

/// `length` operators that change nothing.
fn chain(length: usize) -> Topology {
    let app = Builder::new("chain");
    let topic: Topic<String, Vec<u8>> = Topic::new(FACTS, utf8(), bytes());
    let mut stream = app.stream("facts", &topic);
    for nth in 0..length {
        stream = stream.map_values(&format!("map-{nth}"), |_, value| value);
    }
    stream.to("out", &Topic::new("out", utf8(), bytes()));
    app.build().expect("a chain is a topology")
}

fn measure(criterion: &mut Criterion, group: &str, name: &str, topology: &dyn Fn() -> Topology) {
    let mut group = criterion.benchmark_group(group);
    let (_, facts) = filled().expect("the memory broker takes the inputs");
    group.sample_size(10).throughput(Throughput::Elements(facts));
    group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
        bencher.iter_custom(|iterations| {
            let one = |_| {
                let (broker, facts) = filled().expect("the memory broker takes the inputs");
                run(topology(), &broker, facts).expect("the application must run")
            };
            (0..iterations).map(one).sum()
        });
    });
    group.finish();
}

fn whole_topologies(criterion: &mut Criterion) {
    for name in TOPOLOGIES {
        let topology = || topologies::topology(name, "out").expect("a valid topology");
        measure(criterion, "topology", name, &topology);
    }
}

fn operators(criterion: &mut Criterion) {
    for length in [0, 1, 10] {
        measure(criterion, "chain", &length.to_string(), &|| chain(length));
    }
}

fn families(criterion: &mut Criterion) {
    for name in families::names() {
        measure(criterion, "operator", name, &|| families::topology(name, "out").expect("it is one of them"));
    }
}

criterion_group!(benches, whole_topologies, operators, families);
criterion_main!(benches);
