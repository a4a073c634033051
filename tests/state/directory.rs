//! Directories that are damaged, foreign, locked, or written under another declaration.

use std::fs;
use std::path::{Path, PathBuf};

use topo_state::{Identity, StateError, StoreKind, StoreSpec, TaskState, move_aside};

use crate::support::*;

/// A directory with two flushed stores, closed.
fn written() -> Home {
    let home = Home::rocks();
    let mut state = home.open(&specs());
    let mut store = key_value(&state, 0);
    for key in 0..1_000 {
        put(&mut store, &format!("key-{key}"), key, key);
    }
    commit(&mut state, &mut [&mut store]);
    home
}

fn specs() -> Vec<StoreSpec> {
    vec![key_value_spec("s", true), key_value_spec("t", true)]
}

fn refused(home: &Home) -> StateError {
    match home.try_open(&identity(), &specs()) {
        Ok(_) => panic!("the directory was opened"),
        Err(error) => error,
    }
}

/// The database's files whose name begins or ends like this.
fn files(home: &Home, like: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(home.dir().join("db"))
        .expect("the database directory")
        .map(|entry| entry.expect("an entry").path());
    let named = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.starts_with(like) || name.ends_with(like)
    };
    entries.filter(named).collect()
}

fn flip_byte(path: &Path, at: usize) {
    let mut bytes = fs::read(path).expect("a file");
    bytes[at] ^= 0x40;
    fs::write(path, bytes).expect("a file");
}

/// Damage is told, and after moving the directory aside the task starts afresh.
fn assert_damaged_and_rebuildable(home: &Home) {
    let error = refused(home);
    assert!(error.is_damage(), "{error}");
    let aside = move_aside(home.dir(), 1).expect("moved");
    assert!(aside.join("topo.json").exists());
    assert!(home.try_open(&identity(), &specs()).expect("a fresh start").fresh);
}

#[test]
fn a_truncated_current_file_is_damage() {
    let home = written();
    fs::write(home.dir().join("db/CURRENT"), b"MANI").unwrap();
    assert_damaged_and_rebuildable(&home);
}

#[test]
fn a_missing_current_file_is_damage() {
    let home = written();
    fs::remove_file(home.dir().join("db/CURRENT")).unwrap();
    assert_damaged_and_rebuildable(&home);
}

#[test]
fn a_flipped_byte_in_the_database_manifest_is_damage() {
    let home = written();
    flip_byte(&files(&home, "MANIFEST")[0], 20);
    assert_damaged_and_rebuildable(&home);
}

#[test]
fn an_unreadable_topo_json_is_damage() {
    let home = written();
    fs::write(home.dir().join("topo.json"), b"{").unwrap();
    assert_damaged_and_rebuildable(&home);
}

/// Closes the written state with its rows in a table file instead of the log.
fn written_to_tables() -> Home {
    let home = written();
    let mut state = home.open(&specs());
    state.apply_bulk(&topo_state::WriteBatch::new(), state.checkpoint().clone()).unwrap();
    state.flush().unwrap();
    drop(state);
    assert!(!files(&home, ".sst").is_empty());
    home
}

#[test]
fn a_missing_table_is_damage() {
    let home = written_to_tables();
    for table in files(&home, ".sst") {
        fs::remove_file(table).unwrap();
    }
    assert_damaged_and_rebuildable(&home);
}

#[test]
fn a_flipped_byte_in_a_table_is_damage_at_the_latest_when_it_is_read() {
    let home = written_to_tables();
    for table in files(&home, ".sst") {
        flip_byte(&table, 10);
    }
    let error = match home.try_open(&identity(), &specs()) {
        Err(error) => error,
        Ok(opened) => {
            let mut store = key_value(&opened.state, 0);
            let read = (0..1_000).find_map(|key| store.get(&format!("key-{key}")).err());
            read.expect("a read of a corrupt block fails")
        }
    };
    assert!(error.is_damage(), "{error}");
}

#[test]
fn a_torn_log_leaves_a_prefix_of_commits_with_its_checkpoint() {
    let home = Home::rocks();
    let mut state = home.open(&specs());
    let mut store = key_value(&state, 0);
    for round in 1..=20 {
        put(&mut store, "count", round, round);
        commit(&mut state, &mut [&mut store]);
    }
    // What a crash leaves: copied while the database is open, so that closing it writes no tables.
    let copy = tempfile::tempdir().unwrap();
    copy_tree(home.dir(), copy.path());
    let log = fs::read_dir(copy.path().join("db")).unwrap().map(|entry| entry.unwrap().path());
    let log = log.filter(|path| path.extension().is_some_and(|kind| kind == "log")).max().unwrap();
    let length = fs::metadata(&log).unwrap().len();
    fs::OpenOptions::new().write(true).open(&log).unwrap().set_len(length * 2 / 3).unwrap();
    let place = topo_state::Place::Rocks {
        dir: copy.path().to_owned(),
        memory: topo_state::MemoryBudget::new(8 << 20),
    };
    let state = TaskState::open(&place, &identity(), specs()).expect("a torn log is no damage").state;
    let committed = state.checkpoint().changelog["s"];
    assert!((1..20).contains(&committed), "{committed} commits left");
    assert_eq!(get(&mut key_value(&state, 0), "count"), Some((committed, committed)));
}

#[test]
fn another_application_cluster_or_task_is_refused_and_nothing_is_touched() {
    let home = written();
    let before = fs::read(home.dir().join("topo.json")).unwrap();
    let others = [
        Identity { application: "other".into(), ..identity() },
        Identity { cluster_id: "other".into(), ..identity() },
        Identity { task: "other".into(), ..identity() },
    ];
    for other in others {
        let error = home.try_open(&other, &specs()).err().expect("refused");
        assert!(matches!(error, StateError::Foreign { .. }), "{error}");
        assert!(error.to_string().contains("\"other\""), "{error}");
    }
    assert_eq!(fs::read(home.dir().join("topo.json")).unwrap(), before);
    assert_eq!(get(&mut key_value(&home.open(&specs()), 0), "key-7"), Some((7, 7)));
}

#[test]
fn a_directory_with_other_files_is_refused() {
    let home = Home::rocks();
    fs::create_dir_all(home.dir()).unwrap();
    fs::write(home.dir().join("letters.txt"), b"dear").unwrap();
    let error = refused(&home);
    assert!(matches!(error, StateError::Foreign { .. }), "{error}");
    assert_eq!(fs::read_dir(home.dir()).unwrap().count(), 1);
}

#[test]
fn a_second_opener_is_locked_out_until_the_first_is_gone() {
    let home = written();
    let state = home.open(&specs());
    let backend = state.backend();
    drop(state);
    assert!(matches!(refused(&home), StateError::Locked { .. }), "a backend in use keeps the lock");
    drop(backend);
    home.open(&specs());
}

#[test]
fn a_changed_kind_or_codec_is_refused_and_names_both() {
    let home = written();
    let changed = StoreSpec { value_codec: "json".into(), ..key_value_spec("s", true) };
    let error = home.try_open(&identity(), &[changed]).err().expect("refused");
    let text = error.to_string();
    assert!(matches!(error, StateError::Incompatible { .. }), "{text}");
    assert!(text.contains("<utf8, i64-be>") && text.contains("<utf8, json>"), "{text}");
    let changed = StoreSpec { kind: StoreKind::window(true, 1_000, false), ..key_value_spec("s", true) };
    assert!(matches!(home.try_open(&identity(), &[changed]), Err(StateError::Incompatible { .. })));
}

#[test]
fn a_newer_format_is_refused() {
    let home = written();
    let file = home.dir().join("topo.json");
    let newer = fs::read_to_string(&file).unwrap().replace("\"format\": 1", "\"format\": 2");
    fs::write(&file, newer).unwrap();
    assert!(matches!(refused(&home), StateError::NewerFormat { found: 2, supported: 1, .. }));
}

#[test]
fn a_new_store_is_made_empty_and_one_no_longer_named_is_kept() {
    let home = written();
    let only_new = [key_value_spec("u", true)];
    let opened = home.try_open(&identity(), &only_new).unwrap();
    assert!(!opened.fresh);
    assert_eq!(get(&mut key_value(&opened.state, 0), "key-7"), None);
    drop(opened);
    assert_eq!(get(&mut key_value(&home.open(&specs()), 0), "key-7"), Some((7, 7)));
}

#[test]
fn a_lost_database_beside_its_topo_json_is_a_fresh_start() {
    let home = written();
    fs::remove_dir_all(home.dir().join("db")).unwrap();
    let opened = home.try_open(&identity(), &specs()).unwrap();
    assert!(opened.fresh && opened.state.checkpoint().changelog.is_empty());
}

#[test]
fn two_stores_of_one_name_are_refused() {
    let twice = [key_value_spec("s", true), key_value_spec("s", true)];
    let error = Home::memory().try_open(&identity(), &twice).err().expect("refused");
    assert!(matches!(error, StateError::DuplicateStore { .. }), "{error}");
}
