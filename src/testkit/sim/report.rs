//! What a run, or many, have to say.

use std::fmt;

use super::fault::{Call, Counts, Fault};

/// A run that was right.
#[derive(Clone, Debug)]
pub struct Report {
    /// Its seed.
    pub seed: u64,
    /// Faults and calls.
    pub counts: Counts,
    /// Steps of coordinators, restorers and workers.
    pub steps: u64,
    /// Virtual milliseconds.
    pub took_ms: i64,
    /// A digest of everything that happened, in order: equal runs have equal ones.
    pub fingerprint: u64,
}

/// A run that was wrong.
#[derive(Clone, Debug, thiserror::Error)]
pub struct Failure {
    /// The scenario.
    pub scenario: String,
    /// Its seed; the same one gives the same run again.
    pub seed: u64,
    /// What was wrong.
    pub what: String,
    /// What happened, line by line: virtual time, who, what.
    pub trace: Vec<String>,
    /// As in a report.
    pub fingerprint: u64,
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.trace {
            writeln!(out, "{line}")?;
        }
        write!(out, "scenario {}, seed {}: {}", self.scenario, self.seed, self.what)
    }
}

/// The sum of many runs.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Runs.
    pub runs: u64,
    /// Faults and calls of all of them.
    pub counts: Counts,
    /// Steps of all of them.
    pub steps: u64,
}

impl Summary {
    /// Adds a run.
    pub fn add(&mut self, report: &Report) {
        self.runs += 1;
        self.steps += report.steps;
        self.counts.add(&report.counts);
    }

    /// Adds the runs of another summary.
    pub fn merge(&mut self, other: &Self) {
        self.runs += other.runs;
        self.steps += other.steps;
        self.counts.add(&other.counts);
    }
}

/// Faults by kind, then calls by kind with what hit them.
impl fmt::Display for Summary {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{} schedules, {} steps", self.runs, self.steps)?;
        writeln!(out, "\n{:<44}{:>10}", "fault", "injected")?;
        for fault in Fault::ALL {
            writeln!(out, "{:<44}{:>10}", fault.text(), self.counts.of(*fault))?;
        }
        let heads = ["made", "crash before", "crash after", "request lost", "reply lost"];
        write!(out, "\n{:<20}", "call")?;
        heads.iter().try_for_each(|head| write!(out, "{head:>14}"))?;
        for call in Call::ALL {
            write!(out, "\n{:<20}", call.text())?;
            self.counts.at(*call).iter().try_for_each(|count| write!(out, "{count:>14}"))?;
        }
        Ok(())
    }
}
