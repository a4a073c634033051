//! What can be wrong with a topology.

use super::Topology;

/// One thing that is wrong with a topology.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TopologyError {
    /// An operator or store was given something impossible.
    #[error("`{name}`: {why}")]
    Wiring {
        /// The operator or store.
        name: String,
        /// What is impossible about it.
        why: String,
    },
}

/// Everything that is wrong with a topology.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the topology cannot run: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub struct TopologyErrors(pub Vec<TopologyError>);

pub(crate) fn checked(topology: Topology, problems: Vec<TopologyError>) -> Result<Topology, TopologyErrors> {
    if problems.is_empty() { Ok(topology) } else { Err(TopologyErrors(problems)) }
}
