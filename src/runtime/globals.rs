//! Global stores: filled from all partitions of their topics, by every process for itself, read by all its tasks.

use super::error::Error;
use super::plan::Plan;
use super::shared::Shared;
use crate::task::GlobalStores;

/// The global stores of one process.
pub(crate) struct Globals {
    told: bool,
}

/// What one step did.
pub(crate) struct Followed {
    /// Records were applied.
    pub(crate) moved: bool,
    /// The stores are up to date for the first time.
    pub(crate) ready: Option<GlobalStores>,
}

impl Globals {
    pub(crate) fn open(_: &Shared, _: &Plan, _: &str, _: i64) -> Result<Self, Error> {
        Ok(Self { told: false })
    }

    /// Whether records wait.
    pub(crate) fn is_behind(&self) -> bool {
        false
    }

    pub(crate) fn step(&mut self, _: &Shared, _: i64) -> Result<Followed, Error> {
        let first = !std::mem::replace(&mut self.told, true);
        Ok(Followed { moved: first, ready: first.then(GlobalStores::default) })
    }
}
