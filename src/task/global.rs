//! Global tables: every process has them in full, from all partitions of their topics.
//!
//! A [`GlobalTask`] applies the records; tasks read what it has written through [`GlobalStores`], uncached. There is no
//! transaction and no changelog: the topic is the changelog. Its offsets stand in the checkpoint as `<topic>-<partition>`,
//! written together with the rows, batch by batch.

use std::sync::Arc;

use topo_state::{Backend, Store, TaskState, WriteBatch};

use super::assembly::{self, Recipe};
use super::error::{Place, TaskError};
use super::times;
use crate::fault::{Fault, FaultPolicy, Reason};
use crate::graph::{Naming, NodeKind, SubTopology, Topology};
use crate::processor::{Count, LeftOut, Pipeline, Position};
use crate::record::{Partition, RawRecord};

/// How tasks read global stores. Cloning shares them; they are good for any thread.
#[derive(Clone, Default)]
pub(crate) struct GlobalStores {
    views: Vec<View>,
}

#[derive(Clone)]
struct View {
    /// Number in the topology.
    store: usize,
    /// Index in the backend.
    index: usize,
    backend: Arc<dyn Backend>,
}

impl GlobalStores {
    /// The stores of all global tasks of a process.
    pub(crate) fn of<'t>(tasks: impl IntoIterator<Item = &'t GlobalTask>) -> Self {
        Self { views: tasks.into_iter().flat_map(GlobalTask::views).collect() }
    }

    /// Typed readers, each in the place of its number.
    pub(super) fn open(&self, topology: &Topology, stores: &mut [Option<Box<dyn Store>>]) {
        for view in &self.views {
            let mut store = (topology.stores[view.store].make)(view.index, view.backend.clone());
            store.read_through();
            stores[view.store] = Some(store);
        }
    }
}

/// Fills the stores of one global sub-topology.
pub(crate) struct GlobalTask {
    pipeline: Pipeline,
    recipe: Recipe,
    state: TaskState,
    stores: Vec<usize>,
    /// Topic by the broker's name, and its source node.
    sources: Vec<(Arc<str>, usize)>,
    policy: FaultPolicy,
    /// Next offset per partition that was read since the last flush.
    read: Vec<(Partition, i64)>,
}

impl GlobalTask {
    /// Over a state that was opened with the specs of `sub.stores`. `policy` says what becomes of a record that cannot be
    /// used: there is no transaction for a dead letter here, so anything but `Stop` skips it.
    pub(crate) fn new(
        topology: &Topology,
        sub: &SubTopology,
        naming: &Naming,
        state: TaskState,
        policy: FaultPolicy,
        now: i64,
    ) -> Result<Self, TaskError> {
        let misused = |detail| TaskError::Misused { task: sub.name.clone(), detail };
        let pipeline =
            assembly::pipeline(topology, sub, 0, &state, &GlobalStores::default()).map_err(misused)?;
        let sources = sub.nodes.iter().filter_map(|node| match &topology.nodes[*node].kind {
            NodeKind::Source { topics, .. } => {
                Some(topics.iter().map(|topic| (naming.resolve(topic), *node)))
            }
            NodeKind::Processor { .. } | NodeKind::Sink { .. } => None,
        });
        let mut task = Self {
            pipeline,
            recipe: Recipe::new(topology, sub, naming),
            state,
            stores: sub.stores.clone(),
            sources: sources.flatten().collect(),
            policy,
            read: Vec::new(),
        };
        task.pipeline.env.wall_clock = now;
        task.recipe.make_nodes(&mut task.pipeline.nodes);
        for node in task.recipe.nodes().collect::<Vec<_>>() {
            let started = task.pipeline.with_node(node, |running, hop| running.init(hop));
            started.map_err(|fault| task.stopped(fault.reason().clone()))?;
        }
        if !task.pipeline.env.schedules.is_empty() {
            let why =
                "the processor of a global store has no punctuations: nothing could be committed with them";
            return Err(task.stopped(Reason { error_type: "TOPOLOGY".into(), message: why.to_owned() }));
        }
        Ok(task)
    }

    /// The topics whose every partition it wants.
    pub(crate) fn topics(&self) -> impl Iterator<Item = &Arc<str>> {
        self.sources.iter().map(|(topic, _)| topic)
    }

    /// The next offset to read of a partition: behind what the store has, 0 when it has nothing.
    pub(crate) fn next_offset(&self, partition: &Partition) -> i64 {
        let read = self.read.iter().find(|(known, _)| known == partition).map(|(_, next)| *next);
        read.or_else(|| self.state.checkpoint().changelog.get(&partition.to_string()).copied())
            .unwrap_or_default()
    }

    /// Applies a record, or skips and counts it.
    pub(crate) fn apply(
        &mut self,
        partition: &Partition,
        offset: i64,
        record: RawRecord,
    ) -> Result<(), TaskError> {
        let Some((topic, source)) = self.sources.iter().find(|(topic, _)| *topic == partition.topic).cloned()
        else {
            let detail = format!("{partition} belongs to none of its topics");
            return Err(TaskError::Misused { task: self.pipeline.env.task.to_string(), detail });
        };
        let env = &mut self.pipeline.env;
        env.position = Some(Position { topic, partition: partition.number, offset });
        let time = record.timestamp;
        env.stream_time = Some(env.stream_time.map_or(time, |before| before.max(time)));
        let outcome = self.pipeline.run(source, &mut Some(record));
        match outcome {
            Ok(()) => {}
            Err(Fault::Poison(reason)) if self.policy != FaultPolicy::Stop => {
                let env = &mut self.pipeline.env;
                let position = env.position.as_ref();
                env.tally.failed(LeftOut::Skipped, Some(&partition.topic), &reason, position);
            }
            Err(fault) => return Err(self.stopped(fault.reason().clone())),
        }
        self.pipeline.env.failed = None;
        match self.read.iter_mut().find(|(known, _)| known == partition) {
            Some((_, next)) => *next = offset + 1,
            None => self.read.push((partition.clone(), offset + 1)),
        }
        Ok(())
    }

    /// Makes everything applied durable and visible to tasks.
    pub(crate) fn flush(&mut self) -> Result<(), TaskError> {
        if self.read.is_empty() {
            return Ok(());
        }
        let mut batch = WriteBatch::new();
        let mut checkpoint = self.state.checkpoint().clone();
        for (partition, next) in self.read.drain(..) {
            checkpoint.changelog.insert(partition.to_string(), next);
        }
        times::save(&self.pipeline, &self.recipe.names, &self.stores, &mut checkpoint);
        let mut written = Ok(());
        for number in &self.stores {
            let Some(store) = self.pipeline.stores[*number].as_mut() else { continue };
            written = written.and_then(|()| store.drain(&mut batch, &mut |_| {}));
        }
        let written = written.and_then(|()| self.state.apply(batch, checkpoint));
        written.map_err(|source| TaskError::State { task: self.pipeline.env.task.to_string(), source })?;
        for number in &self.stores {
            if let Some(store) = self.pipeline.stores[*number].as_mut() {
                store.committed();
            }
        }
        Ok(())
    }

    /// The state under it.
    pub(crate) fn state(&self) -> &TaskState {
        &self.state
    }

    /// Hands out what was left out since the last call, by reason.
    pub(crate) fn take_left_out(&mut self, tell: impl FnMut(&Count)) {
        self.pipeline.env.tally.take(tell);
    }

    /// Records dropped by rule.
    pub(crate) fn dropped(&self) -> u64 {
        self.pipeline.env.dropped
    }

    fn views(&self) -> impl Iterator<Item = View> {
        self.stores.iter().filter_map(|number| {
            let name = &self.pipeline.stores[*number].as_ref()?.spec().name;
            let index = self.state.index_of(name)?;
            Some(View { store: *number, index, backend: self.state.backend() })
        })
    }

    fn stopped(&mut self, reason: Reason) -> TaskError {
        let env = &mut self.pipeline.env;
        let node = env.failed.take().and_then(|node| self.recipe.names.get(node).cloned());
        let place = Box::new(Place { task: env.task.to_string(), node, position: env.position.take() });
        TaskError::Stop { place, reason }
    }
}
