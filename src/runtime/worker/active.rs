//! A task that runs: the task itself, and where its inputs and changelogs stand.

use super::super::mailbox::{InputStart, Restored};
use super::super::observer::TaskId;
use super::super::plan::{Backed, Plan};
use super::super::shared::Shared;
use super::awaited::Awaited;
use crate::flaw::{Flaw, planted};
use crate::processor::Position;
use crate::record::Partition;
use crate::task::{GlobalStores, Origin, Task, TaskError};

/// One input of a running task.
#[derive(Debug)]
pub(crate) struct Input {
    pub(crate) partition: Partition,
    /// The worker's number of it; comes back with every record.
    pub(crate) slot: usize,
    /// Where the last commit stands: an abort goes back to here.
    pub(crate) committed: i64,
    /// Whether the group knows `committed`. If not, the next commit says it.
    pub(crate) known: bool,
    pub(crate) paused: bool,
    /// Whether the task's other inputs wait for it.
    pub(crate) awaited: Awaited,
    /// Records read since the last commit, for the observer.
    pub(crate) read: u64,
}

/// One store of a running task that is backed by a topic.
#[derive(Debug)]
pub(crate) struct Logged {
    /// The store's number in the topology.
    pub(crate) store: usize,
    pub(crate) backed: Logging,
    /// Of a changelog that the engine cuts.
    pub(crate) cut: Option<Cut>,
}

/// A changelog that the engine cuts, and up to where the group knows of it.
#[derive(Clone, Debug)]
pub(crate) struct Cut {
    pub(crate) changelog: Partition,
    pub(crate) store: String,
    /// Only expired records lie before this offset.
    pub(crate) before: i64,
}

/// How a store is backed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Logging {
    /// By its own changelog; the producer reports offsets under this slot.
    Own { slot: usize },
    /// By the source topic that is this input.
    Source { input: usize },
}

/// How a task goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Going {
    /// The lease is asked back: after the next commit.
    Revoked,
    /// The lease is gone, and the broker is deciding about the last commit under it: when it has, without another one.
    Lost,
}

/// A running task.
pub(crate) struct Active {
    pub(crate) id: TaskId,
    pub(crate) task: Task,
    pub(crate) inputs: Vec<Input>,
    pub(crate) logged: Vec<Logged>,
    /// Whether it is to go, and how.
    pub(crate) going: Option<Going>,
    /// The task asked for patience until then.
    pub(crate) retry_at: i64,
    /// Bytes of uncommitted state at the last commit, as the observer was told.
    pub(crate) buffered: usize,
}

impl Active {
    /// Makes the task over its restored stores. `slot` hands out numbers for its inputs and changelogs.
    pub(crate) fn new(
        shared: &Shared,
        plan: &Plan,
        globals: &GlobalStores,
        restored: Restored,
        now: i64,
        mut slot: impl FnMut() -> usize,
    ) -> Result<Self, TaskError> {
        let id = restored.task;
        let sub = &plan.subs[id.sub_topology];
        shared.held.open(shared.task_name(plan, id), restored.state.glimpse());
        let task = Task::new(
            &plan.topology,
            &sub.sub,
            id.partition,
            &shared.naming,
            restored.state,
            globals,
            shared.task_config(),
            now,
        )?;
        let (starts, cuts) = (restored.inputs, restored.cuts);
        let inputs: Vec<Input> =
            task.inputs().iter().map(|partition| input(partition, &starts, &mut slot)).collect();
        let logged = sub
            .stores
            .iter()
            .enumerate()
            .filter_map(|(place, store)| {
                let backed = match &store.backed {
                    Backed::Own(_) => Logging::Own { slot: slot() },
                    Backed::Source(topic) => Logging::Source {
                        input: inputs.iter().position(|input| input.partition.topic == *topic)?,
                    },
                    Backed::Nothing => return None,
                };
                let (Backed::Own(topic) | Backed::Source(topic)) = &store.backed else { return None };
                let cut = cuts.get(&place).map(|before| Cut {
                    changelog: Partition::new(topic.clone(), id.partition),
                    store: store.spec.name.clone(),
                    before: *before,
                });
                Some(Logged { store: store.number, backed, cut })
            })
            .collect();
        Ok(Self { id, task, inputs, logged, going: None, retry_at: i64::MIN, buffered: 0 })
    }

    /// Numbers of the stores with a changelog of their own, and the producer's numbers for those.
    pub(crate) fn changelog_slots(&self) -> Vec<(usize, usize)> {
        let slot = |logged: &Logged| match logged.backed {
            Logging::Own { slot } => Some((logged.store, slot)),
            Logging::Source { .. } => None,
        };
        self.logged.iter().filter_map(slot).collect()
    }

    /// How far each changelog that the engine cuts may be cut once the interval that is prepared now is committed.
    pub(crate) fn coming_cuts(&self) -> Vec<Cut> {
        let coming = |logged: &Logged| {
            let known = logged.cut.clone()?;
            let end = self.task.changelog_offset(logged.store).map(|(_, next)| next);
            let first = end.filter(|_| planted(Flaw::CutTooFar)).or(self.task.expires_before(logged.store));
            Some(Cut { before: known.before.max(first.unwrap_or(0)), ..known })
        };
        self.logged.iter().filter_map(coming).collect()
    }

    /// The group knows of these cuts now: those that go further than before may be made.
    pub(crate) fn committed_cuts(&mut self, cuts: &[Cut]) -> Vec<(Partition, i64)> {
        let mut further = Vec::new();
        for cut in cuts {
            let mut known = self.logged.iter_mut().filter_map(|logged| logged.cut.as_mut());
            if let Some(known) = known.find(|known| known.changelog == cut.changelog)
                && cut.before > known.before
            {
                known.before = cut.before;
                further.push((cut.changelog.clone(), cut.before));
            }
        }
        further
    }
}

/// Where the record lay that caused an output.
pub(crate) fn cause(inputs: &[Input], origin: Option<Origin>) -> Option<Position> {
    let Origin { input, offset } = origin?;
    let partition = &inputs.get(input)?.partition;
    Some(Position { topic: partition.topic.clone(), partition: partition.number, offset })
}

/// An input without a start does not exist: its topic has fewer partitions than the sub-topology has tasks.
fn input(partition: &Partition, starts: &[InputStart], slot: &mut impl FnMut() -> usize) -> Input {
    let start = starts.iter().find(|start| start.partition == *partition);
    Input {
        partition: partition.clone(),
        slot: slot(),
        committed: start.map_or(-1, |start| start.offset),
        known: start.is_none_or(|start| !start.pin),
        paused: false,
        awaited: start.map_or(Awaited::new(0, 0), |start| Awaited::new(start.offset, start.end)),
        read: 0,
    }
}
