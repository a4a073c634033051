//! Global stores: filled from all partitions of their topics, by every process for itself, read by all its tasks.
//!
//! They are up to date once the reader has passed the end that each partition had at the start; no task runs before.
//! Afterwards they follow. The topic is the changelog; offsets stand in the checkpoint.

use std::time::Duration;

use topo_state::{StateError, TaskState, move_aside};

use super::error::Error;
use super::losses::Losses;
use super::plan::{Plan, SubPlan};
use super::shared::Shared;
use crate::broker::{Assignment, Consumer, Fetched, Isolation, StartOffset};
use crate::record::Partition;
use crate::task::{GlobalStores, GlobalTask};

/// Records of one poll.
const POLL_RECORDS: usize = 2_000;

/// One partition of a global topic.
struct Followed {
    partition: Partition,
    /// Which task it feeds.
    task: usize,
    /// Where it ended at the start; `None` until it was asked.
    end: Option<i64>,
    assigned: bool,
}

/// The global stores of one process.
pub(crate) struct Globals {
    tasks: Vec<GlobalTask>,
    partitions: Vec<Followed>,
    consumer: Box<dyn Consumer>,
    /// Asks for the ends: the high watermark.
    ends: Box<dyn Consumer>,
    fetched: Vec<Fetched>,
    losses: Losses,
    ready: bool,
}

/// What one step did.
pub(crate) struct Stepped {
    /// Records were applied, or the stores became ready.
    pub(crate) moved: bool,
    /// The stores are up to date for the first time.
    pub(crate) ready: Option<GlobalStores>,
}

impl Globals {
    /// Opens the stores of every global sub-topology.
    pub(crate) fn open(shared: &Shared, plan: &Plan, cluster_id: &str, now: i64) -> Result<Self, Error> {
        let reader = |isolation| shared.broker.consumer(&shared.reader("global", false, isolation));
        let mut globals = Self {
            tasks: Vec::new(),
            partitions: Vec::new(),
            consumer: reader(Isolation::ReadCommitted)?,
            ends: reader(Isolation::ReadUncommitted)?,
            fetched: Vec::new(),
            losses: Losses::default(),
            ready: false,
        };
        for sub in plan.subs.iter().filter(|sub| sub.sub.global) {
            let state = open_state(shared, plan, sub, cluster_id, now)?;
            shared.held.open(global_name(sub), state.glimpse());
            let policy = shared.config.policies.deserialization;
            let task = GlobalTask::new(&shared.topology, &sub.sub, &shared.naming, state, policy, now)?;
            let number = globals.tasks.len();
            for topic in task.topics() {
                let count = plan.partitions(topic).unwrap_or(0);
                globals.partitions.extend((0..count).map(|partition| Followed {
                    partition: Partition::new(topic.clone(), partition),
                    task: number,
                    end: None,
                    assigned: false,
                }));
            }
            globals.tasks.push(task);
        }
        Ok(globals)
    }

    /// Whether the stores are not up to date yet.
    pub(crate) fn is_behind(&self) -> bool {
        !self.ready
    }

    /// One poll and what follows from it.
    pub(crate) fn step(&mut self, shared: &Shared, now: i64) -> Result<Stepped, Error> {
        for slot in 0..self.partitions.len() {
            if !self.partitions[slot].assigned {
                self.follow(slot)?;
            }
        }
        let applied = if self.partitions.is_empty() { 0 } else { self.poll(shared, now)? };
        let first = !self.ready && self.caught_up()?;
        self.ready |= first;
        let ready = first.then(|| GlobalStores::of(&self.tasks));
        Ok(Stepped { moved: first || applied > 0, ready })
    }

    /// Starts reading a partition behind what its store has. A store that is behind the oldest record goes on there: the
    /// topic says what is true now.
    fn follow(&mut self, slot: usize) -> Result<(), Error> {
        let followed = &mut self.partitions[slot];
        let marks = self.ends.watermarks(&followed.partition)?;
        let next = self.tasks[followed.task].next_offset(&followed.partition);
        if next > marks.high {
            return Err(Error::InputTruncated {
                partition: followed.partition.clone(),
                high: marks.high,
                wanted: next,
            });
        }
        let start = StartOffset::At(next.max(marks.low));
        self.consumer.assign(&[Assignment { partition: followed.partition.clone(), start, slot }])?;
        followed.end = Some(marks.high);
        followed.assigned = true;
        Ok(())
    }

    fn poll(&mut self, shared: &Shared, now: i64) -> Result<usize, Error> {
        self.consumer.poll(POLL_RECORDS, Duration::ZERO, &mut self.fetched)?;
        let count = self.fetched.len();
        for Fetched { slot, offset, record } in self.fetched.drain(..) {
            let Some(followed) = self.partitions.get(slot) else { continue };
            self.tasks[followed.task].apply(&followed.partition, offset, record)?;
        }
        for task in self.tasks.iter_mut().filter(|_| count > 0) {
            task.flush()?;
            task.take_left_out(|count| self.losses.tell(shared, now, count));
        }
        Ok(count)
    }

    fn caught_up(&mut self) -> Result<bool, Error> {
        for followed in &self.partitions {
            let Some(end) = followed.end else { return Ok(false) };
            if end > 0 && self.consumer.position(&followed.partition)?.is_none_or(|position| position < end) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// The name of the directory.
fn global_name(sub: &SubPlan) -> String {
    format!("{}-global", sub.name)
}

fn open_state(
    shared: &Shared,
    plan: &Plan,
    sub: &SubPlan,
    cluster_id: &str,
    now: i64,
) -> Result<TaskState, Error> {
    let name = global_name(sub);
    let specs: Vec<_> = sub.stores.iter().map(|store| store.spec.clone()).collect();
    let place = shared.place(&name).together(&specs);
    let identity = shared.identity(cluster_id, name, &plan.fingerprint);
    match TaskState::open(&place, &identity, specs.clone()) {
        Err(StateError::Damaged { dir, detail }) => {
            let aside = move_aside(&dir, now)?;
            let aside = aside.display();
            shared.warn(&format!(
                "global state was damaged ({detail}); it was moved to {aside} and is read anew"
            ));
            Ok(TaskState::open(&place, &identity, specs)?.state)
        }
        opened => Ok(opened?.state),
    }
}
