//! Who runs what, from what the processes announce in `<application>-members`, and how far the group is.

use super::lag::{LagRow, per_task};
use super::reading::read;
use crate::{
    broker::BrokerError,
    record::Partition,
    runtime::{Announcement, Outside},
};
use serde::Serialize;
use std::collections::BTreeMap;

/// One task as `topo tasks` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TaskRow {
    /// Its name, also that of its directory.
    pub task: String,
    /// `running`, `restoring`, or `unowned` when no live process has it.
    pub state: &'static str,
    /// The process that has it.
    pub process: Option<String>,
    /// Where that process runs.
    pub host: Option<String>,
    /// Changelog offsets its restore still has to pass, as far as announced.
    pub restore_remaining: Option<u64>,
    /// Records of its inputs that the group has not committed yet.
    pub lag: i64,
    /// Warm copies.
    pub standbys: Vec<StandbyRow>,
}

/// A warm copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StandbyRow {
    /// The process that keeps it.
    pub process: String,
    /// Where that process runs.
    pub host: String,
    /// Changelog offsets it was behind when last announced.
    pub behind: Option<u64>,
}

/// The newest announcement of every process that lives at `now_ms`.
pub(crate) fn members(outside: &Outside, now_ms: i64) -> Result<Vec<Announcement>, BrokerError> {
    let shared = &outside.shared;
    let topic = format!("{}-members", shared.application());
    let mut newest: BTreeMap<String, Announcement> = BTreeMap::new();
    let told = read(shared.broker.as_ref(), &Partition::new(topic.as_str(), 0), &mut |_, record| {
        let process = record.key.as_deref().map(String::from_utf8_lossy).unwrap_or_default().into_owned();
        let announced = record.value.as_deref().and_then(|value| serde_json::from_slice(value).ok());
        match announced {
            Some(announcement) => drop(newest.insert(process, announcement)),
            None => drop(newest.remove(&process)),
        }
    });
    match told {
        // It never ran.
        Err(BrokerError::UnknownTopic { .. }) => return Ok(Vec::new()),
        told => told?,
    }
    let lives = |it: &Announcement| now_ms - it.last_seen < shared.config.members_expiry_ms;
    Ok(newest.into_values().filter(lives).collect())
}

/// Every task with its holder, its copies and its lag.
pub(crate) fn tasks(outside: &Outside, members: &[Announcement], lag: &[LagRow]) -> Vec<TaskRow> {
    let lag = per_task(lag);
    let row = |task: String| {
        let holder = members.iter().find(|it| it.holding.active.contains_key(&task));
        let behind = holder.and_then(|it| it.holding.active.get(&task).copied().flatten());
        let state = match (holder, behind) {
            (None, _) => "unowned",
            (Some(_), Some(0)) => "running",
            (Some(_), _) => "restoring",
        };
        let copy = |it: &Announcement| {
            let behind = *it.holding.standby.get(&task)?;
            Some(StandbyRow { process: it.process.clone(), host: it.host.clone(), behind })
        };
        TaskRow {
            state,
            process: holder.map(|it| it.process.clone()),
            host: holder.map(|it| it.host.clone()),
            restore_remaining: behind.filter(|_| state == "restoring"),
            lag: lag.get(task.as_str()).copied().unwrap_or(0),
            standbys: members.iter().filter_map(copy).collect(),
            task,
        }
    };
    outside.tasks().into_iter().map(|(_, name)| row(name)).collect()
}
