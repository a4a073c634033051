//! The running nodes of one task, and the walk of one record through them.
//!
//! A hop costs one virtual call and no allocation: the record lies on the stack of its sender, the receiver takes it
//! out through `&mut dyn Any`. A node is taken out of its slot while it runs; the graph has no cycles, so nobody
//! misses it.

use std::any::Any;
use std::sync::Arc;

use topo_state::Store;

use super::erased::Node;
use super::tally::{LeftOut, Tally};
use super::{Clock, Position, ScheduleId};
use crate::fault::{Fault, Reason};
use crate::record::{Headers, Placement};

/// A record that a sink has encoded, waiting to be sent.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Emitted {
    /// The sink's topic: index into the task's table of output topics, or a name chosen per record.
    pub(crate) topic: Arc<str>,
    /// A partition chosen by the topology; `None` = by the key's hash.
    pub(crate) partition: Option<i32>,
    /// Chooses partitions once their number is known.
    pub(crate) chooser: Option<Chooser>,
    /// Bytes at the end of the key that the hash leaves out: those of a window.
    pub(crate) unhashed: usize,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) timestamp: i64,
    pub(crate) headers: Headers,
}

/// Chooses a record's partitions among so many.
#[derive(Clone)]
pub(crate) struct Chooser(Arc<dyn Fn(i32) -> Placement + Send + Sync>);

impl Chooser {
    pub(crate) fn new(choose: impl Fn(i32) -> Placement + Send + Sync + 'static) -> Self {
        Self(Arc::new(choose))
    }

    /// The partitions among `count`; `None` = by the key's hash.
    ///
    /// # Errors
    /// It chose a partition that is not there.
    pub(crate) fn among(&self, count: i32) -> Result<Option<Vec<i32>>, Reason> {
        let chosen = match (self.0)(count) {
            Placement::ByKey => return Ok(None),
            Placement::One(partition) => vec![partition],
            Placement::Each(partitions) => partitions,
            Placement::All => (0..count).collect(),
            Placement::Nowhere => Vec::new(),
        };
        match chosen.iter().find(|partition| !(0..count).contains(*partition)) {
            Some(partition) => Err(Reason {
                error_type: "NO_SUCH_PARTITION".into(),
                message: format!("partition {partition} was chosen among {count}"),
            }),
            None => Ok(Some(chosen)),
        }
    }
}

impl std::fmt::Debug for Chooser {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Chooser")
    }
}

impl PartialEq for Chooser {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// A punctuation schedule.
#[derive(Clone, Debug)]
pub(crate) struct Scheduled {
    pub(crate) id: ScheduleId,
    pub(crate) node: usize,
    pub(crate) clock: Clock,
    pub(crate) interval_ms: i64,
    /// When it is due, on its clock.
    pub(crate) due: i64,
    /// Its place among the schedules its node makes in `init`; those made later are not remembered over a restart.
    pub(crate) place: Option<usize>,
}

/// What names a schedule made in `init` from one start to the next: node, place, clock, interval.
pub(crate) type Ticks = (usize, usize, Clock, i64);

impl Scheduled {
    /// Its name, if a restart will make it again.
    pub(crate) fn ticks(&self) -> Option<Ticks> {
        Some((self.node, self.place?, self.clock, self.interval_ms))
    }
}

/// How far an operator has given the final results of its windows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Given {
    /// Up to this end of windows.
    pub(crate) until: Option<i64>,
    /// When it looks again, wall clock.
    pub(crate) next_look: Option<i64>,
}

/// What the nodes of a task see of their surroundings, and what they leave behind.
pub(crate) struct Env {
    /// Where the record in hand came from; `None` in a punctuation.
    pub(crate) position: Option<Position>,
    /// Highest record timestamp of this task so far, or `None` before the first record.
    pub(crate) stream_time: Option<i64>,
    /// Wall clock handed to the task, milliseconds.
    pub(crate) wall_clock: i64,
    /// `<sub-topology>_<partition>`.
    pub(crate) task: Arc<str>,
    pub(crate) partition: i32,
    pub(crate) emitted: Vec<Emitted>,
    pub(crate) schedules: Vec<Scheduled>,
    pub(crate) next_schedule: usize,
    /// While nodes are started: when the schedules they make were due, as of the last commit.
    pub(crate) starting: Option<Vec<(Ticks, i64)>>,
    /// Records dropped by rule (null key, too late), as Kafka Streams' `dropped-records-total` counts them.
    pub(crate) dropped: u64,
    /// Records that are no data.
    pub(crate) skipped: u64,
    /// The same and failures by reason, since the last commit.
    pub(crate) tally: Tally,
    pub(crate) commit_requested: bool,
    /// Stream times of operators, committed with the state; index = node, behind the nodes the times that nodes share.
    pub(crate) operator_times: Vec<Option<i64>>,
    /// How far operators have given final results, committed with the state; index = node.
    pub(crate) given: Vec<Given>,
    /// Whether the update of a table in hand says what a row was, not what it is: joins and groupings pass it over.
    pub(crate) outdated: bool,
    /// Where the node that is running forwards to, instead of its children.
    pub(crate) captured: Option<Captured>,
    /// Whether a node holds updates back until the commit.
    pub(crate) holding: bool,
    /// The node that raised the fault in hand; its callers only passed it on.
    pub(crate) failed: Option<usize>,
    /// While nothing comes: the time that operators may go on to.
    pub(crate) idle: Option<i64>,
}

impl Env {
    /// Counts the record in hand as dropped by a rule.
    pub(crate) fn drop_record(&mut self, rule: &str) {
        self.dropped += 1;
        let topic = self.position.as_ref().map(|position| &position.topic);
        self.tally.count(LeftOut::Dropped, topic, rule);
    }
}

/// What a node forwards while its updates are held back: a list of its records.
pub(crate) struct Captured {
    pub(crate) node: usize,
    pub(crate) records: Box<dyn Any + Send>,
}

/// The nodes, stores and surroundings of one task.
pub(crate) struct Pipeline {
    pub(crate) nodes: Vec<Option<Box<dyn Node>>>,
    pub(crate) children: Vec<Box<[usize]>>,
    /// Names of the nodes.
    pub(crate) names: Arc<[String]>,
    /// Stores by their number in the topology; `None` = belongs to another sub-topology.
    pub(crate) stores: Vec<Option<Box<dyn Store>>>,
    /// Which of them are filled elsewhere: what is written to these here would be lost.
    pub(crate) views: Box<[bool]>,
    pub(crate) env: Env,
}

/// One node's view of the pipeline while it runs.
pub(crate) struct Hop<'p> {
    pub(crate) pipeline: &'p mut Pipeline,
    pub(crate) node: usize,
}

impl Pipeline {
    /// Hands `input` (an `Option` holding the node's input record) to a node.
    pub(crate) fn run(&mut self, node: usize, input: &mut dyn Any) -> Result<(), Fault> {
        self.with_node(node, |running, hop| running.process(input, hop))
    }

    /// Takes a node out of its slot, lets it work, puts it back.
    pub(crate) fn with_node(
        &mut self,
        node: usize,
        work: impl FnOnce(&mut dyn Node, Hop<'_>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let Some(mut running) = self.nodes.get_mut(node).and_then(Option::take) else {
            return Err(Fault::fatal("TOPOLOGY", format!("node {node} is missing or runs already")));
        };
        let result = work(running.as_mut(), Hop { pipeline: self, node });
        self.nodes[node] = Some(running);
        if result.is_err() {
            self.env.failed.get_or_insert(node);
        }
        result
    }
}

impl Hop<'_> {
    /// Hands a record to every child; the last one gets it without a clone.
    pub(crate) fn forward<R: Clone + Send + 'static>(&mut self, record: R) -> Result<(), Fault> {
        if let Some(captured) = &mut self.pipeline.env.captured
            && captured.node == self.node
            && let Some(list) = captured.records.downcast_mut::<Vec<R>>()
        {
            list.push(record);
            return Ok(());
        }
        let count = self.pipeline.children[self.node].len();
        let mut record = Some(record);
        for nth in 0..count {
            let child = self.pipeline.children[self.node][nth];
            if nth + 1 == count {
                return self.pipeline.run(child, &mut record);
            }
            let mut copy = record.clone();
            self.pipeline.run(child, &mut copy)?;
        }
        Ok(())
    }

    /// Hands a record to one child, by its name.
    pub(crate) fn forward_to<R: Send + 'static>(&mut self, name: &str, record: R) -> Result<(), Fault> {
        let Pipeline { children, names, .. } = &self.pipeline;
        let named = |child: &&usize| names.get(**child).is_some_and(|known| known == name);
        match children[self.node].iter().find(named).copied() {
            Some(child) => self.pipeline.run(child, &mut Some(record)),
            None => {
                let steps: Vec<&str> = children[self.node].iter().map(|child| &*names[*child]).collect();
                let why = format!("no step {name:?} follows {:?}; there is {steps:?}", names[self.node]);
                Err(Fault::fatal("TOPOLOGY", why))
            }
        }
    }

    /// Hands a record to one child, by its place among the children.
    pub(crate) fn forward_nth<R: Send + 'static>(&mut self, nth: usize, record: R) -> Result<(), Fault> {
        match self.pipeline.children[self.node].get(nth).copied() {
            Some(child) => self.pipeline.run(child, &mut Some(record)),
            None => Ok(()),
        }
    }
}
