//! The first stage of a restore: the task's directory.

use topo_state::{Checkpoint, Firsts, NO_TIME, Restorer as Rows, StateError, TaskState, move_aside};

use super::super::error::Error;
use super::super::plan::Plan;
use super::super::shared::Shared;
use super::job::{Job, Log, Stage};

impl Job {
    /// Opens the stores. A damaged directory is moved aside, never deleted, and rebuilt; a foreign one is an error.
    pub(super) fn open(
        &mut self,
        shared: &Shared,
        plan: &Plan,
        cluster_id: &str,
        now: i64,
    ) -> Result<(), Error> {
        let name = shared.task_name(plan, self.task);
        let place = shared.place(&name);
        let identity = shared.identity(cluster_id, name.clone(), &plan.fingerprint);
        let stores = plan.subs.get(self.task.sub_topology).map_or(&[][..], |sub| &sub.stores);
        let specs = stores.iter().map(|store| store.spec.clone()).collect();
        match TaskState::open(&place, &identity, specs) {
            Ok(opened) => {
                shared.held.warm(name, opened.state.glimpse());
                self.adopt(opened.state);
            }
            Err(StateError::Damaged { dir, detail }) => {
                // The next step opens an empty directory in its place.
                let aside = move_aside(&dir, now)?;
                shared.warn(&format!(
                    "the state of task {} was damaged ({detail}); it was moved to {} and is rebuilt from the changelogs",
                    self.task,
                    aside.display()
                ));
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    fn adopt(&mut self, state: TaskState) {
        self.checkpoint = state.checkpoint().clone();
        for log in &mut self.logs {
            log.next = self.checkpoint.changelog.get(&log.name).copied().unwrap_or(-1);
        }
        self.state = Some(state);
        self.trouble = None;
        self.stage = Stage::Offsets;
    }

    /// What turns changelog records into rows, of every changelog, from the checkpoint on.
    pub(super) fn make_rows(&mut self) {
        for place in 0..self.logs.len() {
            let made = (self.rows_of(self.logs[place].store), self.firsts_of(&self.logs[place]));
            (self.logs[place].rows, self.logs[place].firsts) = made;
        }
    }

    fn rows_of(&self, store: usize) -> Option<Rows> {
        let spec = self.state.as_ref()?.specs().get(store)?;
        let time = self.checkpoint.stream_times.get(&format!("store:{}", spec.name));
        Some(Rows::new(spec, store, time.copied().unwrap_or(NO_TIME)))
    }

    /// Where the segments of a store that forgets begin in its changelog, as the checkpoint has it.
    fn firsts_of(&self, log: &Log) -> Option<Firsts> {
        let spec = self.state.as_ref()?.specs().get(log.store).filter(|_| !log.source)?;
        let Checkpoint { changelog, stream_times, metadata } = &self.checkpoint;
        let noted = metadata.get(&Firsts::name(&spec.name)).map(Vec::as_slice);
        let observed = stream_times.get(&format!("store:{}", spec.name)).copied().unwrap_or(NO_TIME);
        Firsts::new(spec, noted, changelog.get(&spec.name).copied(), observed)
    }

    /// What lies in the directory turned out to be corrupt while it was written.
    pub(super) fn damaged(
        &mut self,
        shared: &Shared,
        plan: &Plan,
        now: i64,
        error: &Error,
    ) -> Result<(), Error> {
        let name = shared.task_name(plan, self.task);
        self.start_over(shared, &name, now, &error.to_string())
    }

    /// Begins anew with an empty directory: what lies in it cannot be completed from the log.
    pub(super) fn start_over(
        &mut self,
        shared: &Shared,
        plan_name: &str,
        now: i64,
        why: &str,
    ) -> Result<(), Error> {
        // The stores must be closed before their directory moves.
        self.state = None;
        self.batch.clear();
        self.stage = Stage::Open;
        match shared.place(plan_name).move_aside(now)? {
            Some(aside) => {
                shared.warn(&format!("{why}; the state was moved to {} and is rebuilt", aside.display()));
            }
            None => shared.warn(&format!("{why}; the state is rebuilt")),
        }
        Ok(())
    }
}
