//! Tasks come and go: what the coordinator's messages do to a worker.

use std::sync::mpsc::TryRecvError;

use super::super::mailbox::{Report, Restored, ToWorker};
use super::super::observer::{Event, TaskId};
use super::active::{Active, Going, Logging};
use super::commit::{After, Commit};
use super::{Error, Worker, task_error};
use crate::broker::BrokerError;
use crate::fault::Reason;
use crate::flaw::{Flaw, planted};
use crate::observe::TaskState;
use crate::record::Partition;
use crate::task::{Place, TaskError};

impl Worker {
    /// Does what the mailbox says. A worker whose coordinator is gone ends at once: state is safe at any instant.
    pub(super) fn read_mailbox(&mut self, now: i64) -> Result<bool, Error> {
        let mut moved = false;
        loop {
            match self.inbox.try_recv() {
                Ok(message) => self.obey(message, now)?,
                Err(TryRecvError::Empty) => return Ok(moved),
                Err(TryRecvError::Disconnected) => {
                    self.end();
                    return Ok(true);
                }
            }
            moved = true;
        }
    }

    fn obey(&mut self, message: ToWorker, now: i64) -> Result<(), Error> {
        match message {
            ToWorker::Begin { plan, membership } => (self.plan, self.membership) = (plan, membership),
            ToWorker::Start { restored, losses } => {
                // Tasks from before a loss were taken away before.
                self.standing = losses;
                self.start(*restored, now)?;
            }
            ToWorker::Revoke(tasks) => self.revoke(&tasks),
            ToWorker::Lost(tasks) => self.lose(&tasks),
            ToWorker::End { partition, end } => self.hear_of_end(&partition, end),
            ToWorker::Topic { topic, partitions } => self.outbox.learn(topic, partitions, now),
            ToWorker::Stop => self.stopping = true,
        }
        Ok(())
    }

    /// Runs a task. One that cannot begin has closed its stores and is given back: by itself when the outside world said "not
    /// now", else with whatever the worker does about the error.
    fn start(&mut self, restored: Restored, now: i64) -> Result<(), Error> {
        let (id, slots) = (restored.task, &mut self.slots);
        let made = Active::new(&self.shared, &self.plan, &self.globals, restored, now, || slots.take());
        let error = match made {
            Ok(active) => match self.take_in(active) {
                Ok(()) => return Ok(()),
                // A reader that takes no more partitions is replaced, whatever the reason.
                Err(error) => BrokerError::Fatal(error.to_string()).into(),
            },
            Err(TaskError::Retry { place, reason }) => {
                self.tell_gone(id, TaskState::Restoring);
                self.not_yet(id, &place, &reason);
                return Ok(());
            }
            Err(error) => task_error(&self.shared, &self.plan, id, error),
        };
        self.tell_gone(id, TaskState::Restoring);
        if !planted(Flaw::UnbegunForgotten) {
            self.unplaced.push(id);
        }
        Err(error)
    }

    fn take_in(&mut self, active: Active) -> Result<(), BrokerError> {
        let task = active.id;
        let place = match self.tasks.iter().position(Option::is_none) {
            Some(place) => place,
            None => {
                self.tasks.push(None);
                self.tasks.len() - 1
            }
        };
        let free = self.inputs.leave()?;
        self.slots.free.extend(free);
        self.inputs.start(place, &active)?;
        self.tasks[place] = Some(active);
        let to = Some(TaskState::Running);
        self.shared.tell(&Event::Task { task, from: Some(TaskState::Restoring), to });
        Ok(())
    }

    /// A closed task whose nodes could not begin: the coordinator has it brought up again.
    pub(super) fn not_yet(&self, task: TaskId, place: &Place, reason: &Reason) {
        let reason = format!("{place} cannot begin yet and is tried again: {reason}");
        self.report(Report::Dropped { worker: self.index, tasks: vec![task], reason });
    }

    /// Ends at once. State is safe: nothing of the open interval is on disk.
    pub(super) fn end(&mut self) {
        self.ended = true;
        for active in std::mem::take(&mut self.tasks).into_iter().flatten() {
            let task = active.id;
            drop(active);
            self.tell_gone(task, TaskState::Running);
        }
    }

    fn tell_gone(&self, task: TaskId, from: TaskState) {
        self.shared.tell(&Event::Task { task, from: Some(from), to: None });
    }

    fn hear_of_end(&mut self, partition: &Partition, end: i64) {
        let inputs = self.tasks.iter_mut().flatten().flat_map(|active| &mut active.inputs);
        inputs.filter(|input| input.partition == *partition).for_each(|input| input.awaited.reaches(end));
    }

    /// These go back after the next commit. One that is not here was dropped already.
    fn revoke(&mut self, tasks: &[TaskId]) {
        self.these(tasks).for_each(|active| active.going = active.going.or(Some(Going::Revoked)));
    }

    /// These are somebody else's already. What they have in the open transaction takes the whole of it down, unless the
    /// broker is deciding about it right now: then its answer holds, and they close afterwards.
    fn lose(&mut self, tasks: &[TaskId]) {
        if matches!(self.commit, Commit::Committing(_) | Commit::Applying(_)) {
            self.these(tasks).for_each(|active| active.going = Some(Going::Lost));
            return;
        }
        let mut any = false;
        for place in 0..self.tasks.len() {
            if self.tasks[place].as_ref().is_some_and(|active| tasks.contains(&active.id)) {
                any = true;
                self.give_back(place);
            }
        }
        if any && (self.writer.is_open() || !self.outbox.is_empty() || !matches!(self.commit, Commit::Idle)) {
            self.abort_then(After::Rewind);
        }
    }

    fn these(&mut self, tasks: &[TaskId]) -> impl Iterator<Item = &mut Active> {
        self.tasks.iter_mut().flatten().filter(|active| tasks.contains(&active.id))
    }

    /// After a commit: closes what was to be closed, ends if that was all.
    pub(super) fn close_closing(&mut self) -> bool {
        let mut moved = false;
        for place in 0..self.tasks.len() {
            let goes = |active: &Active| match active.going {
                Some(Going::Lost) => true,
                Some(Going::Revoked) => self.settled(active),
                None => self.stopping && self.settled(active),
            };
            if self.tasks[place].as_ref().is_some_and(goes) {
                moved = true;
                self.give_back(place);
            }
        }
        if self.stopping && self.tasks.iter().all(Option::is_none) {
            self.ended = true;
            self.report(Report::Stopped { worker: self.index });
        }
        moved
    }

    /// Nothing of this task waits for a commit.
    fn settled(&self, active: &Active) -> bool {
        !active.task.dirty() && self.outbox.is_empty() && !self.writer.is_open()
    }

    fn give_back(&mut self, place: usize) {
        if let Some(task) = self.close(place) {
            self.report(Report::Closed { worker: self.index, task });
        }
    }

    /// Stops reading for a task and drops it with its stores. Says which it was.
    pub(super) fn close(&mut self, place: usize) -> Option<TaskId> {
        let active = self.tasks.get_mut(place).and_then(Option::take)?;
        self.slots.free.extend(active.logged.iter().filter_map(|logged| match logged.backed {
            Logging::Own { slot } => Some(slot),
            Logging::Source { .. } => None,
        }));
        match self.inputs.stop(&active) {
            Ok(free) => self.slots.free.extend(free),
            // What comes until then has no owner and is ignored.
            Err(error) => {
                let id = active.id;
                self.shared.warn(&format!("task {id} goes, its inputs are let go of later: {error}"));
            }
        }
        let task = active.id;
        drop(active);
        self.tell_gone(task, TaskState::Running);
        Some(task)
    }
}
