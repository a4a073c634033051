//! Seven topologies on a real Kafka: CPU per record, rate, peak memory, and a restore, beside Kafka Streams' figures. With
//! `--operators` every family of operators instead, each with Kafka Streams behind it on the same machine.
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
#[path = "../families.rs"]
mod families;
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

use crate::child::{OPERATOR, Orders};
use crate::table::Measured;
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
    /// Every family of operators, ours and then Kafka Streams'.
    #[arg(long)]
    operators: bool,
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
    let bench = Bench { kafka, broker, facts, args };
    if bench.args.operators { bench.operators() } else { bench.topologies() }
}

/// What all runs share.
struct Bench {
    kafka: &'static Kafka,
    broker: KafkaBroker,
    facts: u64,
    args: Args,
}

impl Bench {
    fn wanted(&self, name: &str) -> bool {
        self.args.only.is_empty() || self.args.only.iter().any(|only| only == name)
    }

    /// The topologies of the comparison, and restores.
    fn topologies(&self) {
        if self.wanted("restore") {
            let state = Scratch::new("bench");
            let orders = self.orders("count", &state);
            let changelog = format!("{}-counts-changelog", orders.application);
            changelog::fill(&self.broker, &changelog, self.args.changelog).unwrap();
            table::restore("a count's changelog", &run::restore(&orders));
        }
        table::head();
        let classes = self.args.kafka_streams.then(compiled);
        let mut restored = None;
        for name in TOPOLOGIES.into_iter().filter(|name| self.wanted(name)) {
            let state = Scratch::new("bench");
            let orders = self.orders(name, &state);
            table::row(name, &run::measure(orders.command(), self.facts));
            if let Some(classes) = &classes {
                table::row(&format!("{name}, Kafka Streams"), &self.kafka_streams(name, classes));
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

    /// Every family of operators beside Kafka Streams'. Ends with an error when one is slower than it has it.
    fn operators(&self) {
        table::versus_head();
        let classes = compiled();
        let mut slower = Vec::new();
        for name in families::names().filter(|name| self.wanted(name) && java::has(name)) {
            let state = Scratch::new("bench");
            let topology = format!("{OPERATOR}{name}");
            let ours = run::measure(self.orders(&topology, &state).command(), self.facts);
            let theirs = self.kafka_streams(&topology, &classes);
            if table::versus(name, &ours, &theirs) < 1.0 {
                slower.push(name);
            }
        }
        assert!(slower.is_empty(), "slower than Kafka Streams: {}", slower.join(", "));
        println!("\nno operator is slower than Kafka Streams has it");
    }

    fn kafka_streams(&self, topology: &str, classes: &Scratch) -> Measured {
        let state = Scratch::new("bench-java");
        let orders = self.orders(topology, &state);
        load::output(&self.broker, &format!("{}-out", orders.application)).unwrap();
        run::measure(java::command(classes.path(), &orders), self.facts)
    }

    fn orders(&self, topology: &str, state: &Scratch) -> Orders {
        Orders {
            topology: topology.to_owned(),
            application: self.kafka.unique(topology),
            bootstrap: self.kafka.bootstrap().to_owned(),
            state_dir: state.path().to_owned(),
            workers: self.args.workers,
        }
    }
}

/// Kafka Streams' side, compiled.
fn compiled() -> Scratch {
    let classes = Scratch::new("bench-classes");
    java::compile(classes.path());
    classes
}
