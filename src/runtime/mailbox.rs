//! What the coordinator, the workers and the restorer tell each other. Plain values through `std::sync::mpsc`, so that one
//! thread can run them all.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use topo_state::TaskState;

use super::error::Error;
use super::observer::TaskId;
use super::plan::Plan;
use crate::broker::Membership;
use crate::record::Partition;
use crate::task::GlobalStores;

/// What one step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Something moved: step again at once.
    Busy,
    /// Nothing to do now.
    Idle,
    /// Nothing to do ever again.
    Done,
}

impl Progress {
    /// Busy when `moved`.
    pub(crate) fn of(moved: bool) -> Self {
        if moved { Self::Busy } else { Self::Idle }
    }
}

/// Coordinator to worker.
pub(crate) enum ToWorker {
    /// The membership was replaced: commits take their authority from this one, and tasks that start their topics from this plan.
    Begin { plan: Arc<Plan>, membership: Arc<dyn Membership> },
    /// Run this task; its lease was given to the member that had lost its place so often.
    Start { restored: Box<Restored>, losses: u64 },
    /// Commit, then close these.
    Revoke(Vec<TaskId>),
    /// Discard and close these.
    Lost(Vec<TaskId>),
    /// Committed records of this partition go up to here now.
    End { partition: Partition, end: i64 },
    /// How many partitions a topic has that was asked for; `None` = it does not exist.
    Topic { topic: Arc<str>, partitions: Option<i32> },
    /// Commit, close everything, end.
    Stop,
}

/// Coordinator to restorer.
pub(crate) enum ToRestorer {
    /// Bring up this task's stores.
    Restore(TaskId),
    /// Stop bringing them up, close them.
    Cancel(TaskId),
    /// Other topics match the patterns of the topology: restore for this plan from now on.
    Layout(Arc<Plan>),
    /// Keep warm copies of these, which run elsewhere, and of no others.
    Follow(BTreeSet<TaskId>),
    /// End.
    Stop,
}

/// To the coordinator.
pub(crate) enum Report {
    /// A task is closed; its lease may be given back.
    Closed { worker: usize, task: TaskId },
    /// A worker dropped tasks without a commit, because a commit was refused.
    Dropped { worker: usize, tasks: Vec<TaskId>, reason: String },
    /// Inputs that are committed up to here; changelogs that hold only expired records before here, as is committed too.
    Progress { committed: Vec<(Partition, i64)>, expired: Vec<(Partition, i64)> },
    /// A worker waits to know how many partitions this topic has, which was chosen for a record.
    Wanted { worker: usize, topic: Arc<str> },
    /// Worker ended.
    Stopped { worker: usize },
    /// The stores of a task are up to date.
    Restored(Box<Restored>),
    /// The stores of a task are closed again.
    Cancelled(TaskId),
    /// Offsets that a task's restore, or its standby, still has to pass.
    Behind { task: TaskId, offsets: u64 },
    /// The global stores are up to date.
    GlobalsReady(GlobalStores),
    /// The application cannot go on.
    Failed(Error),
    /// So many workers are wanted.
    Workers(usize),
    /// A person or a signal wants a clean stop.
    Stop,
}

/// A task whose stores are up to date.
pub(crate) struct Restored {
    /// Which.
    pub(crate) task: TaskId,
    /// Its stores.
    pub(crate) state: TaskState,
    /// Where its inputs begin.
    pub(crate) inputs: Vec<InputStart>,
    /// Before which offset the changelog may be cut, as is committed, of each store whose changelog the engine cuts; by the
    /// store's place in the task.
    pub(crate) cuts: BTreeMap<usize, i64>,
}

/// Where an input begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InputStart {
    /// The input's partition.
    pub(crate) partition: Partition,
    /// The next offset to read.
    pub(crate) offset: i64,
    /// Up to where a reader of committed records could read then.
    pub(crate) end: i64,
    /// Whether the group has committed it; if not, it comes from the reset policy.
    pub(crate) committed: bool,
    /// Must be committed with the first commit, or a crash before the first record would move it.
    pub(crate) pin: bool,
}
