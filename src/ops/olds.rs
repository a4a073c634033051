//! Who wants to see old rows in updates.
//!
//! Carrying the old row costs a clone of it, so the node that keeps a table does it only when a verb behind it asked
//! while the topology was wired.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A node's flag: set while wiring, read when the node is made.
#[derive(Clone, Default)]
pub(crate) struct OldWanted(Arc<AtomicBool>);

impl OldWanted {
    pub(crate) fn want(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(crate) fn wanted(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The flags of the nodes that a table's updates come from.
#[derive(Clone, Default)]
pub(crate) struct Olds(Vec<OldWanted>);

impl Olds {
    pub(crate) fn of(flag: OldWanted) -> Self {
        Self(vec![flag])
    }

    pub(crate) fn add(&mut self, flag: OldWanted) {
        self.0.push(flag);
    }

    /// The same table behind one more node that wants to be told.
    pub(crate) fn and(&self, flag: OldWanted) -> Self {
        let mut olds = self.clone();
        olds.add(flag);
        olds
    }

    /// Asks all of them.
    pub(crate) fn want(&self) {
        for flag in &self.0 {
            flag.want();
        }
    }
}
