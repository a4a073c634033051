//! The last stage of a restore: changelog records become rows.
//!
//! One read-committed reader serves all jobs. A job is done when the reader's *position* has passed the end of each of
//! its changelogs: positions move over aborted records and commit markers, so an open transaction is waited for and an
//! empty poll means nothing.

use std::collections::BTreeMap;
use std::mem;
use std::time::Duration;

use super::super::error::Error;
use super::super::observer::TaskId;
use super::super::shared::Shared;
use super::job::{Job, Log, Stage};
use crate::broker::{Assignment, BrokerError, Consumer, Fetched, StartOffset};
use crate::record::Partition;

/// Records of one poll, over all jobs.
const POLL_RECORDS: usize = 10_000;
/// Rows a job gathers before they are written.
const BATCH_BYTES: usize = 1 << 20;
/// A restore that has seen nothing for this long waits for somebody's open transaction, and says so.
const STALLED_MS: i64 = 3_000;

/// The reader of all changelogs that are replayed.
pub(super) struct Replay {
    consumer: Box<dyn Consumer>,
    /// Slot -> the job, and the place of the log within it.
    owners: Vec<Option<(TaskId, usize)>>,
    fetched: Vec<Fetched>,
}

/// An error, and the task it is about when only one is.
pub(super) type Trouble = Box<(Option<TaskId>, Error)>;

impl Replay {
    pub(super) fn new(consumer: Box<dyn Consumer>) -> Self {
        Self { consumer, owners: Vec::new(), fetched: Vec::new() }
    }

    /// Starts reading a job's changelogs, those that have something to replay.
    pub(super) fn begin(&mut self, job: &mut Job, now: i64) -> Result<(), Error> {
        if job.stage != Stage::Replay {
            return Ok(());
        }
        for place in 0..job.logs.len() {
            job.logs[place].rows = job.rows_of(job.logs[place].store);
        }
        let mut assignments = Vec::new();
        for (place, log) in job.logs.iter_mut().enumerate().filter(|(_, log)| log.remaining() > 0) {
            let slot = self.slot();
            self.owners[slot] = Some((job.task, place));
            log.slot = Some(slot);
            let start = StartOffset::At(log.next);
            assignments.push(Assignment { partition: log.partition.clone(), start, slot });
        }
        job.moved_at = now;
        if !assignments.is_empty() {
            self.consumer.assign(&assignments)?;
        }
        Ok(())
    }

    fn slot(&mut self) -> usize {
        match self.owners.iter().position(Option::is_none) {
            Some(free) => free,
            None => {
                self.owners.push(None);
                self.owners.len() - 1
            }
        }
    }

    /// Stops reading for a job.
    pub(super) fn forget(&mut self, job: &mut Job) {
        let gone: Vec<Partition> = job.logs.iter_mut().filter_map(|log| self.release(log)).collect();
        if !gone.is_empty() {
            // The reader answers for one partition less or ignores it; records without an owner are ignored anyway.
            let _ = self.consumer.unassign(&gone);
        }
    }

    fn release(&mut self, log: &mut Log) -> Option<Partition> {
        let slot = log.slot.take()?;
        self.owners[slot] = None;
        Some(log.partition.clone())
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
        let mut moved = !self.fetched.is_empty();
        self.take_in(jobs, now)?;
        if let Err(error) = polled {
            return Err(self.named(jobs, shared, error));
        }
        for (task, job) in jobs.iter_mut().filter(|(_, job)| job.stage == Stage::Replay) {
            moved |= self.settle(job, shared, now).map_err(|error| Box::new((Some(*task), error)))?;
        }
        Ok(moved)
    }

    /// Sorts what came into the jobs' batches, and writes the full ones.
    fn take_in(&mut self, jobs: &mut BTreeMap<TaskId, Job>, now: i64) -> Result<(), Trouble> {
        let mut fetched = mem::take(&mut self.fetched);
        for Fetched { slot, offset, record } in fetched.drain(..) {
            let Some(Some((task, place))) = self.owners.get(slot).copied() else { continue };
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
            }
            if job.batch.bytes() >= BATCH_BYTES {
                job.write().map_err(|error| Box::new((Some(task), error)))?;
            }
        }
        self.fetched = fetched;
        Ok(())
    }

    /// Done when the reader has passed every end.
    fn settle(&mut self, job: &mut Job, shared: &Shared, now: i64) -> Result<bool, Error> {
        let mut passed = true;
        for log in job.logs.iter_mut().filter(|log| log.slot.is_some()) {
            match self.consumer.position(&log.partition)? {
                Some(position) if position >= log.end => log.next = log.end,
                _ => passed = false,
            }
        }
        if !passed {
            job.tell(shared, now, false);
            let stalled = now - job.moved_at >= STALLED_MS;
            job.trouble = stalled.then(|| "an open transaction of the task's last owner".to_owned());
            return Ok(false);
        }
        job.write()?;
        job.check()?;
        job.keep()?;
        job.stage = Stage::Done;
        Ok(true)
    }

    /// An error of the reader, with the task it concerns.
    fn named(&mut self, jobs: &BTreeMap<TaskId, Job>, shared: &Shared, error: BrokerError) -> Trouble {
        let BrokerError::OffsetOutOfRange { partition, offset } = error else {
            return Box::new((None, error.into()));
        };
        let owner = jobs.iter().find(|(_, job)| job.logs.iter().any(|log| log.partition == partition));
        let task = owner.map(|(task, _)| *task);
        let marks = match self.consumer.watermarks(&partition) {
            Ok(marks) => marks,
            Err(error) => return Box::new((task, error.into())),
        };
        let (low, high, dir) = (marks.low, marks.high, shared.dir.clone());
        Box::new((task, Error::ChangelogTruncated { partition, low, high, checkpoint: offset, dir }))
    }
}

impl Job {
    /// One atomic write: the rows, and how far they go.
    fn write(&mut self) -> Result<(), Error> {
        for log in &self.logs {
            if log.next >= 0 {
                self.checkpoint.changelog.insert(log.name.clone(), log.next);
            }
            let observed = log.rows.as_ref().map_or(topo_state::NO_TIME, topo_state::Restorer::observed_time);
            if observed != topo_state::NO_TIME {
                let name = format!("store:{}", log.name);
                let known = self.checkpoint.stream_times.entry(name).or_insert(observed);
                *known = observed.max(*known);
            }
        }
        if let Some(state) = &mut self.state {
            state.apply_bulk(&self.batch, self.checkpoint.clone())?;
        }
        self.batch.clear();
        Ok(())
    }

    /// What was replayed must outlive a crash even if the task never commits again: a store without traffic would be
    /// replayed from the beginning at every start.
    fn keep(&self) -> Result<(), Error> {
        self.state.as_ref().map_or(Ok(()), |state| Ok(state.flush()?))
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
