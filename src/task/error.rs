//! Why a task cannot go on, by what its owner does about it.

use std::fmt;

use topo_state::StateError;

use crate::fault::Reason;
use crate::processor::Position;

/// Why a task cannot go on. After any of these but [`Misused`](Self::Misused) nothing of the current interval may be
/// committed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum TaskError {
    /// The outside world said no: abort, back off, rewind, process again. The record comes back as the first one of its
    /// interval, so that trying it costs nothing but itself.
    #[error("{place}: {reason}")]
    Retry {
        /// Where it happened.
        place: Box<Place>,
        /// Why.
        reason: Reason,
    },
    /// Nothing can be processed safely, or a policy says stop.
    #[error("{place}: {reason}")]
    Stop {
        /// Where it happened.
        place: Box<Place>,
        /// Why.
        reason: Reason,
    },
    /// A store failed at a commit or while the task was made. `StateError` says whether a rebuild helps.
    #[error("task {task}: {source}")]
    State {
        /// `<sub-topology>_<partition>`.
        task: String,
        /// What the store said.
        source: StateError,
    },
    /// The owner broke the order of calls, or handed in a state that is not this task's: a bug.
    #[error("task {task}: {detail}; this is a bug in the engine")]
    Misused {
        /// `<sub-topology>_<partition>`.
        task: String,
        /// What was out of order.
        detail: String,
    },
}

/// Where in a task something happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// `<sub-topology>_<partition>`.
    pub(crate) task: String,
    /// The node, if one was running.
    pub(crate) node: Option<String>,
    /// The record, if one was in hand.
    pub(crate) position: Option<Position>,
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "task {}", self.task)?;
        if let Some(node) = &self.node {
            write!(out, ", node {node}")?;
        }
        if let Some(Position { topic, partition, offset }) = &self.position {
            write!(out, ", record {topic}-{partition} offset {offset}")?;
        }
        Ok(())
    }
}
