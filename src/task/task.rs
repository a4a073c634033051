//! The task, and the way of one record through it.

use topo_state::TaskState;

use super::assembly::{self, Recipe};
use super::config::TaskConfig;
use super::error::TaskError;
use super::faults::{Original, Retrying};
use super::global::GlobalStores;
use super::inputs::{Inputs, Reading, Taken};
use super::outbox::{Origin, Outbox, Outputs};
use super::quiet::Quiet;
use super::stage::Stage;
use super::times;
use crate::graph::{Changelog, Naming, NodeKind, SubTopology, Topology};
use crate::processor::{Clock, Count, Pipeline};
use crate::record::{Partition, RawRecord};

/// One sub-topology at work on one partition.
pub(crate) struct Task {
    pub(super) pipeline: Pipeline,
    pub(super) recipe: Recipe,
    pub(super) inputs: Inputs,
    pub(super) outbox: Outbox,
    pub(super) state: TaskState,
    /// Stores of its own by number in the topology, and what backs each: a changelog's name, or a source topic's.
    pub(super) stores: Vec<(usize, Backing)>,
    pub(super) config: TaskConfig,
    pub(super) stage: Stage,
    /// Something happened since the last commit.
    pub(super) dirty: bool,
    pub(super) retrying: Option<Retrying>,
    pub(super) pending: super::commit::Pending,
    pub(super) expiring: super::expiring::Expiring,
    pub(super) stats: TaskStats,
    pub(super) quiet: Quiet,
}

/// What backs a store, by the broker's names.
#[derive(Clone, Debug)]
pub(crate) enum Backing {
    Changelog(std::sync::Arc<str>),
    Source(std::sync::Arc<str>),
    Nothing,
}

/// Counts since the task was made. They are for people: an abort does not take them back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TaskStats {
    /// Records taken from the queues.
    pub(crate) processed: u64,
    /// Records dropped by a rule of an operator (null key, too late).
    pub(crate) dropped: u64,
    /// Records that became dead letters.
    pub(crate) dead_lettered: u64,
    /// Records that are no data, or failed and were skipped by policy.
    pub(crate) skipped: u64,
    /// Highest record timestamp so far, milliseconds.
    pub(crate) stream_time: Option<i64>,
}

impl Task {
    /// Makes the nodes and typed stores over a state that is restored already, and runs every node's `init`. The specs
    /// `state` was opened with must contain those of `sub.stores`.
    #[expect(clippy::too_many_arguments, reason = "each is a different thing, and one place calls it")]
    pub(crate) fn new(
        topology: &Topology,
        sub: &SubTopology,
        partition: i32,
        naming: &Naming,
        state: TaskState,
        globals: &GlobalStores,
        config: TaskConfig,
        now: i64,
    ) -> Result<Self, TaskError> {
        let task = format!("{}_{partition}", sub.number);
        let pipeline = assembly::pipeline(topology, sub, partition, &state, globals)
            .map_err(|detail| TaskError::Misused { task, detail })?;
        let mut made = Self {
            pipeline,
            recipe: Recipe::new(topology, sub, naming),
            inputs: Inputs::new(inputs(topology, sub, partition, naming)),
            outbox: Outbox::default(),
            state,
            stores: sub.stores.iter().map(|store| (*store, backing(topology, *store, naming))).collect(),
            config,
            stage: Stage::Running,
            dirty: false,
            retrying: None,
            pending: super::commit::Pending::default(),
            expiring: super::expiring::Expiring::default(),
            stats: TaskStats::default(),
            quiet: Quiet::new(topology.idle_timeout_ms, now),
        };
        made.pipeline.env.wall_clock = now;
        made.expiring = made.expiring_stores();
        made.start_nodes()?;
        Ok(made)
    }

    /// Fresh nodes at the times of the last commit.
    pub(super) fn start_nodes(&mut self) -> Result<(), TaskError> {
        times::load(&mut self.pipeline, &self.recipe.names, self.state.checkpoint());
        self.inputs.load_times(&self.state.checkpoint().stream_times);
        self.pipeline.env.schedules.clear();
        self.recipe.make_nodes(&mut self.pipeline.nodes);
        self.pipeline.env.holding = false;
        self.pipeline.env.starting = Some(times::ticks(&self.recipe.names, self.state.checkpoint()));
        let nodes: Vec<usize> = self.recipe.nodes().collect();
        for node in nodes {
            if let Err(fault) = self.pipeline.with_node(node, |running, hop| running.init(hop)) {
                return Err(self.interrupted(fault));
            }
        }
        self.pipeline.env.starting = None;
        let waiting = self.pipeline.env.emitted.len();
        self.outbox.mark(waiting, None);
        // When schedules are due must be noted once, or a restart before the first record would move them.
        let noted = times::noted(&self.pipeline, &self.recipe.names, self.state.checkpoint());
        self.dirty |= waiting > 0 || !noted;
        Ok(())
    }

    /// What it reads, by the broker's names; a place here is the number of an input.
    pub(crate) fn inputs(&self) -> &[Partition] {
        self.inputs.partitions()
    }

    /// Puts a record at the end of an input's queue.
    pub(crate) fn enqueue(&mut self, input: usize, offset: i64, record: RawRecord) {
        self.inputs.enqueue(input, offset, record);
    }

    /// Records waiting in an input's queue.
    pub(crate) fn buffered(&self, input: usize) -> usize {
        self.inputs.buffered(input)
    }

    /// Whether the others wait for an input while its queue is empty; they do not unless told to.
    pub(crate) fn hold(&mut self, input: usize, awaited: bool) {
        self.inputs.hold(input, awaited);
    }

    /// Whether a record's turn has come.
    pub(crate) fn can_go_on(&self) -> bool {
        self.inputs.can_go_on()
    }

    /// Processes up to `max` records at wall-clock time `now` and says how many. Each time the queue whose head has the
    /// lowest timestamp is next. Fewer than `max` means: no more records, an empty queue that is waited for, or a commit
    /// is needed first.
    pub(crate) fn process(&mut self, now: i64, max: usize) -> Result<usize, TaskError> {
        self.require("process")?;
        self.pipeline.env.wall_clock = now;
        for done in 0..max {
            let Some((input, offset)) = self.inputs.next(now) else { return Ok(done) };
            if self.must_commit_before(input, offset) {
                self.pipeline.env.commit_requested = true;
                return Ok(done);
            }
            self.one(input, offset)?;
        }
        Ok(max)
    }

    /// One record from its queue through the nodes to the outbox.
    fn one(&mut self, input: usize, offset: i64) -> Result<(), TaskError> {
        let Some(Taken { source, position, mut record, stamp }) = self.inputs.take(input) else {
            return Ok(());
        };
        let env = &mut self.pipeline.env;
        let before = env.stream_time;
        env.position = position;
        env.failed = None;
        self.dirty = true;
        self.stats.processed += 1;
        self.quiet.heard(env.wall_clock);
        let origin = Origin { input, offset };
        // Shares the bytes; a dead letter needs them after the source has taken the record.
        let original = record.clone();
        let done = match stamp.unwrap_or(Ok(Some(record.timestamp))) {
            Ok(Some(time)) => {
                record.timestamp = time;
                env.stream_time = before.max(Some(time));
                self.pipeline.run(source, &mut Some(record))
            }
            Ok(None) => {
                env.drop_record("invalid_timestamp");
                Ok(())
            }
            Err(fault) => Err(fault),
        };
        if let Err(fault) = done {
            self.failed(fault, &Original { origin, source, record: original, stream_time: before })?;
        }
        self.outbox.mark(self.pipeline.env.emitted.len(), Some(origin));
        self.inputs.put_back(input, self.pipeline.env.position.take());
        if self.retrying.as_ref().is_some_and(|it| it.origin == origin) {
            self.retrying = None;
        }
        if self.pipeline.env.schedules.is_empty() {
            return Ok(());
        }
        match self.pipeline.env.stream_time {
            Some(time) => self.fire(Clock::Stream, time).map(|_| ()),
            None => Ok(()),
        }
    }

    /// Runs the wall-clock punctuations that are due at `now`.
    pub(crate) fn punctuate(&mut self, now: i64) -> Result<(), TaskError> {
        self.require("punctuate")?;
        self.pipeline.env.wall_clock = now;
        let fired = self.fire(Clock::Wall, now)?;
        self.dirty |= fired;
        self.go_on(now)
    }

    /// Sends on what nodes held back until the commit. Outputs are taken, and the commit prepared, behind it.
    pub(crate) fn flush(&mut self) -> Result<(), TaskError> {
        if !self.pipeline.env.holding {
            return Ok(());
        }
        self.require("flush")?;
        self.pipeline.env.holding = false;
        let nodes: Vec<usize> = self.recipe.nodes().collect();
        for node in nodes {
            if let Err(fault) = self.pipeline.with_node(node, |running, hop| running.flush(hop)) {
                return Err(self.interrupted(fault));
            }
        }
        // A node may hold back what an earlier one has just sent on: it came later in this order and has flushed it.
        self.pipeline.env.holding = false;
        self.outbox.mark(self.pipeline.env.emitted.len(), None);
        Ok(())
    }

    /// Hands out the records to send, in order. They belong into the transaction of this interval.
    pub(crate) fn take_output(&mut self) -> Outputs<'_> {
        self.outbox.take(&mut self.pipeline.env.emitted)
    }

    /// Whether anything happened since the last commit.
    pub(crate) fn dirty(&self) -> bool {
        self.dirty
    }

    /// Whether a processor, or a record that is tried again, wants a commit now.
    pub(crate) fn commit_requested(&self) -> bool {
        self.pipeline.env.commit_requested
    }

    /// Counts and stream time.
    pub(crate) fn stats(&self) -> TaskStats {
        let env = &self.pipeline.env;
        let skipped = self.stats.skipped + env.skipped;
        TaskStats { dropped: env.dropped, skipped, stream_time: env.stream_time, ..self.stats }
    }

    /// Hands out what was left out since the last call, by reason.
    pub(crate) fn take_left_out(&mut self, tell: impl FnMut(&Count)) {
        self.pipeline.env.tally.take(tell);
    }

    /// Estimated bytes of state that wait for the next commit.
    pub(crate) fn dirty_bytes(&self) -> usize {
        let stores = self.stores.iter().filter_map(|(number, _)| self.pipeline.stores[*number].as_ref());
        stores.map(|store| store.dirty_bytes()).sum()
    }

    /// The state under it.
    pub(crate) fn state(&self) -> &TaskState {
        &self.state
    }

    /// Closes the task and gives its state back; what was not committed is forgotten.
    #[cfg(test)]
    pub(crate) fn into_state(self) -> TaskState {
        self.state
    }

    /// A store by its number in the topology, to be looked into.
    pub(crate) fn store_mut(&mut self, number: usize) -> Option<&mut (dyn topo_state::Store + 'static)> {
        self.pipeline.stores.get_mut(number)?.as_deref_mut()
    }

    pub(super) fn require(&self, call: &'static str) -> Result<(), TaskError> {
        let task = || self.pipeline.env.task.to_string();
        self.stage.allows(call).map_err(|detail| TaskError::Misused { task: task(), detail })
    }
}

/// Every topic of every source, with this task's partition of it.
fn inputs(topology: &Topology, sub: &SubTopology, partition: i32, naming: &Naming) -> Vec<Reading> {
    let sources = sub.nodes.iter().filter_map(|node| match &topology.nodes[*node].kind {
        NodeKind::Source { topics, stamper, .. } => {
            let reading =
                move |topic| (*node, Partition::new(naming.resolve(topic), partition), stamper.clone());
            Some(topics.iter().map(reading))
        }
        NodeKind::Processor { .. } | NodeKind::Sink { .. } => None,
    });
    sources.flatten().collect()
}

fn backing(topology: &Topology, store: usize, naming: &Naming) -> Backing {
    let def = &topology.stores[store];
    match &def.changelog {
        Changelog::Own => Backing::Changelog(naming.changelog(&def.spec.name)),
        Changelog::Source(topic) => Backing::Source(naming.resolve(topic)),
        Changelog::None => Backing::Nothing,
    }
}
