//! What this process holds of its application, for those who look in from outside while it runs: the state of its tasks,
//! the committed rows of those that are open, and what other processes say they hold.
//!
//! The parts of the runtime write here when something changes, never per record; nothing here is read by them.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use topo_state::Glimpse;

use super::coordinator::Announcement;
use super::observer::{Event, TaskId};
use crate::observe::TaskState;

/// Shared by all parts of a running application.
#[derive(Default)]
pub(crate) struct Held(Mutex<Holdings>);

#[derive(Default)]
struct Holdings {
    layout: BTreeMap<TaskId, Laid>,
    states: BTreeMap<TaskId, TaskState>,
    /// By the names of their directories, global stores included.
    open: BTreeMap<String, Glimpse>,
    /// Stores that are brought up or kept warm, by the names of their directories; of those that run by now, too.
    warm: BTreeMap<String, Glimpse>,
    /// How many offsets the copies in there still have to pass, as far as known.
    behind: BTreeMap<String, Option<u64>>,
    others: Vec<Announcement>,
}

/// A task of the layout.
#[derive(Clone, Debug)]
pub(crate) struct Laid {
    /// The name of its directory.
    pub(crate) name: String,
    /// The names of its stores.
    pub(crate) stores: Vec<String>,
}

/// A task as this process sees it.
pub(crate) struct Seen {
    pub(crate) laid: Laid,
    /// What it is here; `None` = nothing.
    pub(crate) state: Option<TaskState>,
}

impl Held {
    /// All tasks there are.
    pub(crate) fn lay_out(&self, tasks: impl IntoIterator<Item = (TaskId, Laid)>) {
        self.lock().layout = tasks.into_iter().collect();
    }

    /// A task changed its state, or something else happened that does not matter here.
    pub(crate) fn tell(&self, event: &Event<'_>) {
        let Event::Task { task, to, .. } = event else { return };
        let mut holdings = self.lock();
        match to {
            Some(state) => drop(holdings.states.insert(*task, *state)),
            None => drop(holdings.states.remove(task)),
        }
    }

    /// These stores can be looked into until they are closed.
    pub(crate) fn open(&self, name: String, rows: Glimpse) {
        self.lock().open.insert(name, rows);
    }

    /// These are brought up to date, or kept so, until they are closed.
    pub(crate) fn warm(&self, name: String, rows: Glimpse) {
        self.lock().warm.insert(name, rows);
    }

    /// How far behind the tasks are that do not run here and have stores here.
    pub(crate) fn lag(&self, behind: BTreeMap<String, Option<u64>>) {
        self.lock().behind = behind;
    }

    /// What the other processes announce.
    pub(crate) fn hear(&self, others: Vec<Announcement>) {
        self.lock().others = others;
    }

    /// All tasks of the layout.
    pub(crate) fn tasks(&self) -> Vec<Seen> {
        let holdings = self.lock();
        let seen = |(task, laid): (&TaskId, &Laid)| Seen {
            laid: laid.clone(),
            state: holdings.states.get(task).copied(),
        };
        holdings.layout.iter().map(seen).collect()
    }

    /// The stores that can be looked into, by the name of the task.
    pub(crate) fn rows(&self) -> Vec<(String, Glimpse)> {
        self.lock().open.iter().map(|(name, rows)| (name.clone(), rows.clone())).collect()
    }

    /// Copies of stores that are not up to date, by the name of the task, and the offsets they still have to pass.
    pub(crate) fn copies(&self) -> Vec<(String, Glimpse, Option<u64>)> {
        let holdings = self.lock();
        let behind = |name: &String| holdings.behind.get(name).copied().flatten();
        holdings.warm.iter().map(|(name, rows)| (name.clone(), rows.clone(), behind(name))).collect()
    }

    /// What the other processes announced last, however long ago.
    pub(crate) fn others(&self) -> Vec<Announcement> {
        self.lock().others.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Holdings> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
