//! The disk fills up while state is written. The process ends with a clear error, and goes on right once there is room.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::flow::{Flow, PATIENCE};
use crate::form::{chance, pick};
use crate::support::scratch::Watchdog;
use crate::system::{System, Worker};

/// Exit code of trouble with the state directory.
const STATE: i32 = 4;

#[test]
fn a_full_disk_ends_the_process_with_a_clear_error_and_the_next_start_goes_on() {
    let (_, seed) = chance("disk");
    let mut flow = Flow::payments(System::shared("disk"), seed);
    let disk = Disk::new(&flow.system.scratch.path().join("disk"));
    // Little memory, so that tables are written all the time.
    let settings = [("memory", "2MiB")];
    let state = flow.system.scratch.path().join("disk/state");
    let worker = Worker::start_in(&flow.system, "velocity-0", &[flow.runnable], &state, &settings);
    flow.workers.push(worker);
    flow.workers[0].await_ready(PATIENCE);
    for _ in 0..pick(1, 5) {
        flow.pump_for(Duration::from_secs(2));
        let said = flow.workers[0].logged().len();
        disk.fill(&mut flow.workers[0]);
        flow.at_rate(2_000.0);
        let mut code = None;
        flow.pump_until("the process to end", PATIENCE, |flow| {
            code = flow.workers[0].has_ended();
            code.is_some()
        });
        assert_eq!(code, Some(STATE), "{}", flow.workers[0].logged());
        let log = flow.workers[0].logged()[said..].to_owned();
        let last = log.lines().last().unwrap_or_default();
        assert!(disk.is_named_in(last), "it says what and where: {last}");
        assert!(last.contains(&*state.to_string_lossy()), "it says what and where: {last}");
        eprintln!("disk full: {last}");

        disk.free(&mut flow.workers[0]);
        flow.workers[0].start_again();
        flow.workers[0].await_ready(PATIENCE);
        flow.at_rate(300.0);
    }
    flow.pump_for(Duration::from_secs(1));
    flow.end_right();
}

/// A small disk of our own, or, where that cannot be made, a limit on the length of files.
struct Disk {
    mount: Option<(PathBuf, Watchdog)>,
}

impl Disk {
    fn new(dir: &Path) -> Self {
        fs::create_dir_all(dir).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=768m", "topo-crash"]).arg(dir);
        let mounted = mount.output().is_ok_and(|output| output.status.success());
        if !mounted {
            eprintln!("no disk can be mounted here: files are limited in length instead");
            return Self { mount: None };
        }
        let watchdog = Watchdog::arm(r#"umount -l "$1""#, &[dir.as_os_str()]);
        Self { mount: Some((dir.to_owned(), watchdog)) }
    }

    /// No more room from now on.
    fn fill(&self, worker: &mut Worker) {
        let Some((dir, _)) = &self.mount else {
            worker.kill();
            worker.limit(Some("trap '' XFSZ; ulimit -f 256"));
            worker.start_again();
            return;
        };
        let mut ballast = File::create(dir.join("ballast")).unwrap();
        for piece in [1 << 20, 1 << 10] {
            let piece = vec![0_u8; piece];
            while ballast.write_all(&piece).is_ok() {}
        }
    }

    /// Room again.
    fn free(&self, worker: &mut Worker) {
        match &self.mount {
            Some((dir, _)) => fs::remove_file(dir.join("ballast")).unwrap(),
            None => worker.limit(None),
        }
    }

    fn is_named_in(&self, message: &str) -> bool {
        let words = if self.mount.is_some() { "No space left on device" } else { "File too large" };
        message.contains(words)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if let Some((dir, watchdog)) = &mut self.mount {
            // Lazily: whoever still has a file open keeps it until it ends.
            let _ = Command::new("umount").arg("-l").arg(dir).status();
            watchdog.disarm();
        }
    }
}
