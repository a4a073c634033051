//! A directory as version 1 of the store format left it, opened by today's code: old directories stay readable for ever.
//!
//! `fixtures/format-1` was written by [`write`]; it is never written anew. A new format gets a fixture of its own beside it,
//! made with `TOPO_TEST_WRITE_FIXTURE=<name>`.

use std::path::{Path, PathBuf};

use topo_state::{MemoryBudget, Place, Store, StoreSpec, TaskState, WriteBatch};

use crate::support::*;

const RETENTION_MS: i64 = 3_600_000;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/state/fixtures")
}

/// One store of every kind there was.
fn specs() -> Vec<StoreSpec> {
    vec![
        key_value_spec("plain", false),
        key_value_spec("stamped", true),
        window_spec("windows", RETENTION_MS, 60_000, false),
        window_spec("joined", RETENTION_MS, 60_000, true),
    ]
}

fn open(dir: &Path) -> TaskState {
    let place = Place::Rocks { dir: dir.to_owned(), memory: MemoryBudget::new(8 << 20) };
    TaskState::open(&place, &identity(), specs()).expect("the state opens").state
}

/// Rows in table files and, the newest, in the log.
fn write(dir: &Path) -> TaskState {
    let mut state = open(dir);
    let (mut plain, mut stamped) = (key_value(&state, 0), key_value(&state, 1));
    let (mut wide, mut joined) = (windows(&state, 2), windows(&state, 3));
    for round in 0..3 {
        for key in ["a", "b", "gone"] {
            put(&mut plain, key, 10 + round, round);
            put(&mut stamped, key, 20 + round, 1_000 + round);
            wide.put(&key.to_owned(), round * 300_000, Some(30 + round), 2_000 + round).unwrap();
        }
        joined.put(&"a".to_owned(), 5, Some(40 + round), round).unwrap();
        if round == 2 {
            delete(&mut plain, "gone", round);
            delete(&mut stamped, "gone", round);
        }
        let stores: &mut [&mut dyn Store] = &mut [&mut plain, &mut stamped, &mut wide, &mut joined];
        commit(&mut state, stores);
        if round == 0 {
            state.flush().unwrap();
        }
    }
    let mut last = state.checkpoint().clone();
    last.stream_times.insert("task".into(), 77);
    last.metadata.insert("note".into(), b"kept".to_vec());
    state.apply(WriteBatch::new(), last).unwrap();
    state
}

/// Everything [`write`] wrote, read through the typed stores.
fn assert_as_written(state: &TaskState) {
    let (mut plain, mut stamped) = (key_value(state, 0), key_value(state, 1));
    assert_eq!(get(&mut plain, "a"), Some((12, -1)));
    assert_eq!(get(&mut stamped, "b"), Some((22, 1_002)));
    assert_eq!((get(&mut plain, "gone"), get(&mut stamped, "gone")), (None, None));
    let (mut wide, joined) = (windows(state, 2), windows(state, 3));
    for round in 0..3 {
        let found = wide.fetch(&"b".to_owned(), round * 300_000).unwrap();
        assert_eq!(found.map(|it| (it.value, it.timestamp)), Some((30 + round, 2_000 + round)));
    }
    let mut duplicates = 0;
    let all = std::ops::Bound::Unbounded;
    let visit = &mut |_: &[u8], _: &[u8]| {
        duplicates += 1;
        std::ops::ControlFlow::Continue(())
    };
    state.backend().scan(3, all, all, topo_state::Direction::Forward, visit).unwrap();
    assert_eq!(duplicates, 3);
    assert_eq!((wide.observed_time(), joined.observed_time()), (600_000, 5));
    let checkpoint = state.checkpoint();
    assert_eq!(checkpoint.changelog["plain"], 9);
    assert_eq!(checkpoint.stream_times["task"], 77);
    assert_eq!(checkpoint.metadata["note"], b"kept");
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(|entry| entry.unwrap()) {
        let name = entry.file_name();
        // What RocksDB says about itself is no data, and names the machine.
        if ["LOG", "LOCK", "OPTIONS"].iter().any(|it| name.to_string_lossy().starts_with(it)) {
            continue;
        }
        let target = to.join(name);
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(std::fs::copy(entry.path(), target).unwrap()),
        }
    }
}

#[test]
fn what_this_version_writes_it_reads() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("0_0");
    let state = write(&dir);
    if let Ok(name) = std::env::var("TOPO_TEST_WRITE_FIXTURE") {
        // As a crash leaves it: the newest commits are in the log only.
        copy(&dir, &fixtures().join(name));
    }
    drop(state);
    assert_as_written(&open(&dir));
}

#[test]
fn a_directory_of_format_one_opens_and_goes_on() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("0_0");
    copy(&fixtures().join("format-1"), &dir);
    let mut state = open(&dir);
    assert_as_written(&state);
    let mut plain = key_value(&state, 0);
    put(&mut plain, "new", 1, 1);
    commit(&mut state, &mut [&mut plain]);
    drop((plain, state));
    assert_eq!(get(&mut key_value(&open(&dir), 0), "new"), Some((1, -1)));
}
