//! A worker: some of the process's tasks, one reader, one writer. `step` does a bounded piece of work.
//!
//! Owns: its tasks from the moment their stores are restored until their leases go back. Never: a thread, a clock, a
//! pause, a decision about who owns what (that is the coordinator's).

mod active;
mod awaited;
mod commit;
mod inputs;
mod interval;
mod lifecycle;
mod outbox;
mod placing;
mod react;
mod writer;

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use std::time::Duration;

use topo_state::StateError;

use self::active::Active;
use self::commit::{After, Commit};
use self::inputs::Inputs;
use self::outbox::Outbox;
use self::writer::Writer;
use super::error::Error;
use super::losses::Losses;
use super::mailbox::{Progress, Report, ToWorker};
use super::observer::TaskId;
use super::plan::Plan;
use super::shared::Shared;
use super::waiting::Waiting;
use crate::broker::{GroupToken, Isolation, Membership};
use crate::fault::STATE_DAMAGED;
use crate::flaw::{Flaw, planted};
use crate::task::{GlobalStores, TaskError};

/// Pause of a task whose record waits for the outside world.
const TASK_RETRY_MS: i64 = 250;

/// One worker.
pub(crate) struct Worker {
    index: usize,
    shared: Arc<Shared>,
    plan: Arc<Plan>,
    /// Proof of membership for this step. It holds the member's client, and goes before the membership, which waits for that.
    authority: Option<GroupToken>,
    membership: Arc<dyn Membership>,
    globals: GlobalStores,
    inbox: Receiver<ToWorker>,
    coordinator: Sender<Report>,
    inputs: Inputs,
    writer: Writer,
    outbox: Outbox,
    losses: Losses,
    /// By place; a closed task leaves its place empty.
    tasks: Vec<Option<Active>>,
    /// Tasks that could not begin, to be given back with the others.
    unplaced: Vec<TaskId>,
    slots: Slots,
    commit: Commit,
    /// How often the member had lost its place when the tasks that are here were given to it. A proof from behind another loss
    /// is no proof for them: somebody else may run them already.
    standing: u64,
    last_commit: i64,
    last_keep_alive: i64,
    stopping: bool,
    ended: bool,
    /// No call to the broker before then: it said "not now".
    retry_at: i64,
    waiting: Waiting,
}

/// Numbers for inputs and changelogs, used again when free.
#[derive(Default)]
struct Slots {
    next: usize,
    free: Vec<usize>,
}

impl Slots {
    fn take(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| {
            self.next += 1;
            self.next - 1
        })
    }
}

impl Worker {
    /// A worker without tasks.
    ///
    /// # Errors
    /// When the broker's client cannot be made.
    pub(crate) fn new(
        index: usize,
        shared: Arc<Shared>,
        begin: (Arc<Plan>, Arc<dyn Membership>, GlobalStores),
        mailboxes: (Receiver<ToWorker>, Sender<Report>),
        now: i64,
    ) -> Result<Self, Error> {
        let (plan, membership, globals) = begin;
        let (inbox, coordinator) = mailboxes;
        let reader = shared.reader(&index.to_string(), true, Isolation::ReadCommitted);
        Ok(Self {
            index,
            plan,
            membership,
            globals,
            inbox,
            coordinator,
            inputs: Inputs::new(shared.broker.consumer(&reader)?),
            writer: Writer::new(shared.config.processing),
            outbox: Outbox::default(),
            losses: Losses::default(),
            tasks: Vec::new(),
            unplaced: Vec::new(),
            slots: Slots::default(),
            commit: Commit::Idle,
            authority: None,
            standing: 0,
            last_commit: now,
            last_keep_alive: now,
            stopping: false,
            ended: false,
            retry_at: i64::MIN,
            waiting: Waiting::new(format!("worker {index}"), 1_000),
            shared,
        })
    }

    /// One bounded piece of work at time `now` (milliseconds). Waits at most `wait`, for the broker and only with
    /// nothing else to do. The order of work:
    ///
    /// 1. mailbox: tasks to start, to close, the end;
    /// 2. the writer is made ready; without it nothing is processed;
    /// 3. a commit under way goes one step on, and nothing else happens until it is through;
    /// 4. outputs that the producer had no room for;
    /// 5. poll: records into the tasks' queues, inputs of full queues paused; records that were waited for are left to
    ///    the next step, so that the time of a step is never a time of waiting;
    /// 6. process and punctuate; outputs go to the producer;
    /// 7. a commit begins when it is due.
    pub(crate) fn step(&mut self, now: i64, wait: Duration) -> Progress {
        if self.ended {
            return Progress::Done;
        }
        match self.work(now, wait) {
            Ok(_) if self.ended => Progress::Done,
            Ok(moved) => {
                if now >= self.retry_at && matches!(self.commit, Commit::Idle) {
                    self.waiting.over(&self.shared);
                }
                Progress::of(moved)
            }
            Err(error) => self.react(error, now),
        }
    }

    fn work(&mut self, now: i64, wait: Duration) -> Result<bool, Error> {
        if matches!(self.commit, Commit::Offsets(_)) {
            self.authority = self.authority();
        }
        let mut moved = self.read_mailbox(now)?;
        if now < self.retry_at {
            return Ok(moved);
        }
        if !matches!(self.commit, Commit::Aborting(_)) {
            self.writer.start(&self.shared, self.index)?;
        }
        if !matches!(self.commit, Commit::Idle) {
            return Ok(self.step_commit(now, wait)? || moved);
        }
        moved |= self.close_closing();
        if self.ended {
            return Ok(true);
        }
        moved |= self.send_outputs(now)?;
        if self.outbox.is_empty() && !self.stopping && !self.shared.is_paused() {
            let wait = if moved { Duration::ZERO } else { wait };
            let polled = self.poll(now, wait)?;
            moved |= polled;
            if !polled || wait.is_zero() {
                moved |= self.process(now)?;
                moved |= self.send_outputs(now)?;
            }
        }
        if matches!(self.commit, Commit::Idle) && self.commit_is_due(now) {
            self.begin_commit(now)?;
            moved = true;
        }
        Ok(moved)
    }

    fn authority(&mut self) -> Option<GroupToken> {
        let old = self.authority.take().filter(|_| planted(Flaw::StaleAuthority));
        old.or_else(|| self.membership.token())
    }

    /// Hands outputs to the producer and hears what became of earlier ones.
    fn send_outputs(&mut self, now: i64) -> Result<bool, Error> {
        let moved = self.flush_outbox(now)?;
        if self.writer.is_open() {
            let deliveries = self.writer.delivered(Duration::ZERO);
            if let Some(failure) = deliveries.failure {
                self.delivery_failed(failure)?;
            }
        }
        Ok(moved)
    }

    /// Hands outputs to the producer; asks the coordinator for topics that nobody knew at the start.
    pub(super) fn flush_outbox(&mut self, now: i64) -> Result<bool, Error> {
        let flushed = self.outbox.flush(&mut self.writer, &self.shared, &self.plan, now);
        for topic in self.outbox.take_wanted() {
            self.report(Report::Wanted { worker: self.index, topic });
        }
        flushed
    }

    fn poll(&mut self, now: i64, wait: Duration) -> Result<bool, Error> {
        let config = &self.shared.config;
        let in_hand = self.tasks.iter().flatten().any(|active| active.task.can_go_on());
        let wait = if in_hand { Duration::ZERO } else { wait };
        let polled = self.inputs.poll(&mut self.tasks, config.step_records, wait)?;
        self.inputs.balance(&mut self.tasks, config.buffered_records)?;
        self.inputs.hold(&mut self.tasks, now, config.max_task_idle_ms)?;
        Ok(polled > 0)
    }

    /// Sends on what tables held back until this commit. `false` = the interval was aborted instead.
    pub(super) fn flush_tasks(&mut self, now: i64) -> Result<bool, Error> {
        for active in self.tasks.iter_mut().flatten() {
            match active.task.flush() {
                Ok(()) => {}
                Err(TaskError::Retry { place, reason }) => {
                    active.retry_at = now + TASK_RETRY_MS;
                    self.shared.warn(&format!("{place} waits and is tried again: {reason}"));
                    self.abort_then(After::Rewind);
                    return Ok(false);
                }
                Err(error) => return Err(task_error(&self.shared, &self.plan, active.id, error)),
            }
            for output in active.task.take_output() {
                self.outbox.push(output.record, active::cause(&active.inputs, output.origin));
            }
        }
        Ok(true)
    }

    fn process(&mut self, now: i64) -> Result<bool, Error> {
        let (mut moved, mut retry) = (false, false);
        for active in self.tasks.iter_mut().flatten() {
            if now < active.retry_at {
                continue;
            }
            let worked = match active.task.process(now, self.shared.config.step_records) {
                Ok(count) => active.task.punctuate(now).map(|()| count),
                Err(error) => Err(error),
            };
            match worked {
                Ok(count) => moved |= count > 0,
                Err(TaskError::Retry { place, reason }) => {
                    active.retry_at = now + TASK_RETRY_MS;
                    self.shared.warn(&format!("{place} waits and is tried again: {reason}"));
                    retry = true;
                    break;
                }
                Err(error) => return Err(task_error(&self.shared, &self.plan, active.id, error)),
            }
            for output in active.task.take_output() {
                self.outbox.push(output.record, active::cause(&active.inputs, output.origin));
            }
        }
        if retry {
            // What the record did before it was refused cannot be told from what its predecessors did: all of it again.
            self.abort_then(After::Rewind);
        }
        Ok(moved || retry)
    }

    fn report(&self, report: Report) {
        // A coordinator that is gone has ended the application already.
        let _ = self.coordinator.send(report);
    }
}

/// The error of a task; as one of its own directory, when that turned out to be corrupt. Global stores are not the task's.
fn task_error(shared: &Shared, plan: &Plan, task: TaskId, error: TaskError) -> Error {
    let dir = shared.task_dir(plan, task);
    match error {
        TaskError::Stop { reason, .. }
            if reason.error_type == STATE_DAMAGED && reason.message.contains(&*dir.to_string_lossy()) =>
        {
            StateError::Damaged { dir, detail: reason.message }.into()
        }
        error => error.into(),
    }
}
