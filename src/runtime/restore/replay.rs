//! The last stage of a restore: changelog records become rows.
//!
//! One read-committed reader serves all jobs. A job is done when the reader's *position* has passed the end of each of
//! its changelogs: positions move over aborted records and commit markers, so an open transaction is waited for and an
//! empty poll means nothing.

use std::collections::BTreeMap;
use std::mem;
use std::time::Duration;

use topo_state::Firsts;

use super::super::error::Error;
use super::super::leaving::Leaving;
use super::super::observer::TaskId;
use super::super::shared::Shared;
use super::job::{Job, Log, Stage};
use crate::broker::{Assignment, BrokerError, Consumer, Fetched, StartOffset};
use crate::flaw::{Flaw, planted};

/// Records of one poll, over all jobs.
const POLL_RECORDS: usize = 10_000;
/// Bytes of rows a restore gathers before they are written. Sorting more than the processor's cache holds costs more than the files
/// that are saved: measured 230 ns a row at 2 MB, 270 at 4 MB, 370 at 8 MB.
pub(super) const BATCH_BYTES: usize = 4 << 20;
/// A restore that has seen nothing for this long waits for somebody's open transaction, and says so.
const STALLED_MS: i64 = 3_000;

/// The reader of all changelogs that are replayed.
pub(super) struct Replay {
    consumer: Box<dyn Consumer>,
    /// By slot.
    owners: Vec<Owner>,
    leaving: Leaving,
    fetched: Vec<Fetched>,
    batch_bytes: usize,
}

/// Whose the records are that come under a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    /// None come: it can be given out.
    Free,
    /// This job's, for the log at this place within it.
    Job(TaskId, usize),
    /// Nobody's: the reader has not let go of it yet.
    Nobody,
}

/// An error, and the task it is about when only one is.
pub(super) type Trouble = Box<(Option<TaskId>, Error)>;

impl Replay {
    /// A reader of nothing yet; jobs write when they have gathered so much.
    pub(super) fn new(consumer: Box<dyn Consumer>, batch_bytes: usize) -> Self {
        Self { consumer, owners: Vec::new(), leaving: Leaving::default(), fetched: Vec::new(), batch_bytes }
    }

    /// Begins a job's replay.
    pub(super) fn begin(&mut self, job: &mut Job, now: i64) -> Result<(), Error> {
        job.make_rows();
        job.moved_at = now;
        self.read(job)?;
        job.stage = Stage::Replay;
        Ok(())
    }

    /// Starts reading those of a job's changelogs that have something to replay and are not read yet.
    pub(super) fn read(&mut self, job: &mut Job) -> Result<(), BrokerError> {
        let mut assignments = Vec::new();
        let idle = |log: &Log| log.slot.is_none() && log.remaining() > 0;
        if !job.logs.iter().any(idle) {
            return Ok(());
        }
        self.leave()?;
        for (place, log) in job.logs.iter_mut().enumerate().filter(|(_, log)| idle(log)) {
            let slot = self.slot();
            self.owners[slot] = Owner::Job(job.task, place);
            log.slot = Some(slot);
            let start = StartOffset::At(log.next);
            assignments.push(Assignment { partition: log.partition.clone(), start, slot });
        }
        let begun = self.consumer.assign(&assignments);
        if begun.is_err() {
            for Assignment { slot, .. } in assignments {
                self.owners[slot] = Owner::Free;
                job.logs.iter_mut().filter(|log| log.slot == Some(slot)).for_each(|log| log.slot = None);
            }
        }
        begun
    }

    fn slot(&mut self) -> usize {
        match self.owners.iter().position(|owner| *owner == Owner::Free) {
            Some(free) => free,
            None => {
                self.owners.push(Owner::Free);
                self.owners.len() - 1
            }
        }
    }

    /// Stops reading for a job.
    pub(super) fn forget(&mut self, job: &mut Job) {
        // What the reader does not let go of now it is asked again to before it reads anything else.
        let _ = self.let_go(&mut job.logs);
    }

    /// Stops reading these.
    fn let_go(&mut self, logs: &mut [Log]) -> Result<(), BrokerError> {
        for log in logs {
            if let Some(slot) = log.slot.take() {
                self.owners[slot] = Owner::Nobody;
                self.leaving.add(slot, log.partition.clone());
            }
        }
        self.leave()
    }

    fn leave(&mut self) -> Result<(), BrokerError> {
        for slot in self.leaving.settle(self.consumer.as_mut())? {
            self.owners[slot] = Owner::Free;
        }
        Ok(())
    }

    /// Moves a job's changelogs to where the reader is, past control records, and lets those go that are at their end.
    /// Returns whether any moved.
    pub(super) fn catch_up(&mut self, job: &mut Job) -> Result<bool, Error> {
        let mut moved = false;
        for place in 0..job.logs.len() {
            let log = &mut job.logs[place];
            if log.slot.is_none() {
                continue;
            }
            let position = self.consumer.position(&log.partition)?.unwrap_or(log.next).min(log.end);
            moved |= position > log.next;
            log.next = log.next.max(position);
            if log.remaining() == 0 {
                self.let_go(std::slice::from_mut(log))?;
            }
        }
        Ok(moved)
    }

    /// At most `max` records for jobs that follow. Returns the bytes that came.
    pub(super) fn follow(
        &mut self,
        jobs: &mut BTreeMap<TaskId, Job>,
        shared: &Shared,
        now: i64,
        max: usize,
    ) -> Result<usize, Trouble> {
        let polled = self.consumer.poll(max, Duration::ZERO, &mut self.fetched);
        let size = |bytes: &Option<bytes::Bytes>| bytes.as_ref().map_or(0, bytes::Bytes::len);
        let bytes = self.fetched.iter().map(|it| size(&it.record.key) + size(&it.record.value)).sum();
        self.take_in(jobs, now)?;
        polled.or_else(|error| self.recover(jobs, shared, error)).map(|()| bytes)
    }

    /// One poll, and what follows from it for every job.
    pub(super) fn step(
        &mut self,
        jobs: &mut BTreeMap<TaskId, Job>,
        shared: &Shared,
        now: i64,
        wait: Duration,
    ) -> Result<bool, Trouble> {
        let polled = self.consumer.poll(POLL_RECORDS, wait, &mut self.fetched);
        let nothing_came = self.fetched.is_empty();
        let mut moved = !nothing_came;
        self.take_in(jobs, now)?;
        if let Err(error) = polled {
            self.recover(jobs, shared, error)?;
        }
        for (task, job) in jobs.iter_mut().filter(|(_, job)| job.stage == Stage::Replay) {
            let settled = self.settle(job, shared, now, nothing_came);
            moved |= settled.map_err(|error| Box::new((Some(*task), error)))?;
        }
        Ok(moved)
    }

    /// Sorts what came into the jobs' batches, and writes the full ones.
    fn take_in(&mut self, jobs: &mut BTreeMap<TaskId, Job>, now: i64) -> Result<(), Trouble> {
        let mut fetched = mem::take(&mut self.fetched);
        for Fetched { slot, offset, record } in fetched.drain(..) {
            let Some(Owner::Job(task, place)) = self.owners.get(slot).copied() else { continue };
            let Some(job) = jobs.get_mut(&task) else { continue };
            job.moved_at = now;
            let log = &mut job.logs[place];
            // Behind its end lie records that are this task's input, not its past.
            if offset >= log.end {
                continue;
            }
            log.next = offset + 1;
            job.restored += 1;
            if let (Some(key), Some(rows)) = (&record.key, &mut log.rows) {
                rows.add(key, record.value.as_deref(), record.timestamp, &mut job.batch);
                if let Some(firsts) = &mut log.firsts
                    && let Some(segment) = firsts.segment_of(key)
                {
                    firsts.note(segment, offset);
                }
            }
            if job.batch.bytes() >= self.batch_bytes {
                job.write().map_err(|error| Box::new((Some(task), error)))?;
            }
        }
        self.fetched = fetched;
        Ok(())
    }

    /// Done when the reader has passed every end.
    fn settle(
        &mut self,
        job: &mut Job,
        shared: &Shared,
        now: i64,
        nothing_came: bool,
    ) -> Result<bool, Error> {
        self.read(job)?;
        for log in job.logs.iter_mut().filter(|log| log.slot.is_some()) {
            if self.consumer.position(&log.partition)?.is_some_and(|position| position >= log.end) {
                log.next = log.end;
            }
        }
        let mut passed = job.logs.iter().all(|log| log.remaining() == 0);
        passed |= nothing_came && planted(Flaw::RestoreEndsOnEmptyPoll);
        if !passed {
            job.tell(shared, now, false);
            let stalled = now - job.moved_at >= STALLED_MS;
            job.trouble = stalled.then(|| "an open transaction of the task's last owner".to_owned());
            return Ok(false);
        }
        job.write()?;
        job.check()?;
        if let Some(state) = &job.state {
            state.settle()?;
        }
        job.stage = Stage::Done;
        Ok(true)
    }

    /// An error of the reader: the beginning of a changelog may have gone while it was read. Other errors are handed on, with
    /// the task they concern.
    fn recover(
        &mut self,
        jobs: &mut BTreeMap<TaskId, Job>,
        shared: &Shared,
        error: BrokerError,
    ) -> Result<(), Trouble> {
        let BrokerError::OffsetOutOfRange { partition, offset } = error else {
            return Err(Box::new((None, error.into())));
        };
        let owner = jobs.iter_mut().find_map(|(task, job)| {
            let place = job.logs.iter().position(|log| log.partition == partition && log.slot.is_some())?;
            Some((*task, job, place))
        });
        // Somebody let go of it, and the reader has not yet.
        let Some((task, job, place)) = owner else { return Ok(()) };
        let named = |error| Box::new((Some(task), error));
        // The reader says it once. It begins anew, and says it again should the broker not answer now.
        self.let_go(&mut job.logs[place..=place]).map_err(|error| named(error.into()))?;
        let marks = self.consumer.watermarks(&partition).map_err(|error| named(error.into()))?;
        if !job.logs[place].lacks_old_records(marks) {
            return Err(named(shared.changelog_truncated(&partition, marks, offset, shared.dir.clone())));
        }
        if job.logs[place].end == i64::MAX {
            // A standby: its next look finds the new beginning, and what is committed of it.
            job.retry_at = i64::MIN;
            return Ok(());
        }
        let log = &mut job.logs[place];
        if log.outran(marks) {
            self.forget(job);
            return job.ask_again().map_err(named);
        }
        log.fits(marks, shared).map_err(named)?;
        log.next = marks.low;
        Ok(())
    }
}

impl Job {
    /// One atomic write: the rows, and how far they go.
    pub(super) fn write(&mut self) -> Result<(), Error> {
        for log in &mut self.logs {
            if log.next >= 0 {
                self.checkpoint.changelog.insert(log.name.clone(), log.next);
            }
            let Some(rows) = &log.rows else { continue };
            if let Some(firsts) = &mut log.firsts {
                firsts.expire(rows.observed_time());
                self.checkpoint.metadata.insert(Firsts::name(&log.name), firsts.encode());
            }
            let mut raise = |name: String, number: i64| {
                let known = self.checkpoint.stream_times.entry(name).or_insert(number);
                *known = number.max(*known);
            };
            if rows.observed_time() != topo_state::NO_TIME {
                raise(format!("store:{}", log.name), rows.observed_time());
            }
            if rows.sequence() > 0 {
                raise(format!("sequence:{}", log.name), i64::from(rows.sequence()));
            }
        }
        if let Some(state) = &mut self.state {
            state.apply_bulk(&self.batch, self.checkpoint.clone())?;
        }
        self.batch.clear();
        Ok(())
    }

    /// Records whose keys do not fit mean that the changelog is not this store's.
    fn check(&self) -> Result<(), Error> {
        for log in &self.logs {
            let count = log.rows.as_ref().map_or(0, topo_state::Restorer::malformed);
            if count > 0 {
                let (partition, store) = (log.partition.clone(), log.name.clone());
                return Err(Error::ForeignChangelog { partition, store, count });
            }
        }
        Ok(())
    }
}
