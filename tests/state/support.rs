//! A place for state, and the engine's part of a commit.

use topo_state::{
    Checkpoint, Identity, KeyValueStore, MemoryBudget, MemoryDisk, Opened, Place, SessionStore, StateError,
    Store, StoreKind, StoreSpec, TaskState, VersionedStore, WindowStore, WriteBatch, i64_be, utf8,
};

/// A changelog record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Logged {
    pub(crate) key: Vec<u8>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) timestamp: i64,
}

pub(crate) type KeyValue = KeyValueStore<String, i64>;
pub(crate) type Windows = WindowStore<String, i64>;
pub(crate) type Sessions = SessionStore<String, i64>;
pub(crate) type Versions = VersionedStore<String, i64>;

/// Where a test keeps its state; a RocksDB directory is removed at the end.
pub(crate) struct Home {
    place: Place,
    /// Every second store is declared in memory, the first one to begin with.
    mixed: bool,
    /// Removed when dropped.
    _scratch: Option<tempfile::TempDir>,
}

impl Home {
    pub(crate) fn memory() -> Self {
        Self { place: Place::Memory, mixed: false, _scratch: None }
    }

    pub(crate) fn kept() -> Self {
        let place = Place::Kept { disk: MemoryDisk::new(), task: "0_1".to_owned() };
        Self { place, mixed: false, _scratch: None }
    }

    pub(crate) fn rocks() -> Self {
        let scratch = tempfile::tempdir().expect("a scratch directory");
        let dir = scratch.path().join("0_1");
        let place = Place::Rocks { dir, memory: MemoryBudget::new(16 << 20) };
        Self { place, mixed: false, _scratch: Some(scratch) }
    }

    pub(crate) fn mixed() -> Self {
        Self { mixed: true, ..Self::rocks() }
    }

    pub(crate) fn is_on_disk(&self) -> bool {
        matches!(self.place, Place::Rocks { .. }) && !self.mixed
    }

    pub(crate) fn dir(&self) -> &std::path::Path {
        match &self.place {
            Place::Rocks { dir, .. } => dir,
            Place::Memory | Place::Kept { .. } => panic!("state in memory has no directory"),
        }
    }

    pub(crate) fn try_open(&self, identity: &Identity, specs: &[StoreSpec]) -> Result<Opened, StateError> {
        let specs = specs.iter().enumerate();
        let specs = specs.map(|(index, spec)| {
            spec.clone().in_memory(spec.in_memory || self.mixed && index.is_multiple_of(2))
        });
        TaskState::open(&self.place, identity, specs.collect())
    }

    pub(crate) fn open(&self, specs: &[StoreSpec]) -> TaskState {
        self.try_open(&identity(), specs).expect("the state opens").state
    }

    /// What a restart finds: the directory read anew; for memory, which does not outlive its process, also a part of it, the
    /// same state.
    /// All typed stores must be gone.
    pub(crate) fn reopen(&self, state: TaskState) -> TaskState {
        match &self.place {
            _ if self.mixed => state,
            Place::Memory => state,
            Place::Rocks { .. } | Place::Kept { .. } => {
                let specs = state.specs().to_vec();
                drop(state);
                self.open(&specs)
            }
        }
    }
}

pub(crate) fn identity() -> Identity {
    Identity {
        application: "shop".into(),
        cluster_id: "c1".into(),
        task: "orders_1".into(),
        fingerprint: "f1".into(),
    }
}

pub(crate) fn key_value_spec(name: &str, timestamped: bool) -> StoreSpec {
    StoreSpec::new(name, StoreKind::KeyValue { timestamped }, &*utf8(), &*i64_be())
}

pub(crate) fn window_spec(
    name: &str,
    retention_ms: i64,
    segment_ms: i64,
    retain_duplicates: bool,
) -> StoreSpec {
    let kind = StoreKind::Window { timestamped: true, retention_ms, segment_ms, retain_duplicates };
    StoreSpec::new(name, kind, &*utf8(), &*i64_be())
}

pub(crate) fn session_spec(name: &str, retention_ms: i64, segment_ms: i64) -> StoreSpec {
    StoreSpec::new(name, StoreKind::Session { retention_ms, segment_ms }, &*utf8(), &*i64_be())
}

pub(crate) fn versioned_spec(name: &str, history_ms: i64) -> StoreSpec {
    StoreSpec::new(name, StoreKind::Versioned { history_ms }, &*utf8(), &*i64_be())
}

pub(crate) fn key_value(state: &TaskState, store: usize) -> KeyValue {
    KeyValueStore::new(state.specs()[store].clone(), store, state.backend(), utf8(), i64_be())
}

/// A window store told its observed time by the checkpoint, as the engine does it.
pub(crate) fn windows(state: &TaskState, store: usize) -> Windows {
    let spec = state.specs()[store].clone();
    let mut windows = WindowStore::new(spec, store, state.backend(), utf8(), i64_be());
    tell_time(state, &mut windows);
    windows
}

/// A session store told its observed time by the checkpoint.
pub(crate) fn sessions(state: &TaskState, store: usize) -> Sessions {
    let spec = state.specs()[store].clone();
    let mut sessions = SessionStore::new(spec, store, state.backend(), utf8(), i64_be());
    tell_time(state, &mut sessions);
    sessions
}

/// A versioned store told its observed time by the checkpoint.
pub(crate) fn versions(state: &TaskState, store: usize) -> Versions {
    let spec = state.specs()[store].clone();
    let mut versions = VersionedStore::new(spec, store, state.backend(), utf8(), i64_be());
    tell_time(state, &mut versions);
    versions
}

fn tell_time(state: &TaskState, store: &mut dyn Store) {
    let name = format!("store:{}", store.spec().name);
    if let Some(observed) = state.checkpoint().stream_times.get(&name) {
        store.set_observed_time(*observed);
    }
}

/// One commit; gives back what went to the changelog, per store.
pub(crate) fn commit(state: &mut TaskState, stores: &mut [&mut dyn Store]) -> Vec<Vec<Logged>> {
    let mut batch = WriteBatch::new();
    let logs = stores.iter_mut().map(|store| drain(*store, &mut batch)).collect::<Vec<_>>();
    let mut checkpoint = state.checkpoint().clone();
    for (store, log) in stores.iter().zip(&logs) {
        let name = store.spec().name.clone();
        checkpoint.stream_times.insert(format!("store:{name}"), store.observed_time());
        *checkpoint.changelog.entry(name).or_default() += log.len() as i64;
    }
    state.apply(batch, checkpoint).expect("the batch is applied");
    for store in stores {
        store.committed();
    }
    logs
}

/// Drains a store and keeps its changelog records.
pub(crate) fn drain(store: &mut dyn Store, batch: &mut WriteBatch) -> Vec<Logged> {
    let mut log = Vec::new();
    let keep = &mut |change: topo_state::Change<'_>| {
        let value = change.value.map(<[u8]>::to_vec);
        log.push(Logged { key: change.key.to_vec(), value, timestamp: change.timestamp });
    };
    store.drain(batch, keep).expect("the store drains");
    log
}

pub(crate) fn checkpoint(store: &str, offset: i64) -> Checkpoint {
    Checkpoint { changelog: [(store.to_owned(), offset)].into(), ..Checkpoint::default() }
}

/// Value and timestamp of a key.
pub(crate) fn get(store: &mut KeyValue, key: &str) -> Option<(i64, i64)> {
    let found = store.get(&key.to_owned()).expect("the store reads");
    found.map(|found| (found.value, found.timestamp))
}

pub(crate) fn put(store: &mut KeyValue, key: &str, value: i64, timestamp: i64) {
    store.put(&key.to_owned(), value, timestamp).expect("the key encodes");
}

pub(crate) fn delete(store: &mut KeyValue, key: &str, timestamp: i64) {
    store.delete(&key.to_owned(), timestamp).expect("the key encodes");
}

/// Copies a directory with everything in it.
pub(crate) fn copy_tree(from: &std::path::Path, to: &std::path::Path) {
    try_copy_tree(from, to).expect("a copy");
}

/// The same, of a directory in which files may go meanwhile.
pub(crate) fn try_copy_tree(from: &std::path::Path, to: &std::path::Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            try_copy_tree(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
