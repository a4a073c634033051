//! The topics of sources by pattern, as the cluster has them now.

use std::collections::BTreeSet;

use super::error::Error;
use super::shared::Shared;
use crate::broker::Admin;
use crate::graph::Topology;

/// The topology over the topics of the cluster.
pub(crate) struct Matched {
    /// With the topics that match in the place of each pattern.
    pub(crate) topology: Topology,
    /// Patterns that no topic matches, if there are any.
    pub(crate) unmatched: Option<String>,
}

/// Looks which topics match. What the engine makes for the application itself never does.
///
/// # Errors
/// The broker cannot be asked, or a topic matches two patterns.
pub(crate) fn topology(shared: &Shared, admin: &mut dyn Admin) -> Result<Matched, Error> {
    let topology = &shared.topology;
    if topology.patterns.is_empty() {
        return Ok(Matched { topology: topology.clone(), unmatched: None });
    }
    let mut topics: BTreeSet<String> = admin.topics()?.into_iter().collect();
    topics.remove(&*shared.dead_letter_topic());
    for own in topology.internal_topics(shared.application()) {
        topics.remove(&own);
    }
    let unmatched = topology.unmatched(&topics).join(", ");
    let unmatched = Some(unmatched).filter(|patterns| !patterns.is_empty());
    let topology = topology.over(&topics).map_err(|twice| Error::Layout(twice.to_string()))?;
    Ok(Matched { topology, unmatched })
}
