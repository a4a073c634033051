//! What a store holds must be what its changelog says: each store of a state directory is compared, row by row, with a
//! replay of the committed changelog up to the store's own checkpoint.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{AddAssign, Bound, ControlFlow};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use topo::Partition;
use topo::broker::Broker;
use topo::state::{
    Direction, Identity, MemoryBudget, NO_TIME, Place, Restorer, StoreSpec, TaskState, Write, WriteBatch,
};

use crate::system::System;

/// What was compared.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Checked {
    pub(crate) stores: usize,
    pub(crate) rows: usize,
    /// Records of the changelogs that lie behind the checkpoints: what a start would replay.
    pub(crate) tail: u64,
}

impl AddAssign for Checked {
    fn add_assign(&mut self, other: Self) {
        self.stores += other.stores;
        self.rows += other.rows;
        self.tail += other.tail;
    }
}

/// The parts of `topo.json` that say whose state it is.
#[derive(Deserialize)]
struct Manifest {
    #[serde(flatten)]
    identity: Identity,
    stores: Vec<StoreSpec>,
}

type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

/// The directories of the tasks of an application, without those that were moved aside.
pub(crate) fn tasks(system: &System, runnable: &str, state: &Path) -> Vec<PathBuf> {
    let application = state.join(system.names.application(runnable));
    let entries = std::fs::read_dir(&application).into_iter().flatten().flatten();
    let mut tasks: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.join("topo.json").exists() && !is_aside(path))
        .collect();
    tasks.sort();
    tasks
}

/// The directories that were moved aside as damaged.
pub(crate) fn aside(system: &System, runnable: &str, state: &Path) -> Vec<PathBuf> {
    let application = state.join(system.names.application(runnable));
    let entries = std::fs::read_dir(&application).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| is_aside(path)).collect()
}

fn is_aside(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().contains(".damaged-"))
}

/// Compares every store below a state directory that no process has open; panics at the first difference.
pub(crate) fn check(system: &System, runnable: &str, state: &Path) -> Checked {
    let mut checked = Checked::default();
    for task in tasks(system, runnable, state) {
        checked += check_task(system, &system.names.application(runnable), &task);
    }
    checked
}

fn check_task(system: &System, application: &str, dir: &Path) -> Checked {
    let text = std::fs::read(dir.join("topo.json")).unwrap();
    let Manifest { identity, stores } = serde_json::from_slice(&text).unwrap();
    let place = Place::Rocks { dir: dir.to_owned(), memory: MemoryBudget::new(16 << 20) };
    let state = TaskState::open(&place, &identity, stores.clone()).unwrap().state;
    let (_, number) = identity.task.rsplit_once('-').unwrap();
    let number = number.parse().unwrap();
    let mut checked = Checked::default();
    for (index, spec) in stores.iter().enumerate() {
        let topic = format!("{application}-{}-changelog", spec.name);
        // A store that is a copy of an input has no changelog.
        if !exists(system, &topic) {
            continue;
        }
        let changelog = Partition::new(topic.as_str(), number);
        let upto = state.checkpoint().changelog.get(&spec.name).copied().unwrap_or(0);
        let records = system.read(&changelog, i64::MAX);
        checked.tail += records.iter().filter(|(offset, _)| *offset >= upto).count() as u64;
        let stored = rows(&state, index);
        let (before, behind): (Vec<_>, Vec<_>) = records.into_iter().partition(|(offset, _)| *offset < upto);
        let (replayed, again) = (replay(spec, before).0, replay(spec, behind).1);
        let place = format!("store {} in {} at {upto} of {changelog}", spec.name, dir.display());
        same(&place, &stored, &replayed, &again);
        checked.stores += 1;
        checked.rows += stored.len();
    }
    checked
}

fn exists(system: &System, topic: &str) -> bool {
    let topic = topic.to_owned();
    system.broker.admin().unwrap().partitions(&[topic]).unwrap().len() == 1
}

/// The rows that records make, and the names of all rows that they touch.
fn replay(spec: &StoreSpec, records: Vec<(i64, topo::RawRecord)>) -> (Rows, BTreeSet<Vec<u8>>) {
    let memory = TaskState::open(&Place::Memory, &Identity::default(), vec![spec.clone()]);
    let mut state = memory.unwrap().state;
    let mut restorer = Restorer::new(spec, 0, NO_TIME);
    let mut batch = WriteBatch::new();
    for (_, record) in records {
        let key = record.key.as_deref().unwrap();
        restorer.add(key, record.value.as_deref(), record.timestamp, &mut batch);
    }
    assert_eq!(restorer.malformed(), 0);
    let touched = batch.iter().filter_map(|write| match write {
        Write::Put { key, .. } | Write::Delete { key, .. } => Some(key.to_vec()),
        Write::DeleteRange { .. } => None,
    });
    let touched = touched.collect();
    let checkpoint = state.checkpoint().clone();
    state.apply(batch, checkpoint).unwrap();
    (rows(&state, 0), touched)
}

fn rows(state: &TaskState, store: usize) -> Rows {
    let mut rows = Rows::new();
    let mut take = |key: &[u8], value: &[u8]| {
        rows.insert(key.to_vec(), value.to_vec());
        ControlFlow::Continue(())
    };
    let all = (Bound::Unbounded, Bound::Unbounded);
    state.backend().scan(store, all.0, all.1, Direction::Forward, &mut take).unwrap();
    rows
}

/// Panics with the first difference. A row that was written again behind the checkpoint may have been compacted away before it.
fn same(place: &str, stored: &Rows, replayed: &Rows, again: &BTreeSet<Vec<u8>>) {
    for key in stored.keys().chain(replayed.keys()) {
        let (here, there) = (stored.get(key), replayed.get(key));
        let compacted = there.is_none() && again.contains(key);
        assert!(
            here == there || compacted,
            "{place}: key {:?} is {here:?}, and {there:?} by the changelog",
            String::from_utf8_lossy(key)
        );
    }
}
