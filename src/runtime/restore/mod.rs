//! Brings the stores of tasks up to date before they run, beside the threads that process.
//!
//! Owns: the directories of its tasks until they are handed over, one reader for all changelogs, the global stores. Several tasks
//! go on at once; the client spreads its fetches over their partitions. Never: input records, decisions about who
//! owns what, a thread, a clock.

mod beginning;
mod job;
mod offsets;
mod open;
mod replay;
mod standby;
mod throttle;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError};
use std::time::Duration;

pub(crate) use self::beginning::has_beginning;
use self::job::{Job, Log, Stage};
use self::replay::Replay;
use self::standby::{Standbys, Surroundings};
use super::error::{Error, Reaction};
use super::globals::Globals;
use super::mailbox::{Progress, Report, ToRestorer};
use super::observer::{Event, TaskId};
use super::plan::Plan;
use super::shared::Shared;
use super::waiting::Waiting;
use crate::broker::{Consumer, ConsumerConfig, Isolation};
use crate::flaw::{Flaw, planted};
use crate::observe::TaskState as Shown;

/// Milliseconds between two reports of progress.
const TELL_MS: i64 = 1_000;
/// Pause after a "not now".
const RETRY_MS: i64 = 20;
/// Bytes the replaying reader may hold: it reads as fast as the broker sends, and for a short time only.
const REPLAY_BUFFER_BYTES: usize = 32 << 20;
/// Tasks that a restorer replays from far behind at the same time; the others wait for their turn.
const LARGE_REPLAYS: usize = 4;
/// Up to so many offsets a replay is small.
const SMALL: i64 = 50_000;

/// One restorer of a process. Each task is always the same one's.
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
    /// Of the first restorer only: global stores are one per process.
    globals: Option<Globals>,
    jobs: BTreeMap<TaskId, Job>,
    standbys: Standbys,
    /// When the coordinator was told last how far the restores are.
    told: i64,
    ended: bool,
    waiting: Waiting,
}

impl Restorer {
    /// A restorer without work.
    ///
    /// # Errors
    /// When the broker's clients cannot be made, or the global stores cannot be opened.
    pub(crate) fn new(
        lane: usize,
        shared: Arc<Shared>,
        begin: (Arc<Plan>, String),
        mailboxes: (Receiver<ToRestorer>, Sender<Report>),
        now: i64,
    ) -> Result<Self, Error> {
        let ((plan, cluster_id), (inbox, coordinator)) = (begin, mailboxes);
        let config =
            |role: &str, group, isolation| shared.reader(&format!("{role}-{lane}"), group, isolation);
        let reader = |role, group, isolation| shared.broker.consumer(&config(role, group, isolation));
        let replay = ConsumerConfig {
            buffer_bytes: REPLAY_BUFFER_BYTES / shared.config.restorers.max(1),
            ..config("restore", false, unless(Flaw::RestoreTakesAborted, Isolation::ReadCommitted))
        };
        let globals = if lane == 0 { Some(Globals::open(&shared, &plan, &cluster_id, now)?) } else { None };
        Ok(Self {
            group: reader("offsets", true, unless(Flaw::PendingOffsetsIgnored, Isolation::ReadCommitted))?,
            ends: reader("ends", false, unless(Flaw::RestoreEndsAtLastStable, Isolation::ReadUncommitted))?,
            replay: Replay::new(shared.broker.consumer(&replay)?, replay::BATCH_BYTES),
            globals,
            jobs: BTreeMap::new(),
            standbys: Standbys::new(&shared, lane),
            told: now,
            ended: false,
            waiting: Waiting::new(format!("restorer {lane}"), 1_000),
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
    /// 2. every job that does not replay yet goes one step on (open, offsets, ends, and its turn has come);
    /// 3. one poll for all jobs that replay; each applies what came for it, and is done when its reader has passed its end;
    /// 4. global stores follow their topics; standbys follow theirs while nothing is restored.
    pub(crate) fn step(&mut self, now: i64, wait: Duration) -> Progress {
        let mut moved = self.read_mailbox(now);
        if self.ended {
            return Progress::Done;
        }
        moved |= self.prepare_jobs(now);
        let behind = self.globals.as_ref().is_some_and(Globals::is_behind);
        let wait = if moved || behind { Duration::ZERO } else { wait };
        moved |= self.replay_jobs(now, wait);
        self.tell_progress(now);
        moved |= self.hand_over(now);
        moved |= self.follow_globals(now);
        moved |= self.follow_standbys(now);
        Progress::of(moved)
    }

    /// A restore of a task that is to run goes first.
    fn follow_standbys(&mut self, now: i64) -> bool {
        if self.jobs.values().any(|job| job.trouble.is_none()) {
            return false;
        }
        let mut around = Surroundings {
            shared: &self.shared,
            plan: &self.plan,
            cluster_id: &self.cluster_id,
            group: self.group.as_mut(),
            ends: self.ends.as_mut(),
        };
        let (moved, looked) = self.standbys.step(&mut around, now);
        for (task, offsets) in looked {
            self.report(Report::Behind { task, offsets });
        }
        moved
    }

    fn follow_globals(&mut self, now: i64) -> bool {
        let Some(globals) = &mut self.globals else { return false };
        match globals.step(&self.shared, now) {
            Ok(progress) => {
                if let Some(ready) = progress.ready {
                    self.report(Report::GlobalsReady(ready));
                }
                progress.moved
            }
            Err(error) => {
                self.trouble(None, error, now);
                false
            }
        }
    }

    fn read_mailbox(&mut self, now: i64) -> bool {
        let mut moved = false;
        loop {
            match self.inbox.try_recv() {
                Ok(ToRestorer::Restore(task)) => self.begin(task, now),
                Ok(ToRestorer::Cancel(task)) => self.cancel(task),
                Ok(ToRestorer::Layout(plan)) => self.plan = plan,
                Ok(ToRestorer::Follow(tasks)) => self.standbys.want(&self.shared, tasks),
                Ok(ToRestorer::Stop) | Err(TryRecvError::Disconnected) => {
                    self.standbys.stop(&self.shared);
                    self.end();
                    return true;
                }
                Err(TryRecvError::Empty) => return moved,
            }
            moved = true;
        }
    }

    /// From where its standby is, if there is one, or from its directory.
    fn begin(&mut self, task: TaskId, now: i64) {
        let warm = self.standbys.promote(&self.shared, task, now).unwrap_or_else(|error| {
            self.shared.warn(&format!("the standby of task {task} is of no use: {error}"));
            None
        });
        self.shared.tell(&Event::Task { task, from: None, to: Some(Shown::Restoring) });
        self.jobs.insert(task, warm.unwrap_or_else(|| Job::new(&self.plan, task, now)));
    }

    /// The lease is gone. One that was handed over already is the worker's to close.
    fn cancel(&mut self, task: TaskId) {
        if let Some(mut job) = self.jobs.remove(&task) {
            self.replay.forget(&mut job);
            drop(job);
            self.tell_gone(task);
            self.report(Report::Cancelled(task));
        }
    }

    /// Whatever is not done yet is left as a crash would leave it.
    fn end(&mut self) {
        self.ended = true;
        for (task, job) in std::mem::take(&mut self.jobs) {
            drop(job);
            self.tell_gone(task);
        }
    }

    fn tell_gone(&self, task: TaskId) {
        self.shared.tell(&Event::Task { task, from: Some(Shown::Restoring), to: None });
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
        let its_turn = self.has_room_for(task);
        let Some(job) = self.jobs.get_mut(&task) else { return Ok(false) };
        if now < job.retry_at {
            return Ok(false);
        }
        match job.stage {
            Stage::Open => job.open(&self.shared, &self.plan, &self.cluster_id, now)?,
            Stage::Offsets => job.read_offsets(&self.plan, self.group.as_mut(), self.ends.as_mut(), now)?,
            Stage::Ends => job.read_ends(&self.shared, &self.plan, self.ends.as_mut(), now)?,
            Stage::Queue if its_turn => self.replay.begin(job, now)?,
            Stage::Queue | Stage::Replay | Stage::Done => return Ok(false),
        }
        Ok(true)
    }

    /// Each large replay holds memory for a sorted run. The smallest of those that wait goes first, and a small one,
    /// a task that was here before, never waits.
    fn has_room_for(&self, task: TaskId) -> bool {
        let size = |job: &Job| job.logs.iter().map(Log::remaining).sum::<i64>();
        let Some(own) = self.jobs.get(&task).filter(|job| job.stage == Stage::Queue).map(size) else {
            return false;
        };
        let large = |stage| self.jobs.iter().filter(move |(_, job)| job.stage == stage && size(job) > SMALL);
        own <= SMALL
            || large(Stage::Replay).count() < LARGE_REPLAYS
                && large(Stage::Queue).all(|(other, job)| (own, task) <= (size(job), *other))
    }

    fn replay_jobs(&mut self, now: i64, wait: Duration) -> bool {
        match self.replay.step(&mut self.jobs, &self.shared, now, wait) {
            Ok(moved) => moved,
            Err(trouble) => {
                let (task, error) = *trouble;
                self.trouble(task, error, now);
                false
            }
        }
    }

    fn tell_progress(&mut self, now: i64) {
        if now - self.told >= TELL_MS {
            self.told = now;
            for (task, job) in self.jobs.iter().filter(|(_, job)| job.stage == Stage::Replay) {
                self.report(Report::Behind { task: *task, offsets: job.remaining() });
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

    /// Waits for what can pass, ends for the rest.
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
        if error.reaction() == Reaction::Restore
            && let Some(job) = task.and_then(|task| self.jobs.get_mut(&task))
        {
            self.replay.forget(job);
            match job.damaged(&self.shared, &self.plan, now, &error) {
                Ok(()) => return,
                Err(error) => return self.fail(error),
            }
        }
        self.fail(error);
    }

    fn fail(&mut self, error: Error) {
        self.end();
        self.report(Report::Failed(error));
    }

    fn report(&self, report: Report) {
        // A coordinator that is gone has ended the application already.
        let _ = self.coordinator.send(report);
    }
}

/// What a reader may see: as it has to be, or the opposite with the flaw planted.
fn unless(flaw: Flaw, isolation: Isolation) -> Isolation {
    match (planted(flaw), isolation) {
        (false, right) => right,
        (true, Isolation::ReadCommitted) => Isolation::ReadUncommitted,
        (true, Isolation::ReadUncommitted) => Isolation::ReadCommitted,
    }
}
