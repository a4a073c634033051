//! What came of a run.

use std::collections::BTreeSet;
use std::fmt;

use super::mode::Mode;

/// A case that differs.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    /// The case's id, or that of a topology whose description differs.
    pub(crate) id: String,
    /// The way it was run.
    pub(crate) mode: String,
    /// What differs, in lines.
    pub(crate) what: String,
}

/// A topology that was not run.
#[derive(Clone, Debug)]
pub(crate) struct Skip {
    /// The topology's id.
    pub(crate) id: String,
    /// The operator that is missing.
    pub(crate) missing: String,
    /// How many of its cases were not run.
    pub(crate) cases: usize,
}

/// What came of a run, in the order of files and cases.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// Cases that matched in everything.
    pub(crate) passed: usize,
    /// Descriptions that matched to the byte.
    pub(crate) described: usize,
    /// Cases and descriptions that differ.
    pub(crate) failed: Vec<Failure>,
    /// Cases that differ and are listed as doing so on purpose.
    pub(crate) by_design: Vec<Failure>,
    /// Topologies with an operator this engine does not have.
    pub(crate) skipped: Vec<Skip>,
}

impl Report {
    /// Adds how a case ended in one way of running it.
    pub(crate) fn add(
        &mut self,
        id: &str,
        mode: Mode,
        outcome: Result<(), String>,
        listed: &BTreeSet<String>,
    ) {
        match outcome {
            Ok(()) if listed.contains(id) => {
                let what = "agrees: docs/differences.md must not list it".to_owned();
                self.failed.push(Failure { id: id.to_owned(), mode: mode.to_string(), what });
            }
            Ok(()) => self.passed += 1,
            Err(what) => {
                let failure = Failure { id: id.to_owned(), mode: mode.to_string(), what };
                let kind = if listed.contains(id) { &mut self.by_design } else { &mut self.failed };
                kind.push(failure);
            }
        }
    }

    /// Adds what another part of the run found.
    pub(crate) fn append(&mut self, mut other: Self) {
        self.passed += other.passed;
        self.described += other.described;
        self.failed.append(&mut other.failed);
        self.by_design.append(&mut other.by_design);
        self.skipped.append(&mut other.skipped);
    }

    /// How many cases were not run.
    pub(crate) fn skipped_cases(&self) -> usize {
        self.skipped.iter().map(|it| it.cases).sum()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} [{}]", self.id, self.mode)?;
        for line in self.what.lines() {
            write!(out, "\n    {line}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Skip {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} ({} cases): {}", self.id, self.cases, self.missing)
    }
}
