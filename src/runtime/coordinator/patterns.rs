//! Sources by pattern while the application runs: do other topics match by now?
//!
//! The layout guard says that two layouts never run at once. So whoever sees other topics lets go of everything, announces the
//! new layout and waits at the guard; the others hear of it, look for themselves, and do the same.
//!
//! A layout that would want internal topics with other partition counts is not taken: stores are cut into partitions, and
//! those of Kafka cannot be cut anew. What runs goes on as it is.

use super::super::internal;
use super::super::matching::{self, Matched};
use super::super::plan::Plan;
use super::{Coordinator, Stage};
use crate::runtime::Error;

/// Milliseconds between two looks at the list of topics when another process, or an answer, says that there is something.
const SOON_MS: i64 = 2_000;

/// When the list of topics was looked at, and what was not taken.
#[derive(Default)]
pub(super) struct Patterns {
    looked: Option<i64>,
    /// The last look was not answered.
    failed: bool,
    refused: Vec<String>,
}

impl Coordinator {
    /// Whether other topics match than those of the layout, which is then made anew.
    pub(super) fn look_for_topics(&mut self, now: i64) -> Result<bool, Error> {
        if self.shared.topology.patterns.is_empty() {
            return Ok(false);
        }
        let looked = *self.patterns.looked.get_or_insert(now);
        let age_ms = self.shared.config.metadata_max_age_ms;
        let soon = self.patterns.failed || self.members.hears_of_another_layout(&self.shared, now);
        let pause = if soon { SOON_MS.min(age_ms) } else { age_ms };
        let Some(admin) = self.admin.as_mut().filter(|_| now - looked >= pause) else { return Ok(false) };
        (self.patterns.looked, self.patterns.failed) = (Some(now), true);
        let Matched { topology, unmatched } = match matching::topology(&self.shared, admin.as_mut()) {
            Err(Error::Layout(why)) => {
                self.refuse(vec![why.clone()], "other topics match", &why);
                return Ok(false);
            }
            matched => matched?,
        };
        let (inputs, before) = (internal::inputs(&topology), internal::inputs(&self.plan.topology));
        if inputs == before {
            self.patterns = Patterns { looked: Some(now), ..Patterns::default() };
            return Ok(false);
        }
        let counts = admin.partitions(&inputs)?;
        // A topic that is only just being made is listed, and not yet told of.
        self.patterns.failed = counts.len() < inputs.len();
        if self.patterns.failed {
            return Ok(false);
        }
        if unmatched.is_none() {
            let why = match Plan::new(&self.shared, topology, &counts) {
                Ok(plan) => plan.misfit(&self.plan),
                Err(error) => Some(error.to_string()),
            };
            if let Some(why) = why {
                let what = changes(&inputs, &before);
                self.refuse(inputs, &what, &why);
                return Ok(false);
            }
        }
        self.lay_out_anew(now, &changes(&inputs, &before));
        Ok(true)
    }

    /// Goes on without topics that do not fit, and says so once.
    fn refuse(&mut self, seen: Vec<String>, what: &str, why: &str) {
        self.patterns.failed = false;
        if self.patterns.refused != seen {
            self.patterns.refused = seen;
            let until = "topics as before are read until then";
            self.shared.warn(&format!(
                "{what}: not taken in, and the next start will end with this: {why}; {until}"
            ));
        }
    }

    fn lay_out_anew(&mut self, now: i64, why: &str) {
        if self.stage == Stage::Run {
            self.rejoin(now, why);
        }
        self.members.renew_claim();
        self.stage = Stage::Topics;
    }
}

/// Which topics have come and gone, in words.
fn changes(inputs: &[String], before: &[String]) -> String {
    let only = |these: &[String], those: &[String]| -> Vec<String> {
        these.iter().filter(|topic| !those.contains(topic)).cloned().collect()
    };
    let (come, gone) = (only(inputs, before), only(before, inputs));
    let said = |what: &str, topics: Vec<String>| {
        (!topics.is_empty()).then(|| format!("{what} {}", topics.join(", ")))
    };
    let said: Vec<String> =
        [said("new topics match:", come), said("topics are gone:", gone)].into_iter().flatten().collect();
    said.join("; ")
}
