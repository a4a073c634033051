//! The commit of a worker: all its tasks in one transaction, in the order that makes a crash at any instant harmless.
//!
//! ```text
//!            .-> Draining -> Offsets -> Committing -> Applying -.
//!   Idle ----|      |           |           |                   |--> Idle
//!            '------+-----------+-----------+--> Aborting ------'
//! ```
//! - Draining: changelog records stand behind the outputs in the outbox; all of it is on its way, then delivered.
//! - Offsets: the inputs' offsets join the transaction under the authority of the membership as it is now.
//! - Committing: the broker decides. Asked again until it says so; a crash leaves the answer to the next owner.
//! - Applying: per task one atomic write of data and checkpoint. The store is never ahead of the broker.
//! - Aborting: the transaction goes, buffers go, inputs go back to the last commit.

use std::path::{Path, PathBuf};
use std::time::Duration;

use topo_state::move_aside;

use super::super::error::Error;
use super::super::mailbox::Report;
use super::super::observer::Event;
use super::active::Logging;
use super::interval::Interval;
use super::{Worker, task_error};
use crate::broker::{BrokerError, Watermarks};
use crate::flaw::{Flaw, planted};
use crate::record::Partition;
use crate::task::TaskError;

/// Offsets of partitions without traffic are committed again this often, before the broker forgets them.
const KEEP_ALIVE_MS: i64 = 3_600_000;

/// Where a commit stands.
pub(crate) enum Commit {
    Idle,
    Draining(Interval),
    Offsets(Interval),
    Committing(Interval),
    Applying(Interval),
    Aborting(After),
}

/// What follows an abort.
pub(crate) enum After {
    /// The same records again.
    Rewind,
    /// The tasks go: their state is read back from disk and changelogs by whoever owns them next.
    Drop { reason: String },
    /// As [`Drop`](Self::Drop), and one task's directory, which is corrupt, is moved aside before.
    Repair { dir: PathBuf, reason: String },
    /// The worker ends with this error.
    Fail(Error),
}

impl Worker {
    /// One piece of the commit under way. Returns whether anything moved.
    pub(super) fn step_commit(&mut self, now: i64, wait: Duration) -> Result<bool, Error> {
        match std::mem::replace(&mut self.commit, Commit::Idle) {
            Commit::Idle => Ok(false),
            Commit::Draining(interval) => self.drain(interval, now, wait),
            Commit::Offsets(interval) => self.send_offsets(interval),
            Commit::Committing(interval) => self.commit_transaction(interval),
            Commit::Applying(interval) => self.apply(interval, now),
            Commit::Aborting(after) => self.abort(after, now),
        }
    }

    /// Whether a commit has to begin now.
    pub(super) fn commit_is_due(&self, now: i64) -> bool {
        let mut active = self.tasks.iter().flatten();
        let closing = self.stopping || self.tasks.iter().flatten().any(|active| active.going.is_some());
        if closing {
            return true;
        }
        let due = now - self.last_commit >= self.shared.config.commit_interval_ms;
        active.any(|active| active.task.commit_requested() || due && active.task.dirty())
            || due && (self.outbox_used() || self.keep_alive_is_due(now))
    }

    fn outbox_used(&self) -> bool {
        self.writer.is_open() || !self.outbox.is_empty()
    }

    fn keep_alive_is_due(&self, now: i64) -> bool {
        now - self.last_keep_alive >= KEEP_ALIVE_MS && self.tasks.iter().flatten().next().is_some()
            || self.tasks.iter().flatten().flat_map(|active| &active.inputs).any(|input| !input.known)
    }

    /// Drains the stores of all tasks into the outbox and remembers the offsets that belong to it.
    pub(super) fn begin_commit(&mut self, now: i64) -> Result<(), Error> {
        if !self.flush_tasks(now)? {
            return Ok(());
        }
        let keep_alive = now - self.last_keep_alive >= KEEP_ALIVE_MS;
        let mut interval = Interval::new(now);
        for (place, active) in self.tasks.iter_mut().enumerate() {
            let Some(active) = active else { continue };
            let (task, bytes) = (active.id, active.task.dirty_bytes());
            if bytes != active.buffered {
                active.buffered = bytes;
                self.shared.tell(&Event::Buffered { task, bytes });
            }
            let prepared = active.task.prepare()?;
            self.outbox.push_changes(prepared.changelog, active.changelog_slots());
            interval.add(place, active, prepared.offsets, keep_alive);
        }
        if keep_alive {
            self.last_keep_alive = now;
        }
        self.commit = Commit::Draining(interval);
        Ok(())
    }

    /// Everything is with the broker, or the transaction cannot be committed.
    fn drain(&mut self, mut interval: Interval, now: i64, wait: Duration) -> Result<bool, Error> {
        let flushed = self.flush_outbox(now);
        let deliveries = self.writer.delivered(if self.outbox.is_empty() { wait } else { Duration::ZERO });
        let heard = !deliveries.next_offsets.is_empty();
        for (slot, next) in deliveries.next_offsets {
            let known = interval.delivered.entry(slot).or_insert(next);
            *known = next.max(*known);
        }
        let moved = match (flushed, deliveries.failure) {
            (Ok(moved), None) => moved,
            (Err(error), _) => {
                self.commit = Commit::Draining(interval);
                return Err(error);
            }
            (Ok(_), Some(failure)) => {
                self.commit = Commit::Draining(interval);
                return self.delivery_failed(failure).map(|()| true);
            }
        };
        let done = self.outbox.is_empty() && self.writer.in_flight() == 0;
        if done && let Some(error) = self.recreated_changelog(&interval) {
            return Err(error);
        }
        self.commit = if done { Commit::Offsets(interval) } else { Commit::Draining(interval) };
        Ok(moved || heard || done)
    }

    /// A changelog in which the new records stand before those the store has already: it is another one by now.
    fn recreated_changelog(&self, interval: &Interval) -> Option<Error> {
        for active in self.tasks.iter().flatten() {
            for logged in &active.logged {
                let Logging::Own { slot } = logged.backed else { continue };
                let (Some(next), Some((store, known))) =
                    (interval.delivered.get(&slot), active.task.changelog_offset(logged.store))
                else {
                    continue;
                };
                if *next > known {
                    continue;
                }
                let topic = self.shared.naming.changelog(store);
                let partition = Partition::new(topic, active.id.partition);
                let marks = Watermarks { low: 0, high: *next };
                let dir = self.shared.task_dir(&self.plan, active.id);
                return Some(self.shared.changelog_truncated(&partition, marks, known, dir));
            }
        }
        None
    }

    /// A queued record was not written. One that is too large is known from now on and handled when it comes again.
    pub(super) fn delivery_failed(&mut self, failure: BrokerError) -> Result<(), Error> {
        let BrokerError::RecordTooLarge { topic, bytes, .. } = &failure else { return Err(failure.into()) };
        self.outbox.refuse(topic, *bytes);
        Err(BrokerError::AbortRequired(failure.to_string()).into())
    }

    /// The inputs' offsets, under the authority of the membership as it is now.
    fn send_offsets(&mut self, interval: Interval) -> Result<bool, Error> {
        if interval.offsets.is_empty() {
            self.commit = Commit::Committing(interval);
            return Ok(true);
        }
        let authority = self.authority.take();
        let unheard = planted(Flaw::LossUnheard) || self.stopping && planted(Flaw::DeafWhileStopping);
        let result = match &authority {
            None => Err(BrokerError::Retriable("this process is not a member of its group now".into())),
            Some(token) if token.losses != self.standing && !unheard => Err(BrokerError::Retriable(
                "this process has lost its place in the group, and is about to give up its tasks".into(),
            )),
            Some(token) if planted(Flaw::OffsetsOutsideTransaction) => {
                self.inputs.consumer().commit(&interval.offsets, Some(token))
            }
            Some(token) => self
                .writer
                .open()
                .and_then(|()| self.writer.live())
                .and_then(|producer| producer.send_offsets(&interval.offsets, token)),
        };
        if planted(Flaw::StaleAuthority) {
            self.authority = authority;
        }
        let done = result.is_ok();
        if done && planted(Flaw::StoreBeforeBroker) {
            self.write_stores(&interval)?;
        }
        self.commit = if done { Commit::Committing(interval) } else { Commit::Offsets(interval) };
        result.map(|()| true).map_err(Error::from)
    }

    fn commit_transaction(&mut self, interval: Interval) -> Result<bool, Error> {
        let mut result = self.writer.commit();
        if planted(Flaw::UnansweredCommitFailed)
            && let Err(BrokerError::Retriable(reason)) = result
        {
            result = Err(BrokerError::AbortRequired(reason));
        }
        self.commit = if result.is_ok() { Commit::Applying(interval) } else { Commit::Committing(interval) };
        result.map(|()| true).map_err(Error::from)
    }

    /// The broker has it: now the stores. A failure here ends the worker; the next start replays what is missing.
    fn apply(&mut self, interval: Interval, now: i64) -> Result<bool, Error> {
        if !planted(Flaw::StoreBeforeBroker) {
            self.write_stores(&interval)?;
        }
        self.finished(&interval, now);
        Ok(true)
    }

    fn write_stores(&mut self, interval: &Interval) -> Result<(), Error> {
        for part in &interval.parts {
            let Some(active) = self.tasks.get_mut(part.place).and_then(Option::as_mut) else { continue };
            for (partition, next) in &part.moved {
                if let Some(input) = active.inputs.iter_mut().find(|input| input.partition == *partition) {
                    input.committed = *next;
                }
            }
            active.inputs.iter_mut().for_each(|input| input.known = true);
            let changelogs: Vec<(usize, i64)> = active
                .logged
                .iter()
                .filter(|_| !planted(Flaw::StaleCheckpoint))
                .filter_map(|logged| match logged.backed {
                    Logging::Own { slot } => Some((logged.store, *interval.delivered.get(&slot)?)),
                    Logging::Source { input } => {
                        let next = active.inputs[input].committed;
                        (next >= 0).then_some((logged.store, next))
                    }
                })
                .collect();
            active.task.committed(&changelogs)?;
        }
        Ok(())
    }

    fn tell_left_out(&mut self, now: i64) {
        let Self { shared, losses, .. } = self;
        self.outbox.take_left_out(|count| losses.tell(shared, now, count));
        for active in self.tasks.iter_mut().flatten() {
            active.task.take_left_out(|count| losses.tell(shared, now, count));
        }
    }

    fn finished(&mut self, interval: &Interval, now: i64) {
        self.last_commit = now;
        self.outbox.report(&self.shared);
        self.tell_left_out(now);
        let took_ms = now - interval.started;
        self.shared.tell(&Event::Committed { worker: self.index, took_ms });
        let mut committed = Vec::new();
        for input in self.tasks.iter_mut().flatten().flat_map(|active| &mut active.inputs) {
            let count = std::mem::take(&mut input.read);
            if count > 0 {
                self.shared.tell(&Event::Processed { partition: &input.partition, count });
                committed.push((input.partition.clone(), input.committed));
            }
        }
        let mut expired = Vec::new();
        for part in &interval.parts {
            let Some(active) = self.tasks.get_mut(part.place).and_then(Option::as_mut) else { continue };
            expired.extend(active.committed_cuts(&part.cuts));
        }
        if !(committed.is_empty() && expired.is_empty()) {
            self.report(Report::Progress { committed, expired });
        }
    }

    /// Asks for an abort; an abort that leads further wins over one that only rewinds.
    pub(super) fn abort_then(&mut self, after: After) {
        let merged = match (std::mem::replace(&mut self.commit, Commit::Idle), after) {
            (Commit::Aborting(After::Fail(error)), _) => After::Fail(error),
            (Commit::Aborting(first @ After::Repair { .. }), After::Rewind | After::Drop { .. }) => first,
            (Commit::Aborting(first @ After::Drop { .. }), After::Rewind) => first,
            (_, after) => after,
        };
        self.outbox.clear();
        self.commit = Commit::Aborting(merged);
    }

    /// Takes the transaction back, lets late delivery reports run out, then does what was to follow.
    fn abort(&mut self, after: After, now: i64) -> Result<bool, Error> {
        if let Err(error) = self.writer.abort() {
            match (&error, after) {
                (BrokerError::Retriable(_), after) => {
                    self.commit = Commit::Aborting(after);
                    return Err(error.into());
                }
                // The producer is beyond use. Its successor fences it, which aborts whatever it left open.
                (_, after) => {
                    self.writer.discard();
                    self.commit = Commit::Aborting(after);
                    return Ok(true);
                }
            }
        }
        // Late reports must not be taken for those of the next commit.
        let _ = self.writer.delivered(Duration::ZERO);
        if self.writer.in_flight() > 0 {
            self.commit = Commit::Aborting(after);
            return Ok(false);
        }
        self.last_commit = now;
        match after {
            After::Rewind => self.rewind().map(|()| true).inspect_err(|_| {
                // Those that come after the one that failed still stand where the interval ended.
                self.commit = Commit::Aborting(After::Rewind);
            }),
            After::Drop { reason } => self.drop_all(reason).map(|()| true),
            After::Repair { dir, reason } => self.repair(&dir, reason, now).map(|()| true),
            After::Fail(error) => {
                self.fail(error);
                Ok(true)
            }
        }
    }

    /// Everything since the last commit again.
    fn rewind(&mut self) -> Result<(), Error> {
        for place in 0..self.tasks.len() {
            let Some(active) = &mut self.tasks[place] else { continue };
            let id = active.id;
            match active.task.aborted() {
                Ok(()) => self.inputs.rewind(active)?,
                Err(TaskError::Retry { place: at, reason }) => {
                    self.close(place);
                    self.not_yet(id, &at, &reason);
                }
                Err(error) => return Err(task_error(&self.shared, &self.plan, id, error)),
            }
        }
        Ok(())
    }

    /// The tasks go as after a refused commit; the damaged one finds an empty place when it is restored.
    fn repair(&mut self, dir: &Path, reason: String, now: i64) -> Result<(), Error> {
        // An open database does not mind the rename; whoever opens the place next waits until it is closed.
        let aside = move_aside(dir, now)?;
        self.shared.warn(&format!(
            "{reason}; the directory was moved to {} and is rebuilt from the changelogs",
            aside.display()
        ));
        self.drop_all(reason)
    }

    /// The tasks go without a commit; the coordinator decides who runs them next.
    fn drop_all(&mut self, reason: String) -> Result<(), Error> {
        self.writer.discard();
        let mut tasks = std::mem::take(&mut self.unplaced);
        for place in 0..self.tasks.len() {
            // A reader that cannot even let go is replaced below.
            tasks.extend(self.close(place));
        }
        self.report(Report::Dropped { worker: self.index, tasks, reason });
        self.renew_reader()
    }
}
