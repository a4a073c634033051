//! The power goes. What was not synced may be missing: the directory is copied at a random moment of the work, and the
//! end of its write-ahead logs is cut off, or torn, at random lengths. Each copy must open, and hold exactly what the
//! committed changelog says up to the copy's own checkpoint; a process that starts on it replays the rest.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rand::Rng;
use rand::rngs::StdRng;

use crate::flow::{Flow, PATIENCE};
use crate::form::{chance, pick};
use crate::states::{self, Checked};
use crate::system::System;

/// What a cut of the power leaves of a log's end.
#[derive(Clone, Copy, Debug)]
enum Loss {
    /// All of it: as after a crash of the process alone.
    Nothing,
    /// A part is missing.
    Cut,
    /// A part is there in length only: its pages were not written.
    Torn,
}

#[test]
fn a_store_opens_after_a_power_loss_and_is_a_prefix_of_its_changelog() {
    let (mut rng, seed) = chance("power");
    let mut flow = Flow::payments(System::shared("power"), seed);
    // Some copies lie behind a flush.
    flow.start_ready(1, &[("memory", "8MiB")]);
    flow.at_rate(600.0);
    let mut copies = Vec::new();
    for number in 0..pick(6, 40) {
        flow.pump_for(Duration::from_millis(rng.random_range(200..900)));
        let copy = flow.system.scratch.path().join(format!("copy-{number}"));
        // Stopped for a moment, all files are of one moment.
        flow.workers[0].signal("STOP");
        copy_all(&flow.workers[0].state(), &copy);
        flow.workers[0].signal("CONT");
        copies.push((copy, [Loss::Nothing, Loss::Cut, Loss::Torn][number % 3]));
    }
    let mut last = None;
    for (copy, loss) in &copies {
        let lost = lose(&flow, copy, *loss, &mut rng);
        // The last one is kept as it is: a process starts on it.
        let kept = copy.with_extension("kept");
        copy_all(copy, &kept);
        let Checked { stores, rows, tail } = states::check(&flow.system, flow.runnable, copy);
        assert!(stores > 0);
        eprintln!(
            "{loss:?}, {lost} bytes of logs: {rows} rows of {stores} stores are right, {tail} records to replay"
        );
        last = Some(kept);
    }

    flow.workers[0].kill();
    let state = flow.workers[0].state();
    fs::remove_dir_all(&state).unwrap();
    copy_all(&last.unwrap(), &state);
    flow.workers[0].start_again();
    flow.workers[0].await_ready(PATIENCE);
    let restored = flow.workers[0].total("topo_restored_records_total");
    assert!(restored > 0.0, "the tail is replayed");
    eprintln!("started on the last copy: {restored} records replayed");
    flow.pump_for(Duration::from_secs(1));
    flow.end_right();
}

/// Takes from the newest log of every task what the power cut takes. Returns how much that was.
fn lose(flow: &Flow, copy: &Path, loss: Loss, rng: &mut StdRng) -> u64 {
    let mut lost = 0;
    for task in states::tasks(&flow.system, flow.runnable, copy) {
        let files = fs::read_dir(task.join("db")).unwrap().flatten().map(|entry| entry.path());
        let log: Option<PathBuf> = files.filter(|path| path.extension().is_some_and(|it| it == "log")).max();
        let Some(log) = log else { continue };
        let file = OpenOptions::new().write(true).open(&log).unwrap();
        let length = file.metadata().unwrap().len();
        let from = rng.random_range(0..=length);
        match loss {
            Loss::Nothing => continue,
            Loss::Cut => file.set_len(from).unwrap(),
            Loss::Torn => file.write_all_at(&vec![0; usize::try_from(length - from).unwrap()], from).unwrap(),
        }
        lost += length - from;
    }
    lost
}

fn copy_all(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_all(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
