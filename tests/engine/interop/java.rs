//! The Java side: the program in tests/interop, compiled once per test binary, and its processes.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use crate::support::kafka::{class_path, jars, java};
use crate::support::scratch::{Guarded, Scratch, in_repository, tail, wait_until};

const PATIENCE: Duration = Duration::from_secs(90);

/// The compiled classes.
fn classes() -> &'static Path {
    static CLASSES: OnceLock<Scratch> = OnceLock::new();
    CLASSES
        .get_or_init(|| {
            let scratch = Scratch::new("interop-classes");
            let compiled = Command::new("javac")
                .args(["-nowarn", "-cp", &class_path(&jars(), scratch.path()), "-d"])
                .arg(scratch.path())
                .arg(in_repository("tests/interop/Interop.java").expect("the program"))
                .output()
                .expect("javac must be installed (scripts/setup.sh)");
            assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
            scratch
        })
        .path()
}

/// The partitions that Kafka's Java producer chooses for these keys.
pub(super) fn partitions(keys: &[Vec<u8>], count: i32) -> Vec<i32> {
    let mut asked = java(&jars(), classes())
        .args(["Interop", "partitions", &count.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("java must be installed (scripts/setup.sh)");
    let mut questions = asked.stdin.take().unwrap();
    let lines: String = keys
        .iter()
        .map(|key| key.iter().map(|byte| format!("{byte:02x}")).collect::<String>() + "\n")
        .collect();
    let writer = std::thread::spawn(move || questions.write_all(lines.as_bytes()).unwrap());
    let answers = asked.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(answers.status.success());
    String::from_utf8(answers.stdout).unwrap().lines().map(|line| line.parse().unwrap()).collect()
}

/// A running Kafka Streams application.
pub(super) struct Java {
    process: Guarded,
    log: PathBuf,
    _state: Scratch,
}

impl Java {
    /// Starts one with an empty state directory, and waits until it runs. `topology` is one of the program's.
    pub(super) fn start(topology: &str, bootstrap: &str, application: &str) -> Self {
        let state = Scratch::new("interop-java");
        let log = state.path().join("java.log");
        let out = std::fs::File::create(&log).unwrap();
        let errors = out.try_clone().unwrap();
        let mut command = java(&jars(), classes());
        command
            .args(["Interop", topology, bootstrap, application])
            .arg(state.path())
            .stdout(out)
            .stderr(errors);
        let process = Guarded::start(&mut command, state.path()).unwrap();
        let mut java = Self { process, log, _state: state };
        wait_until("Kafka Streams to run", PATIENCE, || {
            java.assert_alive();
            java.has_said("state RUNNING")
        });
        java
    }

    fn has_said(&self, line: &str) -> bool {
        std::fs::read_to_string(&self.log).unwrap().lines().any(|said| said == line)
    }

    /// Panics with the end of its log when it has ended by itself.
    pub(super) fn assert_alive(&mut self) {
        let failed = self.process.has_ended() || self.has_said("state ERROR");
        assert!(!failed, "Kafka Streams has ended by itself:\n{}", tail(&self.log));
    }

    /// Ends it cleanly: it commits and leaves the group.
    pub(super) fn stop(mut self) {
        assert!(self.process.terminate(PATIENCE).is_some(), "still alive:\n{}", tail(&self.log));
        assert!(self.has_said("closed true"), "not closed cleanly:\n{}", tail(&self.log));
    }

    /// Kills it at once: its group waits for it until its session is over.
    pub(super) fn kill9(mut self) {
        self.process.kill9();
    }
}
