//! Processes killed while they write. The child is this test binary, told by an environment variable where to write; it
//! reports each finished batch on its standard output, and is killed after some of them.

use std::io::{BufRead, BufReader, Write};
use std::ops::{Bound, ControlFlow};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use topo_state::{Direction, MemoryBudget, Place, StateError, TaskState, WriteBatch};

use crate::support::*;

const DIR: &str = "TOPO_TEST_CRASH_DIR";
const MODE: &str = "TOPO_TEST_CRASH_MODE";
const PADDING: usize = 20_000;
/// So little that memtables fill up and flushes run while the process dies.
pub(crate) const TIGHT: usize = 3 << 20;
/// Rows of a batch that is taken in as a sorted run.
const RUN_ROWS: u8 = 60;

pub(crate) fn open(dir: PathBuf, memory: usize) -> TaskState {
    try_open(dir, memory).expect("the state opens")
}

fn try_open(dir: PathBuf, memory: usize) -> Result<TaskState, StateError> {
    let specs = vec![key_value_spec("s", true), key_value_spec("t", true)];
    let place = Place::Rocks { dir, memory: MemoryBudget::new(memory) };
    TaskState::open(&place, &identity(), specs).map(|opened| opened.state)
}

/// Batch `number` sets the same number everywhere: two stores, a row of its own, the checkpoint.
pub(crate) fn batch(number: i64) -> WriteBatch {
    let mut batch = WriteBatch::new();
    let mut value = 0_i64.to_be_bytes().to_vec();
    value.extend_from_slice(&number.to_be_bytes());
    batch.put(0, b"last", &value);
    batch.put(1, b"last", &value);
    batch.put(1, &number.to_be_bytes(), &vec![number as u8; PADDING]);
    batch
}

/// As [`batch`], and so large that a restore takes it in as a sorted run.
fn run(number: i64) -> WriteBatch {
    let mut batch = batch(number);
    for row in 0..RUN_ROWS {
        batch.put(0, &run_key(number, row), &vec![number as u8; PADDING]);
    }
    batch
}

fn run_key(number: i64, row: u8) -> Vec<u8> {
    [&number.to_be_bytes()[..], &[row]].concat()
}

/// Writes until it is killed. Does nothing in an ordinary test run.
#[test]
fn child_that_writes_until_it_is_killed() {
    let (Ok(dir), Ok(mode)) = (std::env::var(DIR), std::env::var(MODE)) else { return };
    let mut state = open(dir.into(), TIGHT);
    let first = state.checkpoint().changelog.get("s").map_or(1, |last| last + 1);
    for number in first.. {
        let next = checkpoint("s", number);
        match mode.as_str() {
            "bulk" => state.apply_bulk(&batch(number), next),
            "runs" => state.apply_bulk(&run(number), next),
            "mixed" if number % 2 == 0 => state.apply_bulk(&run(number), next),
            _ => state.apply(batch(number), next),
        }
        .expect("the batch is applied");
        let mut out = std::io::stdout().lock();
        let told = writeln!(out, "batch {number}").and_then(|()| out.flush());
        if told.is_err() {
            return;
        }
    }
}

/// Runs the child until it has told of `batches` batches, kills it, and gives back the number of the last one told.
pub(crate) fn write_and_kill(dir: &std::path::Path, mode: &str, batches: usize) -> i64 {
    let this = std::env::current_exe().expect("the test binary");
    let mut child = Command::new(this)
        .args(["crash::child_that_writes_until_it_is_killed", "--exact", "--nocapture"])
        .env(DIR, dir)
        .env(MODE, mode)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the child starts");
    let told = BufReader::new(child.stdout.take().expect("its output")).lines().map_while(Result::ok);
    let mut numbers =
        told.filter_map(|line| line.rsplit_once("batch ").and_then(|(_, number)| number.parse().ok()));
    let last: i64 = numbers.nth(batches - 1).expect("the child writes");
    // At another moment of the next batch each time.
    std::thread::sleep(std::time::Duration::from_micros(
        700 * (batches as u64 + last.unsigned_abs()) % 9_000,
    ));
    child.kill().expect("SIGKILL");
    child.wait().expect("the child is gone");
    last
}

/// Everything the state says about the last batch agrees; gives its number.
fn consistent_prefix(dir: &std::path::Path) -> i64 {
    prefix_of(&open(dir.to_owned(), TIGHT))
}

/// What lies in a directory that was written in this mode, checked; or why it is refused.
pub(crate) fn prefix_in(dir: &std::path::Path, mode: &str) -> Result<i64, StateError> {
    let state = try_open(dir.to_owned(), TIGHT)?;
    // A table that is gone may be missed at the first read only.
    for store in 0..2 {
        let (from, to) = (Bound::Unbounded, Bound::Unbounded);
        state.backend().scan(store, from, to, Direction::Forward, &mut |_, _| ControlFlow::Continue(()))?;
    }
    // A run may be there before its checkpoint: then the state says so, and the next row is no contradiction.
    let last = match state.is_ahead() {
        true => state.checkpoint().changelog.get("s").copied().unwrap_or(0),
        false => prefix_of(&state),
    };
    let runs = (1..=last).filter(|number| mode == "mixed" && number % 2 == 0);
    runs.for_each(|number| assert_run(&state, number));
    Ok(last)
}

fn prefix_of(state: &TaskState) -> i64 {
    let last = state.checkpoint().changelog.get("s").copied().unwrap_or(0);
    if last > 0 {
        assert_eq!(get(&mut key_value(state, 0), "last"), Some((last, 0)));
        assert_eq!(get(&mut key_value(state, 1), "last"), Some((last, 0)));
    }
    for number in 1..=last + 1 {
        let found = state.backend().get(1, &number.to_be_bytes(), &mut |value| {
            assert_eq!(value, vec![number as u8; PADDING]);
        });
        assert_eq!(found.expect("a read"), number <= last, "row of batch {number} of {last}");
    }
    last
}

#[test]
fn a_killed_process_loses_no_applied_batch() {
    let scratch = tempfile::tempdir().unwrap();
    for batches in [1, 40, 150, 400] {
        let told = write_and_kill(scratch.path(), "logged", batches);
        let found = consistent_prefix(scratch.path());
        assert!(found >= told, "told of {told}, found {found}");
    }
}

#[test]
fn a_killed_restore_of_small_batches_loses_none() {
    let scratch = tempfile::tempdir().unwrap();
    for batches in [1, 300] {
        let told = write_and_kill(scratch.path(), "bulk", batches);
        let found = consistent_prefix(scratch.path());
        assert!(found >= told, "told of {told}, found {found}");
    }
}

/// Batch `number` is there as a whole.
fn assert_run(state: &TaskState, number: i64) {
    for row in 0..RUN_ROWS {
        let found = state.backend().get(0, &run_key(number, row), &mut |value| {
            assert_eq!(value, vec![number as u8; PADDING]);
        });
        assert!(found.expect("a read"), "row {row} of batch {number}");
    }
}

#[test]
fn a_killed_restore_of_sorted_runs_has_all_that_its_checkpoint_says_and_owns_up_to_more() {
    let scratch = tempfile::tempdir().unwrap();
    let mut ahead = 0;
    // Until a kill has fallen between rows and checkpoint, and a few times more.
    for round in 1..=200 {
        if ahead > 0 && round > 12 {
            break;
        }
        let told = write_and_kill(scratch.path(), "runs", 1 + round % 3);
        let mut state = open(scratch.path().to_owned(), TIGHT);
        let last = state.checkpoint().changelog["s"];
        assert!(last >= told, "told of {told}, found {last}");
        (1..=last).for_each(|number| assert_run(&state, number));
        let next = state.backend().get(0, &run_key(last + 1, 0), &mut |_| {}).expect("a read");
        assert!(!next || state.is_ahead(), "rows of batch {} are there and nobody says so", last + 1);
        ahead += i64::from(state.is_ahead());
        // The restore goes on: the same batch again, and nothing is ahead any more.
        state.apply_bulk(&run(last + 1), checkpoint("s", last + 1)).expect("the batch is applied");
        assert!(!state.is_ahead());
        assert_run(&state, last + 1);
        assert_eq!(get(&mut key_value(&state, 1), "last"), Some((last + 1, 0)));
    }
    assert!(ahead > 0, "no kill fell between the rows and their checkpoint: the test proves nothing");
}

#[test]
fn logged_batches_and_sorted_runs_may_take_turns() {
    let scratch = tempfile::tempdir().unwrap();
    for batches in [5, 12] {
        let told = write_and_kill(scratch.path(), "mixed", batches);
        let state = open(scratch.path().to_owned(), TIGHT);
        let last = state.checkpoint().changelog["s"];
        assert!(last >= told, "told of {told}, found {last}");
        (1..=last).filter(|number| number % 2 == 0).for_each(|number| assert_run(&state, number));
    }
}
