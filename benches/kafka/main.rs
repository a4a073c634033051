//! Seven topologies on a real Kafka: CPU per record, rate, peak memory, and a restore, beside Kafka Streams' figures.
//!
//! Each run is a process of its own (this program again, with its orders in the environment), so that its CPU time and
//! memory are those of the engine and nothing else. Input topics are filled once per broker; every run has its own
//! application id. `--scale 0.1` for a quick look, `--only count` for one topology; `--kafka-streams` runs Kafka Streams 4.3.1
//! over the same facts too, each topology behind ours.
#![allow(clippy::print_stdout, reason = "a bench reports to a person")]
// A bench that cannot go on says so by panicking, as tests do.
#![allow(clippy::unwrap_used)]

#[path = "../../tests/support/mod.rs"]
mod support;

mod changelog;
mod child;
mod java;
mod load;
mod process;
mod run;
mod table;
mod topologies;

use std::collections::BTreeMap;

use clap::Parser;
use support::kafka::Kafka;
use support::scratch::Scratch;
use topo::broker::kafka::KafkaBroker;

use crate::child::Orders;
use crate::topologies::TOPOLOGIES;

// As the binary `topo` does.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// What a person may choose.
#[derive(Parser)]
struct Args {
    /// Part of the 2,000,000 facts and 100,000 keys.
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
    /// Only these topologies; `restore` is the row with a changelog of its own.
    #[arg(long)]
    only: Vec<String>,
    /// Records of that changelog.
    #[arg(long, default_value_t = 10_000_000)]
    changelog: u64,
    /// Processing threads.
    #[arg(long, default_value_t = 2)]
    workers: usize,
    /// Measures Kafka Streams itself too, on this machine and broker.
    #[arg(long)]
    kafka_streams: bool,
    /// What `cargo bench` passes.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    if let Some(orders) = Orders::from_environment() {
        return child::work(&orders);
    }
    let args = Args::parse();
    let kafka = Kafka::shared();
    let broker = KafkaBroker::new(kafka.bootstrap(), BTreeMap::new());
    let facts = load::fill(&broker, args.scale).unwrap();
    println!("{facts} facts, {} workers, exactly once, commit interval 100 ms\n", args.workers);
    let wanted = |name: &str| args.only.is_empty() || args.only.iter().any(|only| only == name);
    if wanted("restore") {
        let state = Scratch::new("bench");
        let orders = orders("count", kafka, &state, args.workers);
        let changelog = format!("{}-counts-changelog", orders.application);
        changelog::fill(&broker, &changelog, args.changelog).unwrap();
        table::restore("a count's changelog", &run::restore(&orders));
    }
    table::head();
    let classes = args.kafka_streams.then(|| Scratch::new("bench-classes"));
    if let Some(classes) = &classes {
        java::compile(classes.path());
    }
    let mut restored = None;
    for name in TOPOLOGIES.into_iter().filter(|name| wanted(name)) {
        let state = Scratch::new("bench");
        let orders = orders(name, kafka, &state, args.workers);
        table::row(name, &run::measure(orders.command(), facts));
        if let Some(classes) = classes.as_ref().filter(|_| java::TOPOLOGIES.contains(&name)) {
            let state = Scratch::new("bench-java");
            let orders = self::orders(name, kafka, &state, args.workers);
            load::output(&broker, &format!("{}-out", orders.application)).unwrap();
            let measured = run::measure(java::command(classes.path(), &orders), facts);
            table::row(&format!("{name}, Kafka Streams"), &measured);
        }
        if name == "count" {
            std::fs::remove_dir_all(state.path()).unwrap();
            restored = Some(run::restore(&orders));
        }
    }
    if let Some(restored) = restored {
        table::restore("what count left", &restored);
    }
}

fn orders(topology: &str, kafka: &Kafka, state: &Scratch, workers: usize) -> Orders {
    Orders {
        topology: topology.to_owned(),
        application: kafka.unique(topology),
        bootstrap: kafka.bootstrap().to_owned(),
        state_dir: state.path().to_owned(),
        workers,
    }
}
