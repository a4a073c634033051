//! RocksDB's manifest, or a log that is not the newest, loses its end: whatever is left of it, the directory is refused as damaged, or what
//! opens is exactly what the commits up to its checkpoint made, only older. It is never a mixture.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, UNIX_EPOCH};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::crash::{TIGHT, batch, open, prefix_in, write_and_kill};
use crate::support::{checkpoint, copy_tree, try_copy_tree};

/// Lengths that are tried after each kill.
const CUTS: usize = 40;

fn manifest(dir: &Path) -> PathBuf {
    let name = fs::read_to_string(dir.join("db/CURRENT")).expect("a database");
    dir.join("db").join(name.trim_end())
}

fn chance() -> StdRng {
    let seed = std::env::var("TOPO_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| UNIX_EPOCH.elapsed().unwrap().as_micros() as u64);
    eprintln!("replay with TOPO_TEST_SEED={seed}");
    StdRng::seed_from_u64(seed)
}

#[test]
fn whatever_is_left_of_a_manifest_the_state_is_refused_or_a_prefix_of_its_commits() {
    let mut rng = chance();
    for (mode, kills) in [("logged", [150, 40, 1, 90]), ("mixed", [9, 20, 1, 14])] {
        let scratch = tempfile::tempdir().unwrap();
        let (state, copy) = (scratch.path().join("state"), scratch.path().join("copy"));
        let (mut refused, mut older, mut same) = (0, 0, 0);
        for batches in kills {
            let told = write_and_kill(&state, mode, batches);
            let whole = fs::metadata(manifest(&state)).unwrap().len();
            for cut in 0..=CUTS {
                let left = if cut == CUTS { whole } else { rng.random_range(0..whole) };
                let _ = fs::remove_dir_all(&copy);
                copy_tree(&state, &copy);
                fs::OpenOptions::new().write(true).open(manifest(&copy)).unwrap().set_len(left).unwrap();
                match prefix_in(&copy, mode) {
                    Ok(last) if last >= told => same += 1,
                    Ok(_) => older += 1,
                    Err(error) => {
                        assert!(error.is_damage(), "{left} of {whole} bytes: {error}");
                        assert!(left < whole, "nothing was cut: {error}");
                        refused += 1;
                    }
                }
            }
        }
        eprintln!("{mode}: {refused} refused, {older} opened as an older state, {same} as the newest");
        assert!(refused > 0 && same > 0);
    }
}

/// The newest commit knows nothing of the flush that it has set off: its note is of the manifest before. That the log before its
/// own is gone, although the manifest that is left still wants it, must be seen all the same.
#[test]
fn a_manifest_that_has_lost_the_flush_behind_the_newest_commit_leaves_no_hole() {
    let scratch = tempfile::tempdir().unwrap();
    let (dir, copy) = (scratch.path().join("state"), scratch.path().join("copy"));
    let mut state = open(dir.clone(), TIGHT);
    let (mut number, mut holes) = (0, 0);
    while holes < 3 {
        number += 1;
        let (before, log) = (length(&dir), logs(&dir));
        state.apply(batch(number), checkpoint("s", number)).unwrap();
        let until = Instant::now() + Duration::from_millis(30);
        // A flush that this commit has set off deletes the logs before its own when it is over.
        while logs(&dir).iter().any(|it| log.contains(it)) && Instant::now() < until {
            std::thread::yield_now();
        }
        if logs(&dir).iter().any(|it| log.contains(it)) {
            continue;
        }
        holes += 1;
        for left in [before, before + 1, length(&dir) - 1] {
            copy_alive(&dir, &copy);
            fs::OpenOptions::new().write(true).open(manifest(&copy)).unwrap().set_len(left).unwrap();
            match prefix_in(&copy, "logged") {
                Ok(last) => eprintln!("{left} bytes: an older state, {last} of {number} commits"),
                Err(error) => assert!(error.is_damage(), "{error}"),
            }
        }
    }
}

/// Copies the directory of an open database to which nobody writes. What it has no use for may go meanwhile.
fn copy_alive(from: &Path, to: &Path) {
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        let _ = fs::remove_dir_all(to);
        match try_copy_tree(from, to) {
            Err(gone) => assert!(Instant::now() < until, "{gone}"),
            Ok(()) => return,
        }
    }
}

fn length(dir: &Path) -> u64 {
    fs::metadata(manifest(dir)).unwrap().len()
}

/// What a cut of the power may take: the end of a log that was closed, and not synced, before the newest one was begun.
#[test]
fn whatever_is_left_of_an_older_log_the_state_is_refused_or_a_prefix_of_its_commits() {
    let mut rng = chance();
    let scratch = tempfile::tempdir().unwrap();
    let (state, copy) = (scratch.path().join("state"), scratch.path().join("copy"));
    let (mut refused, mut opened) = (0, 0);
    for kill in 0..60 {
        write_and_kill(&state, "logged", 60 + kill);
        let mut logs = logs(&state);
        if logs.len() < 2 {
            continue;
        }
        logs.pop();
        for _ in 0..5 {
            let log = &logs[rng.random_range(0..logs.len())];
            let left = rng.random_range(0..fs::metadata(log).unwrap().len().max(1));
            let _ = fs::remove_dir_all(&copy);
            copy_tree(&state, &copy);
            let name = copy.join("db").join(log.file_name().unwrap());
            fs::OpenOptions::new().write(true).open(name).unwrap().set_len(left).unwrap();
            if opens(&copy) { opened += 1 } else { refused += 1 }
        }
        if refused + opened >= 50 {
            break;
        }
    }
    eprintln!("an older log is torn: {refused} refused, {opened} opened");
    assert!(refused + opened > 0, "there was never more than one log: the test proves nothing");
}

/// The power goes during a restore: the newest log, which nobody has synced, loses its end or all of it, while the tables that
/// sorted runs became are there. That these rows may be ahead must be known all the same.
#[test]
fn without_the_newest_log_rows_of_a_sorted_run_are_never_taken_for_those_of_an_older_checkpoint() {
    let mut rng = chance();
    let scratch = tempfile::tempdir().unwrap();
    let (state, copy) = (scratch.path().join("state"), scratch.path().join("copy"));
    let (mut refused, mut opened) = (0, 0);
    for (mode, kill) in [("mixed", 3), ("mixed", 4), ("mixed", 6), ("mixed", 9), ("runs", 2), ("runs", 5)] {
        write_and_kill(&state, mode, kill);
        let Some(log) = logs(&state).pop() else { continue };
        let whole = fs::metadata(&log).unwrap().len();
        for cut in 0..8 {
            let left = if cut == 0 { 0 } else { rng.random_range(0..=whole) };
            let _ = fs::remove_dir_all(&copy);
            copy_tree(&state, &copy);
            let name = copy.join("db").join(log.file_name().unwrap());
            fs::OpenOptions::new().write(true).open(name).unwrap().set_len(left).unwrap();
            if opens(&copy) { opened += 1 } else { refused += 1 }
        }
    }
    eprintln!("the newest log is torn: {refused} refused, {opened} opened");
    assert!(opened > 0);
}

/// Whether what is left opens, as a prefix of the commits; if not, it must be refused as damaged.
fn opens(dir: &Path) -> bool {
    match prefix_in(dir, "logged") {
        Ok(_) => true,
        Err(error) => {
            assert!(error.is_damage(), "{error}");
            false
        }
    }
}

fn logs(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir.join("db")).unwrap().map(|entry| entry.unwrap().path());
    let mut logs: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|it| it == "log")).collect();
    logs.sort();
    logs
}
