//! A state directory is deleted, damaged, or belongs to somebody else: it is rebuilt from the changelogs with a warning,
//! or refused with a clear error. It is never silently used.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rand::Rng;
use rand::rngs::StdRng;

use crate::flow::{Flow, PATIENCE};
use crate::form::{chance, pick};
use crate::states;
use crate::system::{System, Worker};

/// Exit code of trouble with the state directory.
const STATE: i32 = 4;

#[test]
fn a_deleted_or_damaged_state_directory_is_moved_aside_and_rebuilt_with_a_warning() {
    let (mut rng, seed) = chance("damage");
    let mut flow = Flow::payments(System::shared("damage"), seed);
    flow.start_ready(1, &[]);
    flow.write(1_500);
    flow.settle();
    for round in 0..pick(1, 4) {
        deleted(&mut flow);
        // Only what was flushed lies in tables; opening a database flushes what its log holds.
        damaged(&mut flow, &mut rng, "CURRENT is cut short", |dir, _| truncate(&dir.join("db/CURRENT")));
        damaged(&mut flow, &mut rng, "one byte of every table is flipped", flip_in_tables);
        damaged(&mut flow, &mut rng, "topo.json is cut short", |dir, _| truncate(&dir.join("topo.json")));
        eprintln!("round {round} is over");
    }
    flow.end_right();
}

/// The whole directory goes. There is nothing to warn about: a process without state is a new one.
fn deleted(flow: &mut Flow) {
    flow.workers[0].kill();
    fs::remove_dir_all(flow.workers[0].state()).unwrap();
    flow.workers[0].start_again();
    flow.workers[0].await_ready(PATIENCE);
    let restored = flow.workers[0].total("topo_restored_records_total");
    assert!(restored > 0.0, "all of it is restored");
    flow.write(200);
    flow.settle();
    eprintln!("deleted: {restored} records restored");
}

/// Damages every task's directory of a process that was killed, and starts it.
fn damaged(flow: &mut Flow, rng: &mut StdRng, what: &str, damage: impl Fn(&Path, &mut StdRng) -> bool) {
    flow.workers[0].kill();
    let state = flow.workers[0].state();
    let tasks = states::tasks(&flow.system, flow.runnable, &state);
    let hurt: Vec<&PathBuf> = tasks.iter().filter(|dir| damage(dir, rng)).collect();
    assert!(!hurt.is_empty(), "{what}: in no directory");
    let (said, before) =
        (flow.workers[0].logged().len(), states::aside(&flow.system, flow.runnable, &state).len());
    flow.workers[0].start_again();
    // Damage within a table is met when the block is read: the process may stop for it, but only once for each.
    flow.workers[0].await_ready(PATIENCE);
    flow.write(1_000);
    flow.settle();
    let aside = states::aside(&flow.system, flow.runnable, &state).len() - before;
    let warned = flow.workers[0].logged()[said..].matches(" was moved to ").count();
    assert!(aside > 0, "{what}: nothing was moved aside");
    assert_eq!(warned, aside, "{what}: each is said");
    eprintln!("{what}: in {} directories, {aside} moved aside and rebuilt", hurt.len());
}

fn truncate(file: &Path) -> bool {
    OpenOptions::new().write(true).truncate(true).open(file).unwrap();
    true
}

/// Flips a byte in the first half of each table, where its rows lie.
fn flip_in_tables(dir: &Path, rng: &mut StdRng) -> bool {
    let tables = files(dir, |name| name.ends_with(".sst"));
    for table in &tables {
        let file = OpenOptions::new().read(true).write(true).open(table).unwrap();
        let at = rng.random_range(0..file.metadata().unwrap().len() / 2);
        let mut byte = [0];
        file.read_exact_at(&mut byte, at).unwrap();
        file.write_all_at(&[byte[0] ^ 0xff], at).unwrap();
    }
    !tables.is_empty()
}

fn files(dir: &Path, wanted: fn(&str) -> bool) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir.join("db")).unwrap().flatten();
    let files = entries.filter(|entry| wanted(&entry.file_name().to_string_lossy()));
    files.map(|entry| entry.path()).collect()
}

#[test]
fn the_directory_of_another_application_or_cluster_is_refused_and_not_touched() {
    let (_, seed) = chance("foreign");
    let mut flow = Flow::payments(System::shared("foreign"), seed);
    flow.start_ready(1, &[]);
    flow.write(500);
    flow.settle();
    flow.workers[0].stop();
    let ours = states::tasks(&flow.system, flow.runnable, &flow.workers[0].state());
    let name = flow.system.names.application(flow.runnable);

    // The directory of another application, under our application's name.
    for (field, other) in
        [("application", "someone-else"), ("cluster_id", "another-cluster"), ("task", "payments-9")]
    {
        let state = flow.system.scratch.path().join(format!("foreign-{field}"));
        for dir in &ours {
            copy(dir, &state.join(&name).join(dir.file_name().unwrap()), field, other);
        }
        let untouched = listing(&state);
        let mut refused =
            Worker::start_in(&flow.system, &format!("refused-{field}"), &[flow.runnable], &state, &[]);
        assert_eq!(refused.ends(PATIENCE), STATE, "{}", refused.logged());
        let said = refused.logged();
        assert!(said.contains("is not the state of this task"), "{said}");
        assert!(said.contains(other), "it says whose it is: {said}");
        let mut after = listing(&state);
        // The name of the process and its lock are all that came.
        after.retain(|(path, ..)| !path.ends_with("process-id") && !path.ends_with("lock"));
        assert_eq!(after, untouched, "nothing in it was touched");
        eprintln!("{field}: {}", said.lines().last().unwrap_or_default());
    }
    flow.workers[0].start_again();
    flow.pump_for(Duration::from_secs(1));
    flow.end_right();
}

/// Copies a task's directory and changes one field of what says whose it is.
fn copy(from: &Path, to: &Path, field: &str, other: &str) {
    fs::create_dir_all(to.join("db")).unwrap();
    let text = fs::read(from.join("topo.json")).unwrap();
    let mut manifest: serde_json::Value = serde_json::from_slice(&text).unwrap();
    manifest[field] = other.into();
    fs::write(to.join("topo.json"), manifest.to_string()).unwrap();
    for file in fs::read_dir(from.join("db")).unwrap().flatten() {
        fs::copy(file.path(), to.join("db").join(file.file_name())).unwrap();
    }
}

/// Every file below a directory, with its content's length and the time of its last change.
fn listing(dir: &Path) -> Vec<(PathBuf, u64, std::time::SystemTime)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap().flatten() {
        let about = entry.metadata().unwrap();
        if about.is_dir() {
            found.extend(listing(&entry.path()));
        } else {
            found.push((entry.path(), about.len(), about.modified().unwrap()));
        }
    }
    found.sort();
    found
}
