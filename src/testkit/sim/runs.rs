//! [`Sim`]: what tests call.

use std::ops::Range;
use std::path::{Path, PathBuf};

use super::plan::Plan;
use super::report::{Failure, Report, Summary};
use super::scenario::Scenario;
use super::world::{Broken, World};
use crate::runtime::Guarantee;

/// Runs a scenario under faults, one run per seed. What can go wrong is `make sim`'s list of faults.
pub struct Sim<'s> {
    scenario: &'s dyn Scenario,
    plan: Plan,
}

impl<'s> Sim<'s> {
    /// Exactly-once processing, stores in memory.
    pub fn new(scenario: &'s dyn Scenario) -> Self {
        let scratch = scratch();
        let plan = Plan { guarantee: Guarantee::ExactlyOnce, rocks_every: 0, quiet: false, scratch };
        Self { scenario, plan }
    }

    /// At-least-once processing: records may have their effect twice, none may be lost.
    #[must_use]
    pub fn at_least_once(mut self) -> Self {
        self.plan.guarantee = Guarantee::AtLeastOnce;
        self
    }

    /// Keeps the stores of one run in `every` in RocksDB, in a scratch directory.
    #[must_use]
    pub fn rocks(mut self, every: usize) -> Self {
        self.plan.rocks_every = every;
        self
    }

    /// Nothing fails: whether the scenario's own model is right.
    #[must_use]
    pub fn quiet(mut self) -> Self {
        self.plan.quiet = true;
        self
    }

    /// One run. The same seed gives the same run, to the last step.
    ///
    /// # Errors
    /// What was wrong, with a trace of all that happened.
    pub fn run(&self, seed: u64) -> Result<Report, Box<Failure>> {
        // Tracing takes time and changes nothing: only a run that was wrong is run again with it.
        self.once(seed, false).map_err(|first| {
            let mut failure = self.once(seed, true).err().unwrap_or_else(|| first.clone());
            if failure.fingerprint != first.fingerprint {
                failure.what = format!("{} (and the run was another one when it was repeated)", first.what);
            }
            failure
        })
    }

    /// Runs with all these seeds; ends at the first that is wrong.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_all(&self, seeds: Range<u64>) -> Result<Summary, Box<Failure>> {
        let mut summary = Summary::default();
        for seed in seeds {
            summary.add(&self.run(seed)?);
        }
        Ok(summary)
    }

    fn once(&self, seed: u64, traced: bool) -> Result<Report, Box<Failure>> {
        let scratch = Scratch(self.plan.scratch.join(seed.to_string()));
        let plan = Plan { scratch: scratch.0.clone(), ..self.plan.clone() };
        let broken = |what: Broken| {
            let scenario = self.scenario.name().to_owned();
            Box::new(Failure { scenario, seed, what, trace: Vec::new(), fingerprint: 0 })
        };
        let mut world = World::new(self.scenario, plan, seed, traced).map_err(broken)?;
        let begin = world.now;
        let ended = world.run().and_then(|()| world.judge());
        let mut state = world.parts.chaos.state();
        let fingerprint = state.fingerprint();
        match ended {
            Ok(()) => {
                let (steps, took_ms) = (world.steps, world.now - begin);
                Ok(Report { seed, counts: state.counts.clone(), steps, took_ms, fingerprint })
            }
            Err(what) => Err(Box::new(Failure { trace: state.take_trace(), fingerprint, ..*broken(what) })),
        }
    }
}

/// Removed when a run has ended.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        // Whatever stays is in a directory for scratch.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A directory of this thread's own, in memory where the system has that.
fn scratch() -> PathBuf {
    let memory = Path::new("/dev/shm");
    let parent = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    let thread: String =
        format!("{:?}", std::thread::current().id()).chars().filter(char::is_ascii_digit).collect();
    parent.join(format!("topo-sim-{}-{thread}", std::process::id()))
}
