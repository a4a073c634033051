//! Local state built up from the changelogs without running: for a machine that is to take over warm.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use topo_state::move_aside;

use super::app::prepare;
use super::config::AppConfig;
use super::coordinator::trimmed_changelogs;
use super::error::Error;
use super::mailbox::{Report, ToRestorer};
use super::observer::{Observer, TaskId};
use super::outside;
use super::plan::Plan;
use super::restore;
use super::shared::Shared;
use super::threads;
use crate::broker::Broker;
use crate::graph::Topology;

/// Pause between two looks at the stop flag.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What is to be rebuilt.
pub(crate) struct Rebuild {
    /// Names of tasks; none = all.
    pub(crate) tasks: Vec<String>,
    /// What is there is moved aside first, under a name with this time in milliseconds; otherwise it is continued.
    pub(crate) anew: Option<i64>,
}

/// What became of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rebuilt {
    /// Tasks that were asked for.
    pub(crate) tasks: usize,
    /// Tasks whose stores are up to date.
    pub(crate) ready: usize,
}

/// Runs the restore that a start would run, for all tasks, and nothing else. `tick` is called often.
///
/// # Errors
/// The directory is in use, a task is unknown, the application has no changelogs yet, or a restore failed for good.
pub(crate) fn rebuild(
    topology: Topology,
    broker: Arc<dyn Broker>,
    config: AppConfig,
    observer: Arc<dyn Observer>,
    wanted: &Rebuild,
    stop: &AtomicBool,
    tick: &mut dyn FnMut(Rebuilt),
) -> Result<Rebuilt, Error> {
    let (shared, _directory) = prepare(topology, broker, config, observer, None)?;
    let mut plan = outside::plan(&shared)?;
    let mut admin = shared.broker.admin()?;
    plan.trimmed = trimmed_changelogs(admin.as_mut(), &plan.internal)?;
    let plan = Arc::new(plan);
    let cluster_id = admin.cluster_id()?;
    let logs: BTreeSet<String> =
        plan.subs.iter().flat_map(|sub| sub.changelogs()).map(|it| it.to_string()).collect();
    let logs: Vec<String> = logs.into_iter().collect();
    let known = admin.partitions(&logs)?;
    if let Some(missing) = logs.iter().find(|log| !known.contains_key(*log)) {
        return Err(Error::Layout(format!(
            "changelog {missing} does not exist: there is nothing to restore"
        )));
    }
    let tasks = chosen(&shared, &plan, wanted)?;
    let busy = Arc::new(AtomicUsize::new(0));
    let (reports, inbox) = channel();
    let threads::Restorers { mailboxes, handles } =
        threads::restorers(&shared, &plan, &cluster_id, &reports, &busy)?;
    for task in &tasks {
        // One that is gone has reported why.
        let _ = mailboxes[task.lane(mailboxes.len())].send(ToRestorer::Restore(*task));
    }
    let mut rebuilt = Rebuilt { tasks: tasks.len(), ready: 0 };
    let mut failure = None;
    while rebuilt.ready < rebuilt.tasks && failure.is_none() && !stop.load(Ordering::Relaxed) {
        match inbox.recv_timeout(LOOK_EVERY) {
            // Dropping it closes the stores.
            Ok(Report::Restored(_)) => rebuilt.ready += 1,
            Ok(Report::Failed(error)) => failure = Some(error),
            Ok(_) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        tick(rebuilt);
    }
    for mailbox in mailboxes {
        let _ = mailbox.send(ToRestorer::Stop);
    }
    for handle in handles {
        // What a thread died of was reported by itself.
        let _ = handle.join();
    }
    failure.map_or(Ok(rebuilt), Err)
}

fn chosen(shared: &Shared, plan: &Plan, wanted: &Rebuild) -> Result<Vec<TaskId>, Error> {
    let all = outside::tasks(shared, plan);
    let names = || all.iter().map(|(_, name)| name.as_str()).collect::<Vec<_>>().join(", ");
    if let Some(unknown) = wanted.tasks.iter().find(|name| all.iter().all(|(_, known)| known != *name)) {
        return Err(Error::Layout(format!("there is no task {unknown}; there are: {}", names())));
    }
    let is_wanted = |name: &String| wanted.tasks.is_empty() || wanted.tasks.contains(name);
    let mut tasks = Vec::new();
    for (task, name) in all.iter().filter(|(_, name)| is_wanted(name)) {
        let dir = shared.dir.join(name);
        if wanted.anew.is_some() {
            // What is there must not be given up for less.
            threads::patiently(|| restore::has_beginning(shared, plan, *task))?;
        }
        if let Some(now) = wanted.anew.filter(|_| dir.exists()) {
            let aside = move_aside(&dir, now)?;
            shared.warn(&format!("{} was moved to {}", dir.display(), aside.display()));
        }
        tasks.push(*task);
    }
    Ok(tasks)
}
