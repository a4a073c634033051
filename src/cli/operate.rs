//! What operators ask a topology for: its tasks, its lag, its local state.

use super::{
    Exit, Failure, LagRow, RestoreOptions, RestoreProgress, StateQuery, StoreRow, TaskRow,
    TopologyApplication, VerifyRow,
    look::{lag, stores::Stores, tasks, verify},
};
use crate::clock::now_ms;
use crate::runtime::{Announcement, Event, Observer, Outside, Rebuild, Rebuilt, TaskId, rebuild};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError, atomic::AtomicBool},
};

impl TopologyApplication {
    fn outside(&self) -> Result<Outside, Failure> {
        Ok(Outside::new(self.topology.clone(), Arc::new(self.broker()), self.config.clone())?)
    }

    pub(super) fn task_rows(&self) -> Result<Vec<TaskRow>, Failure> {
        let outside = self.outside()?;
        let members = tasks::members(&outside, now_ms())?;
        Ok(tasks::tasks(&outside, &members, &lag::lag(&outside)?))
    }

    pub(super) fn lag_rows(&self) -> Result<Vec<LagRow>, Failure> {
        Ok(lag::lag(&self.outside()?)?)
    }

    pub(super) fn store_rows(&self) -> Result<Vec<StoreRow>, Failure> {
        Stores::open(&self.topology, &self.config)?.list()
    }

    pub(super) fn show_rows(
        &self,
        query: &StateQuery,
        visit: &mut dyn FnMut(&str, serde_json::Value) -> bool,
    ) -> Result<(), Failure> {
        Stores::open(&self.topology, &self.config)?.rows(query, visit)
    }

    /// Where those processes show their stores that have announced it.
    pub(super) fn announced_addresses(&self) -> Result<Vec<String>, Failure> {
        let members = tasks::members(&self.outside()?, now_ms())?;
        if members.is_empty() {
            let application = &self.config.application;
            let message = format!("no process of `{application}` has announced itself; is it running?");
            return Err(Failure::new(Exit::State, message));
        }
        let here = |it: &Announcement| it.host == self.config.host;
        let reached = |it: &&Announcement| {
            it.http.as_ref().is_some_and(|address| here(it) || !address.starts_with("127."))
        };
        let (open, closed): (Vec<_>, Vec<_>) = members.iter().partition(reached);
        if !closed.is_empty() {
            let named = |it: &&Announcement| format!("{} on {}", it.process, it.host);
            let closed: Vec<String> = closed.iter().map(named).collect();
            let message = format!(
                "the stores of {} are not shown from here: ask on that host, or set http.state=all there",
                closed.join(", ")
            );
            return Err(Failure::new(Exit::State, message));
        }
        Ok(open.into_iter().filter_map(|it| it.http.clone()).collect())
    }

    pub(super) fn verify_rows(
        &self,
        store: Option<&str>,
        task: Option<&str>,
    ) -> Result<Vec<VerifyRow>, Failure> {
        let stores = Stores::open(&self.topology, &self.config)?;
        verify::verify(&self.outside()?, &stores, store, task)
    }

    pub(super) fn rebuild(
        &self,
        options: &RestoreOptions,
        stop: &AtomicBool,
        progress: &mut dyn FnMut(&RestoreProgress),
    ) -> Result<RestoreProgress, Failure> {
        let heard = Arc::new(Heard::default());
        let wanted = Rebuild { tasks: options.tasks.clone(), anew: options.rebuild.then(now_ms) };
        let rebuilt = rebuild(
            self.topology.clone(),
            Arc::new(self.broker()),
            self.config.clone(),
            heard.clone(),
            &wanted,
            stop,
            &mut |rebuilt| progress(&heard.progress(rebuilt)),
        )?;
        Ok(heard.progress(rebuilt))
    }
}

/// What the restorers tell.
#[derive(Default)]
struct Heard(Mutex<Sum>);

#[derive(Default)]
struct Sum {
    records: u64,
    remaining: BTreeMap<TaskId, u64>,
    remarks: Vec<String>,
}

impl Heard {
    fn progress(&self, rebuilt: Rebuilt) -> RestoreProgress {
        let sum = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        RestoreProgress {
            tasks: rebuilt.tasks,
            ready: rebuilt.ready,
            records: sum.records,
            remaining: sum.remaining.values().sum(),
            remarks: sum.remarks.clone(),
        }
    }
}

impl Observer for Heard {
    fn event(&self, event: &Event<'_>) {
        let mut sum = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match *event {
            Event::Restore { task, restored, remaining, .. } => {
                sum.records += restored;
                sum.remaining.insert(task, remaining);
            }
            Event::Waiting { reason: remark, .. } | Event::Warning { message: remark } => {
                sum.remarks.push(remark.to_owned());
            }
            _ => {}
        }
    }
}
