//! Every store must be a prefix of its committed changelog. The replay in here shares no code with the engine's own.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::{Bound, ControlFlow};
use std::path::Path;
use std::sync::Arc;

use topo_state::{
    Checkpoint, Direction, Identity, Image, MemoryBudget, Place, StateError, StoreKind, StoreSpec, TaskState,
};

use super::archive::Archive;
use crate::broker::memory::MemoryBroker;
use crate::graph::{Changelog, Naming, SubTopology, Topology};
use crate::record::Partition;

/// A store, and the topic it can be rebuilt from.
struct Logged {
    spec: StoreSpec,
    topic: Arc<str>,
    /// The topic is an input of the task, not a changelog of the store's own.
    source: bool,
}

/// The stores of every sub-topology, by its name.
pub(super) struct Stores {
    subs: BTreeMap<String, Vec<Logged>>,
    /// All of a sub-topology's stores, in the order they are opened in.
    specs: BTreeMap<String, Vec<StoreSpec>>,
    application: Arc<str>,
    /// Without transactions a zombie may write old values into a changelog: nothing is certain about rows then.
    exactly_once: bool,
}

impl Stores {
    pub(super) fn new(topology: &Topology, naming: &Naming, exactly_once: bool) -> Self {
        let logged = |store: &usize| {
            let def = &topology.stores[*store];
            let (topic, source) = match &def.changelog {
                Changelog::Own => (naming.changelog(&def.spec.name), false),
                Changelog::Source(topic) => (naming.resolve(topic), true),
                Changelog::None => return None,
            };
            Some(Logged { spec: def.spec.clone(), topic, source })
        };
        let of = |sub: &SubTopology| (sub.name.clone(), sub.stores.iter().filter_map(logged).collect());
        let spec = |store: &usize| topology.stores[*store].spec.clone();
        let specs = |sub: &SubTopology| (sub.name.clone(), sub.stores.iter().map(spec).collect());
        let subs = topology.sub_topologies();
        let subs = || subs.iter().filter(|sub| !sub.global);
        Self {
            subs: subs().map(of).collect(),
            specs: subs().map(specs).collect(),
            application: naming.application.clone(),
            exactly_once,
        }
    }

    /// The stores of a task by the name of its directory, and its partition.
    fn of(&self, task: &str) -> Option<(&[Logged], i32)> {
        let (sub, partition) = task.rsplit_once('-')?;
        Some((self.subs.get(sub)?, partition.parse().ok()?))
    }

    /// Names of the changelogs that belong to stores alone.
    pub(super) fn changelogs(&self) -> BTreeSet<String> {
        let own = self.subs.values().flatten().filter(|logged| !logged.source);
        own.map(|logged| logged.topic.to_string()).collect()
    }

    /// Reads every task's RocksDB below a directory, and counts those that were moved aside.
    pub(super) fn open_all(&self, dir: &Path) -> Result<(BTreeMap<String, Image>, u64), String> {
        let (mut images, mut aside) = (BTreeMap::new(), 0);
        let Ok(entries) = fs::read_dir(dir) else { return Ok((images, 0)) };
        for entry in entries.flatten().filter(|entry| entry.path().is_dir()) {
            let task = entry.file_name().to_string_lossy().into_owned();
            aside += u64::from(task.contains(".damaged-"));
            if let Some(specs) = self.specs.get(task.rsplit_once('-').map_or("", |(sub, _)| sub)) {
                let image = read_rocks(&entry.path(), specs).map_err(|error| error.to_string())?;
                images.insert(task, image);
            }
        }
        Ok((images, aside))
    }

    /// A task of a process is about to have this checkpoint: whether the broker has decided all that the process itself has
    /// written up to there. (What a zombie has in an open transaction there will be aborted.)
    pub(super) fn is_ahead(
        &self,
        broker: &MemoryBroker,
        process: &str,
        task: &str,
        checkpoint: &Checkpoint,
    ) -> Option<String> {
        let (stores, number) = self.of(task)?;
        stores.iter().filter(|logged| !logged.source).find_map(|logged| {
            let next = *checkpoint.changelog.get(&logged.spec.name)?;
            let partition = Partition::new(logged.topic.clone(), number);
            let what = || format!("store {} of task {task} takes {partition} up to {next}", logged.spec.name);
            let ids = format!("{}-{process}-", self.application);
            broker.is_undecided(&partition, next, &ids).then(|| format!("{}, which is not decided", what()))
        })
    }

    /// Compares an image with the changelogs up to where it says it goes. `last`: it is the newest there is.
    pub(super) fn check(
        &self,
        task: &str,
        image: &Image,
        archive: &Archive,
        last: bool,
    ) -> Result<(), String> {
        let Some((stores, number)) = self.of(task) else { return Ok(()) };
        // What is in memory leaves nothing behind to look at; the outputs tell.
        for logged in stores.iter().filter(|logged| !logged.spec.in_memory) {
            let partition = Partition::new(logged.topic.clone(), number);
            let next = image.checkpoint.changelog.get(&logged.spec.name).copied().unwrap_or(0);
            let log = archive.of(&partition);
            let mut rows: Rows<'_> = BTreeMap::new();
            for (offset, record) in log {
                let Some(key) = record.key.as_deref().filter(|_| offset < next) else { continue };
                match record.value.as_deref() {
                    Some(value) => drop(rows.insert(key, (record.timestamp, value))),
                    None => drop(rows.remove(key)),
                }
            }
            let name = &logged.spec.name;
            // What the rest of a compacted log has in another version may have been gone from here before it was read.
            let later: BTreeSet<&[u8]> =
                archive.rewrites(&partition, next).filter_map(|record| record.key.as_deref()).collect();
            let found = image.stores.get(name);
            let differs = compare(&logged.spec, &rows, &later, found, &image.checkpoint);
            if let Some(difference) = differs.filter(|_| self.exactly_once) {
                return Err(format!(
                    "store {name} of task {task} is not {partition} up to {next}: {difference}"
                ));
            }
            let newest = archive.of(&partition).next_back().map(|(offset, _)| offset);
            if last && self.exactly_once && !logged.source && newest.is_some_and(|newest| newest >= next) {
                return Err(format!(
                    "the checkpoint of store {name} of task {task} stays at {next}; {partition} goes to {newest:?}"
                ));
            }
        }
        Ok(())
    }
}

fn read_rocks(dir: &Path, specs: &[StoreSpec]) -> Result<Image, StateError> {
    let task = dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let identity = Identity {
        application: dir
            .parent()
            .and_then(Path::file_name)
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
        cluster_id: "memory".to_owned(),
        task,
        fingerprint: String::new(),
    };
    let place = Place::Rocks { dir: dir.to_owned(), memory: MemoryBudget::new(8 << 20) };
    let state = TaskState::open(&place, &identity, specs.to_vec())?.state;
    let mut image = Image::default();
    image.checkpoint = state.checkpoint().clone();
    for (index, spec) in specs.iter().enumerate() {
        let rows = image.stores.entry(spec.name.clone()).or_default();
        state.backend().scan(
            index,
            Bound::Unbounded,
            Bound::Unbounded,
            Direction::Forward,
            &mut |key, value| {
                rows.insert(key.to_vec(), value.to_vec());
                ControlFlow::Continue(())
            },
        )?;
    }
    Ok(image)
}

/// Changelog key -> timestamp and value.
type Rows<'a> = BTreeMap<&'a [u8], (i64, &'a [u8])>;

fn compare(
    spec: &StoreSpec,
    expected: &Rows<'_>,
    later: &BTreeSet<&[u8]>,
    found: Option<&BTreeMap<Vec<u8>, Vec<u8>>>,
    checkpoint: &Checkpoint,
) -> Option<String> {
    let stamped = spec.kind.is_timestamped();
    let row = |(timestamp, value): &(i64, &[u8])| {
        let stamp = timestamp.to_be_bytes();
        let stamp = if stamped { &stamp[..] } else { &[] };
        [stamp, value].concat()
    };
    let (cut, first_visible) = match &spec.kind {
        StoreKind::Window { retention_ms, .. } => {
            let observed = checkpoint.stream_times.get(&format!("store:{}", spec.name)).copied();
            (8, observed.map_or(i64::MIN, |observed| observed.saturating_sub(retention_ms - 1)))
        }
        StoreKind::KeyValue { .. } => (0, i64::MIN),
        // Rows of other kinds are laid out in their own way: they are judged by what comes out.
        _ => return None,
    };
    // Not what comes in another version, and not a window that has expired: it lies there until its segment goes, and no reader sees it.
    let is_judged = |key: &[u8]| {
        !later.contains(key) && (cut == 0 || window_start(key).is_some_and(|start| start >= first_visible))
    };
    let mut seen = BTreeSet::new();
    for (key, value) in found.into_iter().flatten() {
        let key = key.get(cut..).unwrap_or_default();
        seen.insert(key);
        match expected.get(key).map(row) {
            Some(expected) if expected == *value => {}
            _ if !is_judged(key) => {}
            other => return Some(format!("row {key:?} is {value:?}, and was written as {other:?}")),
        }
    }
    let missing = expected.keys().find(|key| !seen.contains(*key) && is_judged(key));
    missing.map(|key| format!("row {key:?} is missing"))
}

/// The window start in a changelog key: 8 bytes, with 4 bytes of a sequence number behind it.
fn window_start(key: &[u8]) -> Option<i64> {
    let at = key.len().checked_sub(12)?;
    let bytes: [u8; 8] = key.get(at..at + 8)?.try_into().ok()?;
    Some(i64::from_be_bytes(bytes))
}
