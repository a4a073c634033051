//! What the worker does about an error: wait, rewind, drop its tasks, or end.

use std::mem;

use topo_state::StateError;

use super::super::error::Error;
use super::super::mailbox::{Progress, Report};
use super::super::observer::Event;
use super::commit::After;
use super::{Inputs, Worker};
use crate::broker::{BrokerError, Isolation};
use crate::record::Partition;

/// Pause after a "not now" of the broker.
const RETRY_MS: i64 = 10;
/// Pause after a client failed for good, before the next one is made.
const RENEW_MS: i64 = 250;

impl Worker {
    /// Reacts to an error of a step.
    pub(super) fn react(&mut self, error: Error, now: i64) -> Progress {
        let text = error.to_string();
        let broker = match error {
            Error::Broker(broker) => broker,
            Error::State(StateError::Damaged { dir, .. }) => {
                self.commit_failed("state", &text);
                self.abort_then(After::Repair { dir, reason: text });
                return Progress::Busy;
            }
            error => {
                self.abort_then(After::Fail(error));
                return Progress::Busy;
            }
        };
        match broker {
            BrokerError::Retriable(_) | BrokerError::QueueFull | BrokerError::UnknownTopic { .. } => {
                self.waiting.because(&self.shared, now, &text);
                self.retry_at = now + RETRY_MS;
                Progress::Idle
            }
            BrokerError::AbortRequired(_) => {
                self.commit_failed("aborted", &text);
                self.abort_then(After::Rewind);
                Progress::Busy
            }
            BrokerError::OffsetOutOfRange { partition, offset } => self.out_of_range(&partition, offset, now),
            BrokerError::Fenced(_) => {
                self.commit_failed("fenced", &text);
                self.abort_then(After::Drop { reason: text });
                Progress::Busy
            }
            BrokerError::Fatal(_) => {
                self.commit_failed("client", &text);
                self.abort_then(After::Drop { reason: text });
                self.retry_at = now + RENEW_MS;
                Progress::Busy
            }
            other => {
                self.abort_then(After::Fail(other.into()));
                Progress::Busy
            }
        }
    }

    fn commit_failed(&self, reason: &str, error: &str) {
        self.shared.tell(&Event::CommitFailed { worker: self.index, reason, error });
    }

    /// Ends the worker because of this.
    pub(super) fn fail(&mut self, error: Error) {
        self.end();
        self.report(Report::Failed(error));
        self.report(Report::Stopped { worker: self.index });
    }

    /// Clients that failed once are not trusted again.
    pub(super) fn renew_reader(&mut self) -> Result<(), Error> {
        let config = self.shared.reader(&self.index.to_string(), true, Isolation::ReadCommitted);
        let fresh = Inputs::new(self.shared.broker.consumer(&config)?);
        self.slots.free.extend(mem::replace(&mut self.inputs, fresh).forget());
        Ok(())
    }

    /// Records were deleted before they were read (retention): go on with the oldest there is and say so. A partition
    /// that ends before the offset was truncated or recreated, and only a person knows what is right.
    fn out_of_range(&mut self, partition: &Partition, offset: i64, now: i64) -> Progress {
        let marks = match self.inputs.watermarks(partition) {
            Ok(marks) => marks,
            Err(error) => return self.place_anew(error, now),
        };
        if offset > marks.high {
            let error =
                Error::InputTruncated { partition: partition.clone(), high: marks.high, wanted: offset };
            self.abort_then(After::Fail(error));
            return Progress::Busy;
        }
        if offset < marks.low {
            let lost = marks.low - offset;
            self.shared.warn(&format!(
                "{lost} records of {partition} were deleted before they were read (retention); going on at offset {}",
                marks.low
            ));
            if let Err(error) = self.inputs.seek(partition, marks.low) {
                return self.place_anew(error, now);
            }
        }
        Progress::Busy
    }

    /// A reader says once that an offset is out of range. If nothing could be done about it, it is placed where the last commit
    /// stands, and says it again.
    fn place_anew(&mut self, error: BrokerError, now: i64) -> Progress {
        self.abort_then(After::Rewind);
        self.react(error.into(), now)
    }
}
