//! Stores on disk, opened for a look while no process of the application uses the directory.

use super::rows::{Page, page};
use crate::{
    cli::{Exit, Failure, StateQuery},
    graph::Topology,
    runtime::{AppConfig, Error, StateDirectory},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{fs, path::PathBuf};
use topo_state::{MemoryBudget, StateError, StoreSpec, TaskState};

/// One store of one task as `topo state list` and `stats` show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreRow {
    /// The task.
    pub task: String,
    /// The store.
    pub store: String,
    /// Layout and codecs.
    pub declared: String,
    /// Rows, estimated.
    pub rows: u64,
    /// The next changelog offset the store wants; none for a store without one.
    pub checkpoint: Option<i64>,
    /// Whether a restore was cut off, so that rows may be newer than the checkpoint says.
    pub unfinished: bool,
}

/// The state directory of an application, ours until this is dropped.
pub(crate) struct Stores {
    pub(crate) dir: PathBuf,
    pub(crate) tasks: Vec<(String, TaskState)>,
    topology: Topology,
    _directory: StateDirectory,
}

impl Stores {
    /// Opens every task directory. Refused while a process has the state directory.
    pub(crate) fn open(topology: &Topology, config: &AppConfig) -> Result<Self, Failure> {
        let dir = config.state_dir.join(&config.application);
        if !dir.is_dir() {
            let message = format!("there is no local state in {}; see state.dir", dir.display());
            return Err(Failure::new(Exit::State, message));
        }
        let directory = StateDirectory::claim(&dir, Some("tool")).map_err(in_use)?;
        let memory = MemoryBudget::new(config.memory_bytes);
        let failed = |error: std::io::Error| {
            Failure::new(Exit::State, format!("cannot list {}: {error}", dir.display()))
        };
        let mut tasks = Vec::new();
        for entry in fs::read_dir(&dir).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if let Some((identity, state)) =
                is_state(&path).then(|| TaskState::look(&path, &memory)).transpose()?.flatten()
            {
                tasks.push((identity.task, state));
            }
        }
        tasks.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(Self { dir, tasks, topology: topology.clone(), _directory: directory })
    }

    /// Stores of one name, or of all; of one task, or of all.
    pub(crate) fn find(
        &self,
        store: Option<&str>,
        task: Option<&str>,
    ) -> Result<Vec<(&str, &TaskState, usize)>, Failure> {
        let all = self.tasks.iter().flat_map(|(name, state)| {
            state.specs().iter().enumerate().map(move |(index, spec)| (name.as_str(), state, index, spec))
        });
        let wanted = |name: &str, spec: &StoreSpec| {
            store.is_none_or(|it| it == spec.name) && task.is_none_or(|it| it == name)
        };
        let found: Vec<_> = all
            .filter(|(name, _, _, spec)| wanted(name, spec))
            .map(|(name, state, index, _)| (name, state, index))
            .collect();
        if found.is_empty() {
            let what = store.map_or("no store".to_owned(), |store| format!("no store `{store}`"));
            let place = task.map_or(String::new(), |task| format!(" of task `{task}`"));
            let message = format!("{what}{place} in {}; `topo state list` shows them", self.dir.display());
            return Err(Failure::new(Exit::Usage, message));
        }
        Ok(found)
    }

    /// What is there.
    pub(crate) fn list(&self) -> Result<Vec<StoreRow>, Failure> {
        Ok(list(&self.tasks)?)
    }

    /// Shows rows until `visit` says that it has enough.
    pub(crate) fn rows(
        &self,
        query: &StateQuery,
        visit: &mut dyn FnMut(&str, Value) -> bool,
    ) -> Result<(), Failure> {
        self.find(Some(&query.store), query.task.as_deref())?;
        let mut after = None;
        loop {
            let Page { rows, next } = page(&self.topology, &self.tasks, query, after.as_ref(), usize::MAX)?;
            let all = rows.into_iter().all(|(task, row)| visit(&task, row));
            match next {
                Some(next) if all => after = Some(next),
                _ => return Ok(()),
            }
        }
    }
}

/// The stores of these tasks.
pub(crate) fn list(tasks: &[(String, TaskState)]) -> Result<Vec<StoreRow>, StateError> {
    let mut rows = Vec::new();
    for (task, state) in tasks {
        for (index, spec) in state.specs().iter().enumerate() {
            rows.push(StoreRow {
                task: task.clone(),
                store: spec.name.clone(),
                declared: spec.to_string(),
                rows: state.backend().approximate_len(index)?,
                checkpoint: state.checkpoint().changelog.get(&spec.name).copied(),
                unfinished: state.is_ahead(),
            });
        }
    }
    Ok(rows)
}

/// Who may look in meanwhile.
fn in_use(error: Error) -> Failure {
    let Error::DirectoryInUse { dir } = &error else { return error.into() };
    let message = format!(
        "{} is used by a running process. Ask that one for its stores, with --online or with --at HOST:PORT (the address \
         it printed when it started); `verify` needs it stopped",
        dir.display()
    );
    Failure::new(Exit::State, message)
}

/// Directories of tasks; what was moved aside and what tools made is none.
fn is_state(path: &std::path::Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.is_dir() && !name.contains(".damaged-") && !name.starts_with('.')
}
