//! Brings the stores of tasks up to date before they run, beside the threads that process.
//!
//! Owns: task directories until they are handed over, one reader for all changelogs, the global stores. Several tasks
//! go on at once; the client spreads its fetches over their partitions. Never: input records, decisions about who
//! owns what, a thread, a clock.

mod job;
mod offsets;
mod open;
mod replay;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError};
use std::time::Duration;

use self::job::{Job, Stage};
use self::replay::Replay;
use super::error::{Error, Reaction};
use super::globals::Globals;
use super::mailbox::{Progress, Report, ToRestorer};
use super::observer::{Event, TaskId};
use super::plan::Plan;
use super::shared::Shared;
use super::waiting::Waiting;
use crate::broker::{Consumer, ConsumerConfig, Isolation};
use crate::observe::TaskState as Shown;

/// Pause after a "not now".
const RETRY_MS: i64 = 20;
/// Bytes the replaying reader may hold: it reads as fast as the broker sends, and for a short time only.
const REPLAY_BUFFER_BYTES: usize = 48 << 20;

/// The restorer of one process.
pub(crate) struct Restorer {
    shared: Arc<Shared>,
    plan: Arc<Plan>,
    cluster_id: String,
    inbox: Receiver<ToRestorer>,
    coordinator: Sender<Report>,
    /// Reads what the group has committed. Read-committed: its answer waits until pending offsets are decided.
    group: Box<dyn Consumer>,
    /// Reads end offsets. Read-uncommitted: the high watermark, not the last stable offset.
    ends: Box<dyn Consumer>,
    replay: Replay,
    globals: Globals,
    jobs: BTreeMap<TaskId, Job>,
    ended: bool,
    waiting: Waiting,
}

impl Restorer {
    /// A restorer without work.
    ///
    /// # Errors
    /// When the broker's clients cannot be made, or the global stores cannot be opened.
    pub(crate) fn new(
        shared: Arc<Shared>,
        plan: Arc<Plan>,
        cluster_id: String,
        mailboxes: (Receiver<ToRestorer>, Sender<Report>),
        now: i64,
    ) -> Result<Self, Error> {
        let (inbox, coordinator) = mailboxes;
        let config = |role: &str, group, isolation| shared.reader(role, group, isolation);
        let reader = |role, group, isolation| shared.broker.consumer(&config(role, group, isolation));
        let replay = ConsumerConfig {
            buffer_bytes: REPLAY_BUFFER_BYTES,
            ..config("restore", false, Isolation::ReadCommitted)
        };
        Ok(Self {
            group: reader("offsets", true, Isolation::ReadCommitted)?,
            ends: reader("ends", false, Isolation::ReadUncommitted)?,
            replay: Replay::new(shared.broker.consumer(&replay)?),
            globals: Globals::open(&shared, &plan, &cluster_id, now)?,
            jobs: BTreeMap::new(),
            ended: false,
            waiting: Waiting::new("restorer", 1_000),
            shared,
            plan,
            cluster_id,
            inbox,
            coordinator,
        })
    }

    /// One bounded piece of work at time `now`. Waits at most `wait`, for records and only with nothing else to do.
    ///
    /// 1. mailbox: tasks to restore, to cancel, the end;
    /// 2. every job that does not replay yet goes one step on (open, offsets, ends);
    /// 3. one poll for all jobs that replay; each applies what came for it, and is done when its reader has passed its end;
    /// 4. global stores follow their topics.
    pub(crate) fn step(&mut self, now: i64, wait: Duration) -> Progress {
        let mut moved = self.read_mailbox(now);
        if self.ended {
            return Progress::Done;
        }
        moved |= self.prepare_jobs(now);
        let wait = if moved || self.globals.is_behind() { Duration::ZERO } else { wait };
        moved |= self.replay_jobs(now, wait);
        moved |= self.hand_over(now);
        match self.globals.step(&self.shared) {
            Ok(progress) => {
                moved |= progress.moved;
                if let Some(ready) = progress.ready {
                    self.report(Report::GlobalsReady(ready));
                }
            }
            Err(error) => self.trouble(None, error, now),
        }
        Progress::of(moved)
    }

    fn read_mailbox(&mut self, now: i64) -> bool {
        let mut moved = false;
        loop {
            match self.inbox.try_recv() {
                Ok(ToRestorer::Restore(task)) => {
                    self.shared.tell(&Event::Task { task, from: None, to: Some(Shown::Restoring) });
                    self.jobs.insert(task, Job::new(&self.plan, task, now));
                }
                Ok(ToRestorer::Cancel(task)) => self.cancel(task),
                Ok(ToRestorer::Stop) | Err(TryRecvError::Disconnected) => {
                    self.ended = true;
                    return true;
                }
                Err(TryRecvError::Empty) => return moved,
            }
            moved = true;
        }
    }

    /// The lease is gone. One that was handed over already is the worker's to close.
    fn cancel(&mut self, task: TaskId) {
        if let Some(mut job) = self.jobs.remove(&task) {
            self.replay.forget(&mut job);
            drop(job);
            self.shared.tell(&Event::Task { task, from: Some(Shown::Restoring), to: None });
            self.report(Report::Cancelled(task));
        }
    }

    fn prepare_jobs(&mut self, now: i64) -> bool {
        let mut moved = false;
        let tasks: Vec<TaskId> = self.jobs.keys().copied().collect();
        for task in tasks {
            match self.prepare(task, now) {
                Ok(progress) => moved |= progress,
                Err(error) => self.trouble(Some(task), error, now),
            }
        }
        moved
    }

    /// One step of one job towards its replay.
    fn prepare(&mut self, task: TaskId, now: i64) -> Result<bool, Error> {
        let Some(job) = self.jobs.get_mut(&task) else { return Ok(false) };
        if now < job.retry_at {
            return Ok(false);
        }
        match job.stage {
            Stage::Open => job.open(&self.shared, &self.plan, &self.cluster_id, now)?,
            Stage::Offsets => job.read_offsets(&self.plan, self.group.as_mut(), self.ends.as_mut())?,
            Stage::Ends => {
                job.read_ends(&self.shared, &self.plan, self.ends.as_mut(), now)?;
                self.replay.begin(job, now)?;
            }
            Stage::Replay | Stage::Done => return Ok(false),
        }
        Ok(true)
    }

    fn replay_jobs(&mut self, now: i64, wait: Duration) -> bool {
        match self.replay.step(&mut self.jobs, &self.shared, &self.plan, now, wait) {
            Ok(moved) => moved,
            Err(trouble) => {
                let (task, error) = *trouble;
                self.trouble(task, error, now);
                false
            }
        }
    }

    /// Gives finished jobs to the coordinator.
    fn hand_over(&mut self, now: i64) -> bool {
        let done = |(task, job): (&TaskId, &Job)| (job.stage == Stage::Done).then_some(*task);
        let finished: Vec<TaskId> = self.jobs.iter().filter_map(done).collect();
        for task in &finished {
            let Some(mut job) = self.jobs.remove(task) else { continue };
            self.replay.forget(&mut job);
            job.tell(&self.shared, now, true);
            if let Some(restored) = job.finish() {
                self.report(Report::Restored(Box::new(restored)));
            }
        }
        if self.jobs.values().all(|job| job.trouble.is_none()) {
            self.waiting.over(&self.shared);
        }
        !finished.is_empty()
    }

    /// Waits for what can pass, rebuilds what is damaged, ends for the rest.
    fn trouble(&mut self, task: Option<TaskId>, error: Error, now: i64) {
        let text = match task {
            Some(task) => format!("restore of task {task}: {error}"),
            None => format!("restore: {error}"),
        };
        if error.reaction() == Reaction::Retry {
            if let Some(job) = task.and_then(|task| self.jobs.get_mut(&task)) {
                job.retry_at = now + RETRY_MS;
                job.trouble = Some(text.clone());
            }
            self.waiting.because(&self.shared, now, &text);
            return;
        }
        let error = match task.and_then(|task| self.jobs.get_mut(&task)) {
            Some(job) if error.reaction() == Reaction::Restore => {
                self.replay.forget(job);
                let name = self.shared.task_name(&self.plan, job.task);
                let why = format!("the state of task {} was damaged ({error})", job.task);
                match job.start_over(&self.shared, &name, now, &why) {
                    Ok(()) => return,
                    Err(error) => error,
                }
            }
            _ => error,
        };
        self.ended = true;
        self.report(Report::Failed(error));
    }

    fn report(&self, report: Report) {
        // A coordinator that is gone has ended the application already.
        let _ = self.coordinator.send(report);
    }
}
