//! Directories as version 1 of the store format left them, opened by today's code: old directories stay readable for ever.
//!
//! `fixtures/format-1` was written by [`write`], `fixtures/format-1-later` by [`write_later`], with the kinds of stores that
//! came later; they are never written anew. A new format gets fixtures of its own beside them, made with
//! `TOPO_TEST_WRITE_FIXTURE=<name>` and `TOPO_TEST_WRITE_LATER_FIXTURE=<name>`.

use std::path::{Path, PathBuf};

use topo_state::{
    Firsts, MemoryBudget, NO_TIME, Place, Store, StoreSpec, TaskState, Window, Windowed, WriteBatch,
};

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

/// The kinds of stores that came later.
fn later_specs() -> Vec<StoreSpec> {
    vec![session_spec("visits", RETENTION_MS, 60_000), versioned_spec("prices", 1_000)]
}

fn open_later(dir: &Path) -> TaskState {
    let place = Place::Rocks { dir: dir.to_owned(), memory: MemoryBudget::new(8 << 20) };
    TaskState::open(&place, &identity(), later_specs()).expect("the state opens").state
}

fn session(start: i64, end: i64) -> Windowed<String> {
    Windowed { key: "a".to_owned(), window: Window { start, end } }
}

/// Sessions that grow, versions that are replaced, one of them for good; and where the changelog of the sessions may begin.
fn write_later(dir: &Path) -> TaskState {
    let mut state = open_later(dir);
    let (mut visits, mut prices) = (sessions(&state, 0), versions(&state, 1));
    let key = "a".to_owned();
    for round in 0..4_i64 {
        if round > 0 {
            visits.remove(&key, session(0, (round - 1) * 10).window, round).unwrap();
        }
        visits.put(&key, session(0, round * 10).window, Some(round), round).unwrap();
        prices.put(&key, Some(100 + round), round * 800).unwrap();
        commit(&mut state, &mut [&mut visits, &mut prices]);
        if round == 1 {
            state.flush().unwrap();
        }
    }
    prices.put(&"gone".to_owned(), Some(1), 2_400).unwrap();
    prices.put(&"gone".to_owned(), None, 2_401).unwrap();
    commit(&mut state, &mut [&mut visits, &mut prices]);
    let mut firsts = Firsts::new(&later_specs()[0], None, None, NO_TIME).unwrap();
    firsts.note(0, 7);
    let mut last = state.checkpoint().clone();
    last.metadata.insert(Firsts::name("visits"), firsts.encode());
    state.apply(WriteBatch::new(), last).unwrap();
    state
}

/// Everything [`write_later`] wrote, read through the typed stores.
fn assert_later_as_written(state: &TaskState) {
    let (mut visits, mut prices) = (sessions(state, 0), versions(state, 1));
    assert_eq!(visits.in_time_order(i64::MIN..=i64::MAX).unwrap(), [(session(0, 30), 3)]);
    let key = "a".to_owned();
    let worth =
        |prices: &mut Versions, key: &String, time| prices.get_as_of(key, time).unwrap().map(|it| it.value);
    assert_eq!(
        [1_500, 1_600, 3_000].map(|time| worth(&mut prices, &key, time)),
        [Some(101), Some(102), Some(103)]
    );
    let gone = "gone".to_owned();
    assert_eq!([2_400, 2_401].map(|time| worth(&mut prices, &gone, time)), [Some(1), None]);
    let checkpoint = state.checkpoint();
    assert_eq!((checkpoint.changelog["visits"], checkpoint.changelog["prices"]), (7, 6));
    let noted = checkpoint.metadata.get(&Firsts::name("visits")).map(Vec::as_slice);
    let mut firsts = Firsts::new(&later_specs()[0], noted, Some(7), visits.observed_time()).unwrap();
    assert_eq!(firsts.expire(visits.observed_time()), Some(7));
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
fn what_this_version_writes_of_sessions_and_versions_it_reads() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("0_0");
    let state = write_later(&dir);
    if let Ok(name) = std::env::var("TOPO_TEST_WRITE_LATER_FIXTURE") {
        copy(&dir, &fixtures().join(name));
    }
    drop(state);
    assert_later_as_written(&open_later(&dir));
}

#[test]
fn sessions_and_versions_of_format_one_open_and_go_on() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("0_0");
    copy(&fixtures().join("format-1-later"), &dir);
    let mut state = open_later(&dir);
    assert_later_as_written(&state);
    let (mut visits, mut prices) = (sessions(&state, 0), versions(&state, 1));
    visits.put(&"b".to_owned(), session(5, 5).window, Some(9), 5).unwrap();
    prices.put(&"b".to_owned(), Some(7), 3_500).unwrap();
    commit(&mut state, &mut [&mut visits, &mut prices]);
    drop((visits, prices, state));
    let state = open_later(&dir);
    assert_eq!(sessions(&state, 0).in_time_order(i64::MIN..=i64::MAX).unwrap().len(), 2);
    assert_eq!(versions(&state, 1).get(&"b".to_owned()).unwrap().map(|it| it.value), Some(7));
    let then = versions(&state, 1).get_as_of(&"a".to_owned(), 2_500).unwrap();
    assert_eq!(then.map(|it| it.value), Some(103), "history goes back a second");
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
