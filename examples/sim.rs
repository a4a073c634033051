//! Runs the simulator over many seeds: `cargo run --release --example sim -- --seeds 10000`.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used, reason = "a tool for the terminal")]

#[path = "../tests/sim/mod.rs"]
mod scenarios;

use std::process::ExitCode;
use std::time::Instant;

use topo::testkit::sim::{Sim, Summary};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| {
        args.iter()
            .position(|arg| arg == name)
            .and_then(|at| args.get(at + 1))
            .and_then(|it| it.parse::<u64>().ok())
    };
    let (from, count) = match value("--seed") {
        Some(seed) => (seed, 1),
        None => (value("--from").unwrap_or(0), value("--seeds").unwrap_or(1000)),
    };
    let only = args.iter().position(|arg| arg == "--scenario").and_then(|at| args.get(at + 1));
    for scenario in scenarios::all() {
        if only.is_some_and(|only| only != scenario.name()) {
            continue;
        }
        let mut sim = Sim::new(scenario.as_ref()).rocks(value("--rocks").unwrap_or(50) as usize);
        if args.iter().any(|arg| arg == "--quiet") {
            sim = sim.quiet();
        }
        if args.iter().any(|arg| arg == "--at-least-once") {
            sim = sim.at_least_once();
        }
        let began = Instant::now();
        let mut all = Summary::default();
        for seed in from..from + count {
            match sim.run(seed) {
                Ok(report) => all.add(&report),
                Err(failure) => {
                    println!("{failure}");
                    return ExitCode::FAILURE;
                }
            }
        }
        let took = began.elapsed();
        println!("{}: {all}\n{:.0} schedules/s", scenario.name(), count as f64 / took.as_secs_f64());
    }
    ExitCode::SUCCESS
}
