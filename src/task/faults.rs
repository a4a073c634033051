//! What becomes of a record that failed.
//!
//! Poison goes where the policy of its stage sends it, exactly once per input position. A retry ends the interval: what
//! the record did before the fault cannot be told from what its predecessors did, so all of it is aborted. The second
//! time, the record is held back until its predecessors are committed; from then on an attempt costs nothing but itself.

use super::error::{Place, TaskError};
use super::outbox::Origin;
use super::stage::Stage as TaskStage;
use super::task::Task;
use crate::dead_letter::{self, Failure, Stage};
use crate::fault::{Fault, FaultPolicy, Reason};
use crate::processor::LeftOut;
use crate::record::RawRecord;

/// The record in hand, as it came, and what to go back to.
pub(super) struct Original {
    pub(super) origin: Origin,
    pub(super) source: usize,
    pub(super) record: RawRecord,
    /// Stream time before it.
    pub(super) stream_time: Option<i64>,
}

/// A record that the outside world refused for now.
#[derive(Clone, Debug)]
pub(super) struct Retrying {
    pub(super) origin: Origin,
    attempts: u32,
    first: i64,
}

/// What a person can do about a record at which the policy says stop.
fn way_on(stage: Stage) -> String {
    let key = format!("faults.{}", stage.as_str());
    format!(
        "; {key} = stop ended this: set it to dead_letter or skip, and a new start goes on behind the record"
    )
}

impl Task {
    /// Deals with the fault of a record; `Ok` means the record is done with.
    pub(super) fn failed(&mut self, fault: Fault, original: &Original) -> Result<(), TaskError> {
        let reason = match fault {
            Fault::Poison(reason) => reason,
            Fault::Retry(reason) => {
                self.note_retry(original.origin);
                return Err(self.interrupted(Fault::Retry(reason)));
            }
            fatal @ Fault::Fatal(_) => return Err(self.interrupted(fatal)),
        };
        let decoding = self.pipeline.env.failed.is_none_or(|node| node == original.source);
        let (stage, policy) = if decoding {
            // Nobody saw the record, so it did not move time either.
            self.pipeline.env.stream_time = original.stream_time;
            (Stage::Deserialization, self.config.deserialization)
        } else {
            (Stage::Processing, self.config.processing)
        };
        match policy {
            FaultPolicy::DeadLetter => self.bury(stage, &reason, original),
            FaultPolicy::Skip => self.stats.skipped += 1,
            FaultPolicy::Stop => {
                let Reason { error_type, mut message } = reason;
                message.push_str(&way_on(stage));
                return Err(self.interrupted(Fault::Fatal(Reason { error_type, message })));
            }
        }
        let how = if policy == FaultPolicy::Skip { LeftOut::Skipped } else { LeftOut::DeadLettered };
        let env = &mut self.pipeline.env;
        let position = env.position.as_ref();
        env.tally.failed(how, position.map(|it| &it.topic), &reason, position);
        Ok(())
    }

    fn bury(&mut self, stage: Stage, reason: &Reason, original: &Original) {
        let last = self.pipeline.env.wall_clock;
        let retried = self.retrying.as_ref().filter(|it| it.origin == original.origin);
        let failure = Failure {
            stage,
            reason,
            position: self.pipeline.env.position.as_ref(),
            retries: retried.map_or(0, |it| it.attempts),
            first: retried.map_or(last, |it| it.first),
            last,
            consumer: &self.config.consumer,
        };
        let letter = dead_letter::of(&self.config.dead_letter_topic, &original.record, &failure);
        self.pipeline.env.emitted.push(letter);
        self.stats.dead_lettered += 1;
    }

    fn note_retry(&mut self, origin: Origin) {
        let now = self.pipeline.env.wall_clock;
        match &mut self.retrying {
            Some(it) if it.origin == origin => it.attempts += 1,
            other => *other = Some(Retrying { origin, attempts: 1, first: now }),
        }
    }

    /// Whether this record failed before and its predecessors are not committed yet.
    pub(super) fn must_commit_before(&self, input: usize, offset: i64) -> bool {
        self.dirty && self.retrying.as_ref().is_some_and(|it| it.origin == Origin { input, offset })
    }

    /// The fault as an error of the task: the interval is over.
    pub(super) fn interrupted(&mut self, fault: Fault) -> TaskError {
        self.stage = TaskStage::Unwound;
        let env = &mut self.pipeline.env;
        let node = env.failed.take().and_then(|node| self.recipe.names.get(node).cloned());
        let place = Box::new(Place { task: env.task.to_string(), node, position: env.position.take() });
        match fault {
            Fault::Retry(reason) => TaskError::Retry { place, reason },
            Fault::Poison(reason) | Fault::Fatal(reason) => TaskError::Stop { place, reason },
        }
    }
}
