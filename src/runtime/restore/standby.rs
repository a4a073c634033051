//! Warm copies of tasks that run on other processes: their stores follow the changelogs, read-committed, so that a
//! takeover replays only the tail.
//!
//! A standby is a restore without an end. It never becomes a task by itself: when the lease comes, its job goes through the
//! whole restore like any other, from what the group has committed to the changelogs' end; only the way is short. A store
//! that is a copy of an input follows it no further than the group has committed. Throttled, and silent while a restore of
//! the same process runs. A standby that cannot go on is given up with a warning: nothing depends on it.

use std::collections::{BTreeMap, BTreeSet};

use super::super::error::{Error, Reaction};
use super::super::observer::{Event, TaskId};
use super::super::plan::Plan;
use super::super::shared::Shared;
use super::job::{Job, Log, Stage};
use super::replay::Replay;
use super::throttle::Throttle;
use crate::broker::{BrokerError, Consumer, ConsumerConfig, Isolation, Watermarks};
use crate::observe::TaskState as Shown;
use crate::record::Partition;

/// Records of one poll.
const POLL_RECORDS: usize = 2_000;
/// Bytes the reader may hold.
const BUFFER_BYTES: usize = 8 << 20;
/// Bytes of rows a standby gathers before they are written.
const BATCH_BYTES: usize = 1 << 20;
/// Milliseconds between two looks at how far a standby is behind; what it has gathered is written then.
const LOOK_MS: i64 = 1_000;

/// Pause after the reader failed for good, before the next one is made.
const QUIET_MS: i64 = 10_000;

/// What a step needs of its restorer.
pub(super) struct Surroundings<'a> {
    pub(super) shared: &'a Shared,
    pub(super) plan: &'a Plan,
    pub(super) cluster_id: &'a str,
    /// Reads what the group has committed.
    pub(super) group: &'a mut dyn Consumer,
    /// Reads end offsets.
    pub(super) ends: &'a mut dyn Consumer,
}

/// The standbys of one restorer.
pub(super) struct Standbys {
    name: String,
    wanted: BTreeSet<TaskId>,
    /// Cannot be followed; not tried again before others are wanted.
    given_up: BTreeSet<TaskId>,
    jobs: BTreeMap<TaskId, Job>,
    reader: Option<Replay>,
    throttle: Throttle,
    /// Nothing before then: the reader failed for good.
    quiet_until: i64,
}

impl Standbys {
    pub(super) fn new(shared: &Shared, lane: usize) -> Self {
        // Every restorer has its share.
        let lanes = shared.config.restorers.max(1) as u64;
        Self {
            name: format!("standby-{lane}"),
            wanted: BTreeSet::new(),
            given_up: BTreeSet::new(),
            jobs: BTreeMap::new(),
            reader: None,
            quiet_until: i64::MIN,
            throttle: Throttle::new(shared.config.standby_bytes_per_second.div_ceil(lanes)),
        }
    }

    /// These and no others from now on.
    pub(super) fn want(&mut self, shared: &Shared, tasks: BTreeSet<TaskId>) {
        let gone: Vec<TaskId> = self.jobs.keys().filter(|task| !tasks.contains(*task)).copied().collect();
        for task in gone {
            self.close(shared, task);
        }
        self.given_up.retain(|task| tasks.contains(task));
        self.wanted = tasks;
    }

    /// The lease of a task has come: its warm job, as a restore that begins; `None` without one.
    pub(super) fn promote(&mut self, shared: &Shared, task: TaskId, now: i64) -> Result<Option<Job>, Error> {
        self.wanted.remove(&task);
        let Some(mut job) = self.jobs.remove(&task) else { return Ok(None) };
        shared.tell(&Event::Task { task, from: Some(Shown::Standby), to: None });
        if let Some(reader) = &mut self.reader {
            reader.catch_up(&mut job)?;
            reader.forget(&mut job);
        }
        if job.stage == Stage::Open { Ok(None) } else { job.into_restore(now).map(Some) }
    }

    /// The end: what was gathered is written.
    pub(super) fn stop(&mut self, shared: &Shared) {
        self.want(shared, BTreeSet::new());
    }

    /// One poll for all standbys, and for each whose time has come its next step. Returns the tasks that were looked at
    /// with their lag.
    pub(super) fn step(&mut self, around: &mut Surroundings<'_>, now: i64) -> (bool, Vec<(TaskId, u64)>) {
        if now < self.quiet_until {
            return (false, Vec::new());
        }
        for &task in self.wanted.iter().filter(|task| !self.given_up.contains(*task)) {
            self.jobs.entry(task).or_insert_with(|| {
                around.shared.tell(&Event::Task { task, from: None, to: Some(Shown::Standby) });
                Job::new(around.plan, task, now)
            });
        }
        let mut looked = Vec::new();
        let due = |(task, job): (&TaskId, &Job)| (job.retry_at <= now).then_some(*task);
        // One at a time: each asks the broker a few questions.
        if let Some(task) = self.jobs.iter().find_map(due) {
            match self.advance(around, task, now) {
                Ok(Some(lag)) => looked.push((task, lag)),
                Ok(None) => {}
                Err(error) => self.trouble(around.shared, around.plan, Some(task), error, now),
            }
        }
        let moved = self.poll(around.shared, around.plan, now);
        (moved || !looked.is_empty(), looked)
    }

    fn advance(
        &mut self,
        around: &mut Surroundings<'_>,
        task: TaskId,
        now: i64,
    ) -> Result<Option<u64>, Error> {
        let Some(job) = self.jobs.get_mut(&task) else { return Ok(None) };
        if job.stage == Stage::Open {
            job.open(around.shared, around.plan, around.cluster_id, now)?;
            return Ok(None);
        }
        let reader = match &mut self.reader {
            Some(reader) => reader,
            none => {
                let config = around.shared.reader(&self.name, false, Isolation::ReadCommitted);
                let config = ConsumerConfig { buffer_bytes: BUFFER_BYTES, ..config };
                none.insert(Replay::new(around.shared.broker.consumer(&config)?, BATCH_BYTES))
            }
        };
        job.retry_at = now + LOOK_MS;
        if job.stage == Stage::Replay {
            let moved = reader.catch_up(job)?;
            if moved || !job.batch.is_empty() {
                job.write()?;
            }
        }
        let lag = job.look(around)?;
        match job.stage {
            Stage::Replay => reader.read(job)?,
            _ => reader.begin(job, now)?,
        }
        around.shared.tell(&Event::Standby { task, lag });
        Ok(Some(lag))
    }

    fn poll(&mut self, shared: &Shared, plan: &Plan, now: i64) -> bool {
        let Some(reader) = &mut self.reader else { return false };
        if !self.throttle.is_open(now) {
            return false;
        }
        match reader.follow(&mut self.jobs, shared, now, POLL_RECORDS) {
            Ok(bytes) => {
                self.throttle.spend(bytes);
                bytes > 0
            }
            Err(trouble) => {
                let (task, error) = *trouble;
                self.trouble(shared, plan, task, error, now);
                false
            }
        }
    }

    /// Waits for what can pass; gives up the rest.
    fn trouble(&mut self, shared: &Shared, plan: &Plan, task: Option<TaskId>, error: Error, now: i64) {
        let retry = error.reaction() == Reaction::Retry;
        match task {
            Some(task) if retry => {
                tracing::debug!(%task, %error, "a standby waits");
                if let Some(job) = self.jobs.get_mut(&task) {
                    job.retry_at = now + LOOK_MS;
                }
            }
            Some(task) if error.reaction() == Reaction::Restore => {
                if let Some(job) = self.jobs.get_mut(&task) {
                    self.reader.iter_mut().for_each(|reader| reader.forget(job));
                    if let Err(error) = job.damaged(shared, plan, now, &error) {
                        self.trouble(shared, plan, Some(task), error, now);
                    }
                }
            }
            Some(task) => {
                shared.warn(&format!("the standby of task {task} is given up: {error}"));
                self.given_up.insert(task);
                self.close(shared, task);
            }
            None if retry => tracing::debug!(%error, "standbys wait"),
            None => {
                shared.warn(&format!("standbys start over: {error}"));
                for job in self.jobs.values_mut() {
                    // The reader goes with everything it was reading.
                    job.logs.iter_mut().for_each(|log| log.slot = None);
                }
                let tasks: Vec<TaskId> = self.jobs.keys().copied().collect();
                tasks.into_iter().for_each(|task| self.close(shared, task));
                self.reader = None;
                self.quiet_until = now + QUIET_MS;
            }
        }
    }

    fn close(&mut self, shared: &Shared, task: TaskId) {
        let Some(mut job) = self.jobs.remove(&task) else { return };
        if let Some(reader) = &mut self.reader {
            reader.forget(&mut job);
        }
        if let Err(error) = job.write() {
            // What it gathered is in the changelog.
            tracing::debug!(%task, %error, "the last rows of a standby were not written");
        }
        drop(job);
        shared.tell(&Event::Task { task, from: Some(Shown::Standby), to: None });
    }
}

impl Job {
    /// Asks how far there is to go, and how far it may go. Returns the offsets it is behind.
    fn look(&mut self, around: &mut Surroundings<'_>) -> Result<u64, Error> {
        let ends: Result<Vec<Watermarks>, BrokerError> =
            self.logs.iter().map(|log| around.ends.watermarks(&log.partition)).collect();
        let ends = ends?;
        let lacks = |(log, marks): (&Log, &Watermarks)| log.lacks_old_records(*marks);
        let lacks = self.logs.iter().zip(&ends).any(lacks);
        if lacks {
            // Before a changelog is cut that is committed, so it is asked for behind the look at the beginnings. And what was
            // passed over has expired by now; the rows here must know that time.
            self.learn_committed(around.plan, around.group)?;
        }
        let mut lag = 0;
        for (log, marks) in self.logs.iter_mut().zip(ends) {
            let goal = if log.source {
                committed(around.group, &log.partition)?.min(marks.high)
            } else {
                marks.high
            };
            // A topic that others own may lose its oldest records; who holds some of it must not miss any since.
            if !log.source || log.next >= 0 {
                log.check(marks, around.shared, around.plan, self.task)?;
            }
            log.next = log.next.max(marks.low.min(goal));
            log.end = if log.source { goal } else { i64::MAX };
            lag += (goal - log.next).max(0);
        }
        if lacks {
            self.make_rows();
        }
        Ok(lag.unsigned_abs())
    }
}

/// What the group has committed of an input; 0 before the first commit.
fn committed(group: &mut dyn Consumer, partition: &Partition) -> Result<i64, BrokerError> {
    let committed = group.committed(std::slice::from_ref(partition))?.pop().flatten();
    Ok(committed.map_or(0, |committed| committed.offset))
}
