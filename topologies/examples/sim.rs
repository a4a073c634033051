//! Runs the simulator over many seeds: `make sim`, or `make sim ARGS="--scenario count --seed 42"`.
//!
//! Options: `--schedules N` (10,000) over all scenarios, `--from SEED` (0), `--scenario NAME` (all), `--seed N` (only this
//! run, which is repeated exactly), `--rocks N` (one run in N keeps its stores in RocksDB; 100), `--at-least-once`, `--quiet`
//! (nothing fails).
#![allow(clippy::print_stdout, clippy::expect_used, reason = "a tool for the terminal")]

#[path = "../../tests/sim/applications.rs"]
mod applications;
#[path = "../../tests/sim/mod.rs"]
mod scenarios;

use std::process::ExitCode;
use std::time::Instant;

use topo::testkit::sim::{Scenario, Sim, Summary};

struct Options {
    schedules: u64,
    from: u64,
    seed: Option<u64>,
    scenario: Option<String>,
    rocks: usize,
    at_least_once: bool,
    quiet: bool,
}

impl Options {
    fn read(mut args: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            schedules: 10_000,
            from: 0,
            seed: None,
            scenario: None,
            rocks: 100,
            at_least_once: false,
            quiet: false,
        };
        while let Some(name) = args.next() {
            let mut number = || -> Result<u64, String> {
                let text = args.next().unwrap_or_default();
                text.parse().map_err(|_| format!("{name} takes a number, not {text:?}"))
            };
            match name.as_str() {
                "--schedules" => options.schedules = number()?,
                "--from" => options.from = number()?,
                "--seed" => options.seed = Some(number()?),
                "--rocks" => options.rocks = usize::try_from(number()?).map_err(|error| error.to_string())?,
                "--scenario" => options.scenario = args.next(),
                "--at-least-once" => options.at_least_once = true,
                "--quiet" => options.quiet = true,
                other => return Err(format!("unknown option {other}")),
            }
        }
        Ok(options)
    }

    fn sim<'s>(&self, scenario: &'s dyn Scenario) -> Sim<'s> {
        let mut sim = Sim::new(scenario).rocks(self.rocks);
        if self.at_least_once {
            sim = sim.at_least_once();
        }
        if self.quiet {
            sim = sim.quiet();
        }
        sim
    }
}

fn main() -> ExitCode {
    let options = match Options::read(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(error) => {
            println!("{error}");
            return ExitCode::from(2);
        }
    };
    let mut all: Vec<Box<dyn Scenario>> = scenarios::all().into_iter().chain(applications::all()).collect();
    all.retain(|scenario| options.scenario.as_deref().is_none_or(|name| name == scenario.name()));
    if all.is_empty() {
        println!("there is no such scenario");
        return ExitCode::from(2);
    }
    let each = options.schedules.div_ceil(all.len() as u64);
    let seeds = match options.seed {
        Some(seed) => seed..seed + 1,
        None => options.from..options.from + each,
    };
    let mut total = Summary::default();
    let began = Instant::now();
    for scenario in all {
        let (sim, began) = (options.sim(scenario.as_ref()), Instant::now());
        match sim.run_all(seeds.clone()) {
            Ok(summary) => {
                let rate = summary.runs as f64 / began.elapsed().as_secs_f64();
                println!("{:<12}{:>7} schedules, {rate:.0} a second", scenario.name(), summary.runs);
                total.merge(&summary);
            }
            Err(failure) => {
                println!("{failure}");
                return ExitCode::FAILURE;
            }
        }
    }
    let rate = total.runs as f64 / began.elapsed().as_secs_f64();
    println!("\n{total}\n\n{rate:.0} schedules a second; all were right");
    ExitCode::SUCCESS
}
