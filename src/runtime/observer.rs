//! What the runtime tells the outside: typed events, handed to an [`Observer`]. Nothing in here decides anything.

use std::fmt;
use std::time::Duration;

use crate::observe::TaskState;
use crate::processor::LeftOut;
use crate::record::Partition;

/// Names one task: a sub-topology and a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaskId {
    /// Number of the sub-topology in this version of the topology.
    pub sub_topology: usize,
    /// Partition of its inputs.
    pub partition: i32,
}

impl TaskId {
    /// Which of `lanes` restorers this task belongs to: neighbours to different ones.
    pub(crate) fn lane(self, lanes: usize) -> usize {
        let number = self.sub_topology.wrapping_add(usize::try_from(self.partition).unwrap_or(0));
        number % lanes.max(1)
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}_{}", self.sub_topology, self.partition)
    }
}

/// Something happened in a running application. Times are milliseconds since the epoch.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A part of the application cannot go on for now; said once per change of the reason.
    Waiting {
        /// Which part of it: `group`, `worker 0`, `restorer 0`.
        part: &'a str,
        /// For what, in words an operator can act on.
        reason: &'a str,
    },
    /// The part goes on.
    Ready {
        /// Which part.
        part: &'a str,
    },
    /// A task enters a state; `None` when it leaves this process.
    Task {
        /// The task.
        task: TaskId,
        /// The state it leaves.
        from: Option<TaskState>,
        /// The state it enters.
        to: Option<TaskState>,
    },
    /// A restore went on; `remaining` 0 is its end.
    Restore {
        /// The task.
        task: TaskId,
        /// Records since the last report.
        restored: u64,
        /// Milliseconds since the last report.
        took_ms: i64,
        /// Offsets still to pass.
        remaining: u64,
    },
    /// How far the stores of a standby are behind their changelogs.
    Standby {
        /// The task.
        task: TaskId,
        /// Offsets.
        lag: u64,
    },
    /// Records were read and processed.
    Processed {
        /// Records read, by input partition.
        partition: &'a Partition,
        /// How many.
        count: u64,
    },
    /// Records were handed to the producer.
    Produced {
        /// The topic.
        topic: &'a str,
        /// How many.
        count: u64,
    },
    /// A commit is durable in the broker and in the stores.
    Committed {
        /// The worker.
        worker: usize,
        /// How long it took.
        took_ms: i64,
    },
    /// A commit was refused or failed and was rolled back.
    CommitFailed {
        /// The worker.
        worker: usize,
        /// A short word.
        reason: &'a str,
        /// The whole error.
        error: &'a str,
    },
    /// How far a task's input is behind the end of its partition.
    Lag {
        /// The input partition.
        partition: &'a Partition,
        /// Records between the position and the end.
        records: i64,
    },
    /// The task of an input is not this process's any more: others tell its lag.
    LagGone {
        /// The input partition.
        partition: &'a Partition,
    },
    /// Records of a committed interval had no effect on the results.
    LeftOut {
        /// What became of them.
        how: LeftOut,
        /// The topic they came from, or were meant for if they were too large; empty when a punctuation made them.
        topic: &'a str,
        /// The operator's rule, what they are, or the type of the error.
        reason: &'a str,
        /// How many.
        count: u64,
    },
    /// Records failed. Said for the first one at once, then in a summary now and then.
    RecordsFailed {
        /// What became of them.
        how: LeftOut,
        /// The topic they came from, or were meant for if they were too large.
        topic: &'a str,
        /// Partition and offset of one of them.
        place: Option<(i32, i64)>,
        /// The type of the error.
        reason: &'a str,
        /// What was wrong with that one.
        message: &'a str,
        /// How many there were since this was last said.
        count: u64,
    },
    /// How much state a task held back when its commit began.
    Buffered {
        /// The task.
        task: TaskId,
        /// Estimated bytes.
        bytes: usize,
    },
    /// A worker did a piece of work.
    Stepped {
        /// How long it took.
        took: Duration,
    },
    /// The group moved tasks to or from this process.
    Rebalanced,
    /// Something an operator should know and that was dealt with.
    Warning {
        /// What, where, and what was done.
        message: &'a str,
    },
    /// The application has ended in this process.
    Stopped,
    /// The application ends because of this.
    Failed {
        /// The whole error.
        error: &'a str,
    },
}

/// Is told what happens. Called from the threads of the runtime: return soon.
pub trait Observer: Send + Sync {
    /// Something happened.
    fn event(&self, event: &Event<'_>);
}

/// Ignores everything.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {
    fn event(&self, _event: &Event<'_>) {}
}
