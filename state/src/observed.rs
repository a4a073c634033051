//! A store's own time: the highest time put, and how much of it is committed.

use crate::store::NO_TIME;

/// Observed time of a store whose rows expire.
pub(crate) struct Time {
    pub(crate) observed: i64,
    drained: i64,
    committed: i64,
    /// Up to where segments have been removed from the backend.
    pub(crate) expired: i64,
    /// Whether `observed` is certain; before that it is looked up in the rows.
    pub(crate) known: bool,
}

impl Time {
    pub(crate) fn unknown() -> Self {
        Self { observed: NO_TIME, drained: NO_TIME, committed: NO_TIME, expired: NO_TIME, known: false }
    }

    pub(crate) fn known(time: i64) -> Self {
        Self { observed: time, drained: time, committed: time, expired: NO_TIME, known: true }
    }

    /// What was observed so far goes into the batch of the commit.
    pub(crate) fn drain(&mut self) {
        self.drained = self.observed;
    }

    /// The batch was applied.
    pub(crate) fn commit(&mut self) {
        self.committed = self.drained;
        self.expired = self.drained;
    }

    /// Back to the last commit.
    pub(crate) fn discard(&mut self) {
        self.observed = self.committed;
        self.drained = self.committed;
    }
}
