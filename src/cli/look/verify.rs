//! A store beside a replay of its committed changelog up to its checkpoint, byte for byte.

use super::{cursor::Cursor, reading::read, stores::Stores};
use crate::{
    cli::{Exit, Failure},
    record::Partition,
    runtime::{Backed, Outside},
};
use serde::Serialize;
use std::{cmp::Ordering, fs, path::Path};
use topo_state::{
    Backend, Checkpoint, Identity, NO_TIME, Place, Restorer, StoreSpec, TaskState, WriteBatch, show_bytes,
};

/// Bytes of rows that are written at once.
const BATCH_BYTES: usize = 4 << 20;
/// Differences that are named; more are counted.
const NAMED: usize = 10;

/// What the comparison of one store found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VerifyRow {
    /// The task.
    pub task: String,
    /// The store.
    pub store: String,
    /// `equal`, `differs`, `unfinished` (a restore was cut off; the next start completes it), or `unlogged`.
    pub result: &'static str,
    /// Rows that are equal.
    pub equal: u64,
    /// Rows that are only in the store, only in the replay, or have another value.
    pub different: u64,
    /// The first of those.
    pub differences: Vec<String>,
}

/// Compares every store, or the one named.
pub(crate) fn verify(
    outside: &Outside,
    stores: &Stores,
    store: Option<&str>,
    task: Option<&str>,
) -> Result<Vec<VerifyRow>, Failure> {
    let scratch = stores.dir.join(".verify");
    remove(&scratch)?;
    let rows = stores.find(store, task)?.into_iter().map(|(task, state, index)| {
        let row = compare(outside, task, state, index, &scratch);
        remove(&scratch).and(row)
    });
    rows.collect()
}

fn remove(dir: &Path) -> Result<(), Failure> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Failure::new(Exit::State, format!("cannot remove {}: {error}", dir.display())))
        }
        _ => Ok(()),
    }
}

fn compare(
    outside: &Outside,
    task: &str,
    state: &TaskState,
    index: usize,
    scratch: &Path,
) -> Result<VerifyRow, Failure> {
    let spec = &state.specs()[index];
    let mut row = VerifyRow {
        task: task.to_owned(),
        store: spec.name.clone(),
        result: "equal",
        equal: 0,
        different: 0,
        differences: Vec::new(),
    };
    let log = changelog(outside, task, &spec.name);
    let (Some(log), Some(end)) = (log, state.checkpoint().changelog.get(&spec.name).copied()) else {
        row.result = "unlogged";
        return Ok(row);
    };
    if state.is_ahead() {
        row.result = "unfinished";
        return Ok(row);
    }
    let replayed = replay(outside, spec, &log, end, scratch)?;
    let observed = state.checkpoint().stream_times.get(&format!("store:{}", spec.name)).copied();
    let (ours, theirs) = (state.backend(), replayed.backend());
    // What a live store drops now and then, a replay may still have.
    let obsolete = |row: &[u8]| {
        let stores: [(&dyn Backend, usize); 2] = [(ours.as_ref(), index), (theirs.as_ref(), 0)];
        spec.is_obsolete(row, observed.unwrap_or(NO_TIME), &stores)
    };
    let (mut left, mut right) = (Cursor::new(ours.clone(), index), Cursor::new(theirs.clone(), 0));
    loop {
        let (ours, theirs) = (left.peek()?.cloned(), right.peek()?.cloned());
        let order = match (&ours, &theirs) {
            (None, None) => break,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(ours), Some(theirs)) => ours.0.cmp(&theirs.0),
        };
        let (key, what) = match order {
            Ordering::Less => (ours.as_ref().map(|it| &it.0), "only in the store"),
            Ordering::Greater => (theirs.as_ref().map(|it| &it.0), "only in the changelog"),
            Ordering::Equal => (ours.as_ref().map(|it| &it.0), "another value"),
        };
        if order == Ordering::Equal && ours == theirs {
            row.equal += 1;
        } else if let Some(key) = key
            && !obsolete(key)?
        {
            row.different += 1;
            if row.differences.len() < NAMED {
                row.differences.push(format!("{}: {what}", show_bytes(key)));
            }
        }
        if order != Ordering::Greater {
            left.step();
        }
        if order != Ordering::Less {
            right.step();
        }
    }
    if row.different > 0 {
        row.result = "differs";
    }
    Ok(row)
}

/// The partition a store is restored from.
fn changelog(outside: &Outside, task: &str, store: &str) -> Option<Partition> {
    let (id, _) = outside.tasks().into_iter().find(|(_, name)| name == task)?;
    let planned = outside.plan.subs[id.sub_topology].stores.iter().find(|it| it.spec.name == store)?;
    match &planned.backed {
        Backed::Own(topic) | Backed::Source(topic) => Some(Partition::new(topic.clone(), id.partition)),
        Backed::Nothing => None,
    }
}

/// The committed changelog up to the checkpoint as rows of a scratch store.
fn replay(
    outside: &Outside,
    spec: &StoreSpec,
    log: &Partition,
    end: i64,
    scratch: &Path,
) -> Result<TaskState, Failure> {
    let place = Place::Rocks { dir: scratch.to_owned(), memory: outside.shared.memory.clone() };
    let mut state = TaskState::open(&place, &Identity::default(), vec![spec.clone()])?.state;
    let mut rows = Restorer::new(spec, 0, NO_TIME);
    let mut batch = WriteBatch::new();
    let mut failure = None;
    let mut write = |batch: &mut WriteBatch, state: &mut TaskState| {
        if failure.is_none() {
            failure = state.apply_bulk(batch, Checkpoint::default()).err();
        }
        batch.clear();
    };
    read(outside.shared.broker.as_ref(), log, Some(end), &mut |record| {
        if let Some(key) = &record.key {
            rows.add(key, record.value.as_deref(), record.timestamp, &mut batch);
        }
        if batch.bytes() >= BATCH_BYTES {
            write(&mut batch, &mut state);
        }
    })?;
    write(&mut batch, &mut state);
    match failure {
        Some(error) => Err(error.into()),
        None => Ok(state),
    }
}
