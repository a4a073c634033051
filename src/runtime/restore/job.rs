//! One task on its way to running.
//!
//! ```text
//!   Open -> Offsets -> Ends -> Queue -> Replay -> Done
//! ```
//! The order is the promise: first what the group has *committed* (an answer that waits for pending transactions), then
//! the *high watermark* of each changelog, then a read-committed replay up to there. The owner before may have committed
//! a transaction whose markers have not reached the changelog yet: its records lie below that high watermark.

use topo_state::{Checkpoint, Firsts, Restorer as Rows, TaskState, WriteBatch};

use super::super::error::Error;
use super::super::mailbox::{InputStart, Restored};
use super::super::observer::{Event, TaskId};
use super::super::plan::{Backed, Plan};
use super::super::shared::Shared;
use super::beginning::Beginning;
use crate::flaw::{Flaw, planted};
use crate::record::Partition;

/// Milliseconds between two reports of a restore.
const REPORT_MS: i64 = 1_000;

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Open,
    Offsets,
    Ends,
    Queue,
    Replay,
    Done,
}

/// A changelog that is replayed into a store.
pub(crate) struct Log {
    /// The store's index in the task's backend.
    pub(super) store: usize,
    pub(super) name: String,
    pub(super) partition: Partition,
    /// A copy of the task's input: its end is what the group has committed.
    pub(super) source: bool,
    /// The next offset to put into the store; -1 = from the beginning.
    pub(super) next: i64,
    /// Where the restore ends.
    pub(super) end: i64,
    /// Makes the store's rows; there from the replay on.
    pub(super) rows: Option<Rows>,
    /// What becomes of its beginning.
    pub(super) beginning: Beginning,
    /// Where it was seen to begin before the last question of what is committed.
    pub(super) begins: i64,
    /// Of a store that forgets: where each segment begins; there from the replay on.
    pub(super) firsts: Option<Firsts>,
    /// The replaying reader's number of it.
    pub(super) slot: Option<usize>,
}

impl Log {
    /// Offsets still to pass.
    pub(super) fn remaining(&self) -> i64 {
        (self.end - self.next.max(0)).max(0)
    }
}

/// A restore.
pub(crate) struct Job {
    pub(super) task: TaskId,
    pub(super) stage: Stage,
    pub(super) state: Option<TaskState>,
    pub(super) inputs: Vec<InputStart>,
    pub(super) logs: Vec<Log>,
    pub(super) checkpoint: Checkpoint,
    pub(super) batch: WriteBatch,
    /// Not before then.
    pub(super) retry_at: i64,
    /// Why it waits.
    pub(super) trouble: Option<String>,
    pub(super) restored: u64,
    reported: i64,
    /// When the reader last moved for it.
    pub(super) moved_at: i64,
}

impl Job {
    /// A restore that has not begun.
    pub(super) fn new(plan: &Plan, task: TaskId, now: i64) -> Self {
        let stores = plan.subs.get(task.sub_topology).map_or(&[][..], |sub| &sub.stores);
        let logs = stores.iter().enumerate().filter_map(|(index, store)| {
            let (topic, source) = match &store.backed {
                Backed::Own(topic) => (topic, false),
                Backed::Source(topic) => (topic, true),
                Backed::Nothing => return None,
            };
            Some(Log {
                store: index,
                name: store.spec.name.clone(),
                partition: Partition::new(topic.clone(), task.partition),
                source,
                next: -1,
                end: 0,
                rows: None,
                beginning: match store.spec.kind.retention_ms() {
                    Some(_) if !source && plan.trimmed.contains(topic) => Beginning::Trimmed { cut: None },
                    Some(_) if !source => Beginning::Aged,
                    _ => Beginning::Kept,
                },
                begins: 0,
                firsts: None,
                slot: None,
            })
        });
        Self {
            task,
            stage: Stage::Open,
            state: None,
            inputs: Vec::new(),
            logs: logs.collect(),
            checkpoint: Checkpoint::default(),
            batch: WriteBatch::new(),
            retry_at: i64::MIN,
            trouble: None,
            restored: 0,
            reported: now,
            moved_at: now,
        }
    }

    /// Tells how far it is, once a second and at the end.
    pub(super) fn tell(&mut self, shared: &Shared, now: i64, end: bool) {
        if !end && now - self.reported < REPORT_MS {
            return;
        }
        let remaining = if end { 0 } else { self.remaining() };
        shared.tell(&Event::Restore {
            task: self.task,
            restored: std::mem::take(&mut self.restored),
            took_ms: now - self.reported,
            remaining,
        });
        self.reported = now;
    }

    /// Offsets still to pass.
    pub(super) fn remaining(&self) -> u64 {
        self.logs.iter().map(Log::remaining).sum::<i64>().unsigned_abs()
    }

    /// A job that has followed its changelogs begins as a restore: from its first question on, without opening its stores
    /// again. What it has is written before.
    pub(super) fn into_restore(mut self, now: i64) -> Result<Self, Error> {
        self.ask_again()?;
        (self.restored, self.reported, self.retry_at) = (0, now, i64::MIN);
        Ok(self)
    }

    /// What the broker said may have changed: all questions again, over what is there. Nothing may be reading for it.
    pub(super) fn ask_again(&mut self) -> Result<(), Error> {
        self.write()?;
        for log in &mut self.logs {
            (log.end, log.rows) = (if planted(Flaw::StandbyPromotedEarly) { -1 } else { 0 }, None);
        }
        (self.stage, self.inputs) = (Stage::Offsets, Vec::new());
        Ok(())
    }

    /// What the worker gets; `None` only before the stores were opened.
    pub(super) fn finish(self) -> Option<Restored> {
        let cut = |log: &Log| Some((log.store, log.beginning.cut()?));
        let cuts = self.logs.iter().filter_map(cut).collect();
        Some(Restored { task: self.task, state: self.state?, inputs: self.inputs, cuts })
    }
}
