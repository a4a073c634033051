//! One `topo run` process: started, asked, killed, started again.

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::System;
use crate::support::scratch::{Guarded, tail};

/// A process with a directory of its own that outlives its kills.
pub(crate) struct Worker {
    name: String,
    command: Vec<String>,
    directory: PathBuf,
    process: Guarded,
    started: Instant,
    ready: bool,
}

impl Worker {
    /// Starts `topo run <application>` with these settings.
    pub(crate) fn start(system: &System, name: &str, application: &str, settings: &[(&str, &str)]) -> Self {
        Self::start_all(system, name, &[application], settings)
    }

    /// Starts `topo run` with several applications in one process.
    pub(crate) fn start_all(
        system: &System,
        name: &str,
        applications: &[&str],
        settings: &[(&str, &str)],
    ) -> Self {
        let directory = system.scratch.path().join(name);
        std::fs::create_dir_all(&directory).unwrap();
        let words = ["run"].iter().chain(applications).chain(&["--state-dir"]);
        let mut command: Vec<String> = words.map(|word| (*word).to_owned()).collect();
        command.push(directory.join("state").display().to_string());
        let common = [
            ("bootstrap.servers", system.kafka.bootstrap()),
            ("postgres.url", system.database_url.as_str()),
            ("http.host", "127.0.0.1"),
            ("session.timeout.ms", "6s"),
            ("heartbeat.interval.ms", "500ms"),
            ("replication.factor", "1"),
        ];
        for (key, value) in common.iter().chain(settings) {
            command.extend(["--set".to_owned(), format!("{key}={value}")]);
        }
        let process = launch(&command, &directory);
        Self { name: name.to_owned(), command, directory, process, started: Instant::now(), ready: false }
    }

    /// What the test calls it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Kills it (SIGKILL) and starts it again at once. Says whether it was ready when it died.
    pub(crate) fn kill_and_restart(&mut self) -> bool {
        self.process.kill9();
        let was_ready = std::mem::replace(&mut self.ready, false);
        self.process = launch(&self.command, &self.directory);
        self.started = Instant::now();
        was_ready
    }

    /// Panics with the end of its log when it has ended by itself.
    #[track_caller]
    pub(crate) fn must_live(&mut self) {
        let log = self.log();
        assert!(!self.process.has_ended(), "{} ended by itself:\n{}", self.name, tail(&log));
    }

    /// How long after its start it became ready; once per start, when it is first seen.
    pub(crate) fn newly_ready(&mut self) -> Option<Duration> {
        if self.ready || !self.health().is_some_and(|answer| answer.starts_with("HTTP/1.1 200")) {
            return None;
        }
        self.ready = true;
        Some(self.started.elapsed())
    }

    /// Waits until it is ready.
    #[track_caller]
    pub(crate) fn await_ready(&mut self, patience: Duration) {
        let deadline = Instant::now() + patience;
        while self.newly_ready().is_none() {
            self.must_live();
            let log = self.log();
            assert!(Instant::now() < deadline, "{} is not ready:\n{}", self.name, tail(&log));
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until it is ready, although it was before.
    #[track_caller]
    pub(crate) fn becomes_ready_again(&mut self, patience: Duration) {
        self.ready = false;
        self.await_ready(patience);
    }

    /// The answer of `/health/ready`, head and body; `None` while it does not listen.
    pub(crate) fn health(&self) -> Option<String> {
        self.get("/health/ready")
    }

    /// The value of a series on `/metrics`, named as it stands there; `None` while there is no such series.
    pub(crate) fn metric(&self, series: &str) -> Option<f64> {
        let page = self.get("/metrics")?;
        page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.trim().parse().ok())
    }

    /// The answer of a path, head and body; `None` while the process does not listen.
    pub(crate) fn get(&self, path: &str) -> Option<String> {
        let said = std::fs::read_to_string(self.directory.join("stdout")).ok()?;
        let address = said.lines().next()?.split_once("http://")?.1.to_owned();
        let mut stream = TcpStream::connect(address).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }

    /// Waits until it ends by itself; its exit code and its log.
    #[track_caller]
    pub(crate) fn must_end(mut self, patience: Duration) -> (Option<i32>, String) {
        let deadline = Instant::now() + patience;
        while !self.process.has_ended() {
            let (health, log) = (self.health(), self.log());
            assert!(Instant::now() < deadline, "{} goes on: {health:?}\n{}", self.name, tail(&log));
            std::thread::sleep(Duration::from_millis(20));
        }
        (self.process.exit_code(), std::fs::read_to_string(self.log()).unwrap())
    }

    /// Sends SIGTERM; it must end within five seconds and with 0. Says how long it took.
    #[track_caller]
    pub(crate) fn must_stop(mut self) -> Duration {
        let from = Instant::now();
        let status: Option<ExitStatus> = self.process.terminate(Duration::from_secs(5));
        let code = status.and_then(|status| status.code());
        assert_eq!(code, Some(0), "{}: {status:?} after SIGTERM:\n{}", self.name, tail(&self.log()));
        from.elapsed()
    }

    /// Everything it has logged, over all its lives.
    pub(crate) fn log(&self) -> PathBuf {
        self.directory.join("log")
    }
}

fn launch(command: &[String], directory: &Path) -> Guarded {
    let log = File::options().create(true).append(true).open(directory.join("log")).unwrap();
    // A new file each time: what an earlier life said on it is not this one's.
    let said = File::create(directory.join("stdout")).unwrap();
    let mut topo = Command::new(env!("CARGO_BIN_EXE_topo"));
    topo.args(command).stdin(Stdio::null()).stdout(said).stderr(log);
    Guarded::start(&mut topo, directory).unwrap()
}
