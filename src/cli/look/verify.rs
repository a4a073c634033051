//! A store beside a replay of its committed changelog up to its checkpoint, byte for byte.
//!
//! A directory that was left behind is compared with a log that may have been compacted since: of a key that was written again
//! behind the checkpoint the log no longer has what the store has. Such rows say nothing, and are counted on their own.

use super::{cursor::Cursor, reading::read, stores::Stores};
use crate::{
    broker::Broker,
    cli::{Exit, Failure},
    record::Partition,
    runtime::{Backed, Outside},
};
use serde::Serialize;
use std::{cmp::Ordering, fs, path::Path};
use topo_state::{
    Backend, Checkpoint, Identity, MemoryBudget, NO_TIME, Place, Restorer, StateError, StoreSpec, TaskState,
    Write, WriteBatch, show_bytes,
};

/// Bytes of rows that are written at once.
const BATCH_BYTES: usize = 4 << 20;
/// Differences that are named; more are counted.
const NAMED: usize = 10;
/// In the scratch state: the rows up to the checkpoint, and the names of those that were written behind it.
const REPLAYED: usize = 0;
const WRITTEN_AGAIN: usize = 1;

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
    /// Rows that are only in the store, and that the changelog has only in a later form: it was compacted since, nothing can
    /// be said about them.
    pub compacted: u64,
    /// The first of those that differ.
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
    let mut row = VerifyRow::new(task, spec);
    let log = changelog(outside, task, &spec.name);
    let (Some(log), Some(end)) = (log, state.checkpoint().changelog.get(&spec.name).copied()) else {
        row.result = "unlogged";
        return Ok(row);
    };
    if state.is_ahead() {
        row.result = "unfinished";
        return Ok(row);
    }
    let shared = &outside.shared;
    let replayed = replay(shared.broker.as_ref(), &shared.memory, spec, &log, end, scratch)?;
    row.compare(state, index, &replayed)?;
    Ok(row)
}

impl VerifyRow {
    fn new(task: &str, spec: &StoreSpec) -> Self {
        Self {
            task: task.to_owned(),
            store: spec.name.clone(),
            result: "equal",
            equal: 0,
            different: 0,
            compacted: 0,
            differences: Vec::new(),
        }
    }

    /// Goes through the rows of a store and of its replay beside each other.
    fn compare(&mut self, state: &TaskState, index: usize, replayed: &TaskState) -> Result<(), StateError> {
        let spec = &state.specs()[index];
        let observed = state.checkpoint().stream_times.get(&format!("store:{}", spec.name)).copied();
        let (ours, theirs) = (state.backend(), replayed.backend());
        // What a live store drops now and then, a replay may still have.
        let obsolete = |row: &[u8]| {
            let stores: [(&dyn Backend, usize); 2] = [(ours.as_ref(), index), (theirs.as_ref(), REPLAYED)];
            spec.is_obsolete(row, observed.unwrap_or(NO_TIME), &stores)
        };
        let (mut left, mut right) = (Cursor::new(ours.clone(), index), Cursor::new(theirs.clone(), REPLAYED));
        loop {
            let (here, there) = (left.peek()?.cloned(), right.peek()?.cloned());
            let order = match (&here, &there) {
                (None, None) => break,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(here), Some(there)) => here.0.cmp(&there.0),
            };
            let (key, what) = match order {
                Ordering::Less => (here.as_ref().map(|it| &it.0), "only in the store"),
                Ordering::Greater => (there.as_ref().map(|it| &it.0), "only in the changelog"),
                Ordering::Equal => (here.as_ref().map(|it| &it.0), "another value"),
            };
            if order == Ordering::Equal && here == there {
                self.equal += 1;
            } else if let Some(key) = key
                && !obsolete(key)?
            {
                if order == Ordering::Less && theirs.get(WRITTEN_AGAIN, key, &mut |_| ())? {
                    self.compacted += 1;
                } else {
                    self.differ(format!("{}: {what}", show_bytes(key)));
                }
            }
            if order != Ordering::Greater {
                left.step();
            }
            if order != Ordering::Less {
                right.step();
            }
        }
        Ok(())
    }

    fn differ(&mut self, what: String) {
        self.result = "differs";
        self.different += 1;
        if self.differences.len() < NAMED {
            self.differences.push(what);
        }
    }
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

/// The committed changelog as rows of a scratch state: up to the checkpoint, and what was written behind it.
fn replay(
    broker: &dyn Broker,
    memory: &MemoryBudget,
    spec: &StoreSpec,
    log: &Partition,
    end: i64,
    scratch: &Path,
) -> Result<TaskState, Failure> {
    let place = Place::Rocks { dir: scratch.to_owned(), memory: memory.clone() };
    let again = StoreSpec { name: format!("{}-written-again", spec.name), ..spec.clone() };
    let mut state = TaskState::open(&place, &Identity::default(), vec![spec.clone(), again])?.state;
    let mut rows = Restorer::new(spec, REPLAYED, NO_TIME);
    let mut later = Restorer::new(spec, WRITTEN_AGAIN, NO_TIME);
    let (mut batch, mut one) = (WriteBatch::new(), WriteBatch::new());
    let mut failure = None;
    let mut write = |batch: &mut WriteBatch, state: &mut TaskState| {
        if failure.is_none() {
            failure = state.apply_bulk(batch, Checkpoint::default()).err();
        }
        batch.clear();
    };
    read(broker, log, &mut |offset, record| {
        let Some(key) = &record.key else { return };
        if offset < end {
            rows.add(key, record.value.as_deref(), record.timestamp, &mut batch);
        } else {
            later.add(key, record.value.as_deref(), record.timestamp, &mut one);
            for write in one.iter() {
                // A row that was removed behind the checkpoint was written again as well.
                if let Write::Put { key, .. } | Write::Delete { key, .. } = write {
                    batch.put(WRITTEN_AGAIN, key, b"");
                }
            }
            one.clear();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        broker::{NewTopic, Outgoing, ProducerConfig, memory::MemoryBroker},
        record::Headers,
    };
    use std::time::Duration;
    use topo_state::StoreKind;

    fn spec() -> StoreSpec {
        StoreSpec {
            name: "store".to_owned(),
            kind: StoreKind::KeyValue { timestamped: false },
            key_codec: "utf8".to_owned(),
            value_codec: "utf8".to_owned(),
            in_memory: false,
        }
    }

    fn log() -> Partition {
        Partition::new("log", 0)
    }

    fn write(broker: &MemoryBroker, records: &[(&str, Option<&str>)]) {
        let config = ProducerConfig {
            client_id: "writer".to_owned(),
            transactional_id: None,
            transaction_timeout: Duration::from_secs(10),
            linger: Duration::ZERO,
        };
        let mut writer = broker.producer(&config).unwrap();
        let headers = Headers::new();
        for (key, value) in records {
            let record = Outgoing {
                topic: "log",
                partition: 0,
                key: Some(key.as_bytes()),
                value: value.map(str::as_bytes),
                timestamp: 0,
                headers: &headers,
                slot: None,
            };
            writer.send(record).unwrap();
        }
        assert_eq!(writer.delivered(Duration::ZERO).failure, None);
    }

    /// What is said of a store with these rows, made from the log up to this offset.
    fn said(broker: &MemoryBroker, rows: &[(&str, &str)], end: i64) -> VerifyRow {
        let mut state = TaskState::open(&Place::Memory, &Identity::default(), vec![spec()]).unwrap().state;
        let mut batch = WriteBatch::new();
        let mut restorer = Restorer::new(&spec(), 0, NO_TIME);
        for (key, value) in rows {
            restorer.add(key.as_bytes(), Some(value.as_bytes()), 0, &mut batch);
        }
        state.apply(batch, Checkpoint::default()).unwrap();
        let scratch = tempfile::tempdir().unwrap();
        let memory = MemoryBudget::new(16 << 20);
        let replayed = replay(broker, &memory, &spec(), &log(), end, scratch.path()).unwrap();
        let mut row = VerifyRow::new("task", &spec());
        row.compare(&state, 0, &replayed).unwrap();
        row
    }

    #[test]
    fn a_row_whose_record_was_compacted_away_since_is_no_difference_and_any_other_is() {
        let broker = MemoryBroker::new();
        let topic = NewTopic {
            name: "log".to_owned(),
            partitions: 1,
            replication: -1,
            settings: [("cleanup.policy".to_owned(), "compact".to_owned())].into(),
        };
        broker.admin().unwrap().create(&[topic]).unwrap();
        write(&broker, &[("changed", Some("1")), ("deleted", Some("1")), ("same", Some("1"))]);
        let rows = [("changed", "1"), ("deleted", "1"), ("same", "1")];
        let whole = said(&broker, &rows, 3);
        assert_eq!((whole.result, whole.equal, whole.compacted), ("equal", 3, 0));

        write(&broker, &[("changed", Some("2")), ("deleted", None), ("new", Some("1"))]);
        let behind = said(&broker, &rows, 3);
        assert_eq!((behind.result, behind.equal, behind.compacted), ("equal", 3, 0));

        broker.compact("log").unwrap();
        let compacted = said(&broker, &rows, 3);
        assert_eq!((compacted.result, compacted.equal, compacted.compacted), ("equal", 1, 2));

        let more = said(&broker, &[("changed", "1"), ("same", "1"), ("strange", "1")], 3);
        assert_eq!(more.differences, ["\"strange\": only in the store"]);
        let fewer = said(&broker, &[("changed", "1")], 3);
        assert_eq!(fewer.differences, ["\"same\": only in the changelog"]);
        let other = said(&broker, &[("same", "2")], 3);
        assert_eq!(other.differences, ["\"same\": another value"]);
        assert_eq!((other.result, other.different), ("differs", 1));
    }
}
