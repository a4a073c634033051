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
    runnables: Vec<String>,
    /// What `topo` is told about them.
    settings: Vec<String>,
    state: PathBuf,
    /// Shell before the command itself: limits of the process.
    prelude: Option<String>,
    directory: PathBuf,
    process: Guarded,
    started: Instant,
    ready: bool,
    /// Killed or ended on purpose.
    down: bool,
}

impl Worker {
    /// Starts `topo run <runnable>` with these settings.
    pub(crate) fn start(system: &System, name: &str, runnable: &str, settings: &[(&str, &str)]) -> Self {
        Self::start_all(system, name, &[runnable], settings)
    }

    /// Starts `topo run` with several applications in one process.
    pub(crate) fn start_all(
        system: &System,
        name: &str,
        runnables: &[&str],
        settings: &[(&str, &str)],
    ) -> Self {
        let state = system.scratch.path().join(name).join("state");
        Self::start_in(system, name, runnables, &state, settings)
    }

    /// The same with its state in this directory. Names with a tag are for one application.
    pub(crate) fn start_in(
        system: &System,
        name: &str,
        runnables: &[&str],
        state: &Path,
        settings: &[(&str, &str)],
    ) -> Self {
        let directory = system.scratch.path().join(name);
        std::fs::create_dir_all(&directory).unwrap();
        let mut told = vec!["--state-dir".to_owned(), state.display().to_string()];
        let replication = system.kafka.replication().to_string();
        let common = [
            ("bootstrap.servers", system.kafka.bootstrap()),
            ("postgres.url", system.database_url.as_str()),
            ("http.host", "127.0.0.1"),
            ("session.timeout.ms", "6s"),
            ("heartbeat.interval.ms", "500ms"),
            ("replication.factor", replication.as_str()),
        ];
        let names = runnables.iter().flat_map(|runnable| system.names.settings(runnable));
        let names: Vec<(&str, String)> = names.collect();
        let names = names.iter().map(|(key, value)| (*key, value.as_str()));
        for (key, value) in common.into_iter().chain(names).chain(settings.iter().copied()) {
            told.extend(["--set".to_owned(), format!("{key}={value}")]);
        }
        let runnables: Vec<String> = runnables.iter().map(|runnable| (*runnable).to_owned()).collect();
        let process = launch(None, &runnables, &told, &directory);
        Self {
            name: name.to_owned(),
            runnables,
            settings: told,
            state: state.to_owned(),
            prelude: None,
            directory,
            process,
            started: Instant::now(),
            ready: false,
            down: false,
        }
    }

    /// What the test calls it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Kills it (SIGKILL) and starts it again at once. Says whether it was ready when it died.
    pub(crate) fn kill_and_restart(&mut self) -> bool {
        let was_ready = self.kill();
        self.start_again();
        was_ready
    }

    /// Kills it (SIGKILL). Says whether it was ready when it died.
    pub(crate) fn kill(&mut self) -> bool {
        self.process.kill9();
        self.down = true;
        std::mem::replace(&mut self.ready, false)
    }

    /// Starts it again, as it was started at first.
    pub(crate) fn start_again(&mut self) {
        self.process = launch(self.prelude.as_deref(), &self.runnables, &self.settings, &self.directory);
        self.started = Instant::now();
        (self.ready, self.down) = (false, false);
    }

    /// Sends it a signal, by name.
    pub(crate) fn signal(&self, name: &str) {
        self.process.signal(name);
    }

    /// Whether it was killed or has ended, and that was wanted.
    pub(crate) fn is_down(&self) -> bool {
        self.down
    }

    /// Kills it (SIGKILL) for good. Says when.
    pub(crate) fn kill_for_good(mut self) -> Instant {
        self.process.kill9();
        Instant::now()
    }

    /// When it was started last.
    pub(crate) fn started(&self) -> Instant {
        self.started
    }

    /// Panics with the end of its log when it has ended by itself.
    #[track_caller]
    pub(crate) fn must_live(&mut self) {
        if self.down {
            return;
        }
        let log = self.log();
        assert!(!self.process.has_ended(), "{} ended by itself:\n{}", self.name, tail(&log));
    }

    /// Its exit code, if it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> Option<i32> {
        let status = self.process.ended()?;
        self.down = true;
        Some(status.code().unwrap_or_else(|| panic!("{} ended by {status}", self.name)))
    }

    /// Sets limits for its next start, in a line of shell.
    pub(crate) fn limit(&mut self, prelude: Option<&str>) {
        self.prelude = prelude.map(str::to_owned);
    }

    /// Waits until it ends by itself; its exit code.
    #[track_caller]
    pub(crate) fn ends(&mut self, patience: Duration) -> i32 {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(code) = self.has_ended() {
                return code;
            }
            assert!(Instant::now() < deadline, "{} has not ended:\n{}", self.name, tail(&self.log()));
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// How long after its start it became ready; once per start, when it is first seen.
    pub(crate) fn newly_ready(&mut self) -> Option<Duration> {
        if self.ready || self.down || !self.is_ready() {
            return None;
        }
        self.ready = true;
        Some(self.started.elapsed())
    }

    /// Whether it says that it is ready.
    pub(crate) fn is_ready(&self) -> bool {
        self.health().is_some_and(|answer| answer.starts_with("HTTP/1.1 200"))
    }

    /// Waits until it is ready. Says how long after its start that was.
    #[track_caller]
    pub(crate) fn await_ready(&mut self, patience: Duration) -> Duration {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(took) = self.newly_ready() {
                return took;
            }
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

    /// The sum of a metric's series; 0 while there is none.
    pub(crate) fn total(&self, name: &str) -> f64 {
        self.total_of(name, "")
    }

    /// The sum of those of a metric's series whose labels contain this.
    pub(crate) fn total_of(&self, name: &str, label: &str) -> f64 {
        let page = self.get("/metrics").unwrap_or_default();
        let ours = |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']));
        let series = page.lines().filter(ours).filter(|line| line.contains(label));
        series.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
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

    /// Runs another command of `topo` on the same application with the same settings.
    pub(crate) fn command(&self, command: &str, more: &[&str]) -> std::process::Output {
        let mut topo = Command::new(env!("CARGO_BIN_EXE_topo"));
        topo.arg(command).args(&self.runnables).args(&self.settings).args(more).stdin(Stdio::null());
        topo.output().unwrap()
    }

    /// Waits until it ends by itself; its exit code and its log.
    #[track_caller]
    pub(crate) fn must_end(mut self, patience: Duration) -> (Option<i32>, String) {
        (Some(self.ends(patience)), self.logged())
    }

    /// Sends SIGTERM; it must end within five seconds and with 0. Says how long it took.
    #[track_caller]
    pub(crate) fn must_stop(mut self) -> Duration {
        self.stop()
    }

    /// The same, and it can be started again.
    #[track_caller]
    pub(crate) fn stop(&mut self) -> Duration {
        let from = Instant::now();
        let status: Option<ExitStatus> = self.process.terminate(Duration::from_secs(5));
        let code = status.and_then(|status| status.code());
        assert_eq!(code, Some(0), "{}: {status:?} after SIGTERM:\n{}", self.name, tail(&self.log()));
        (self.ready, self.down) = (false, true);
        from.elapsed()
    }

    /// The file with everything it has logged, over all its lives.
    pub(crate) fn log(&self) -> PathBuf {
        self.directory.join("log")
    }

    /// What it has logged so far.
    pub(crate) fn logged(&self) -> String {
        std::fs::read_to_string(self.log()).unwrap_or_default()
    }

    /// Waits until it has logged this, from the byte `since` on.
    #[track_caller]
    pub(crate) fn must_say(&self, words: &str, since: usize, patience: Duration) {
        let deadline = Instant::now() + patience;
        while !self.logged()[since..].contains(words) {
            assert!(
                Instant::now() < deadline,
                "{} has not said {words:?}:\n{}",
                self.name,
                tail(&self.log())
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Where its state lies.
    pub(crate) fn state(&self) -> PathBuf {
        self.state.clone()
    }

    /// Its resident memory in bytes.
    pub(crate) fn resident(&self) -> u64 {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().split(' ').next()?.parse::<u64>().ok());
        kib.unwrap_or(0) * 1024
    }
}

fn launch(prelude: Option<&str>, runnables: &[String], settings: &[String], directory: &Path) -> Guarded {
    let log = File::options().create(true).append(true).open(directory.join("log")).unwrap();
    // A new file each time: what an earlier life said on it is not this one's.
    let said = File::create(directory.join("stdout")).unwrap();
    let binary = env!("CARGO_BIN_EXE_topo");
    let mut topo = match prelude {
        None => Command::new(binary),
        Some(prelude) => {
            let mut shell = Command::new("sh");
            shell.arg("-c").arg(format!("{prelude}; exec \"$@\"")).args(["sh", binary]);
            shell
        }
    };
    topo.arg("run")
        .args(runnables)
        .args(settings)
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .stdout(said)
        .stderr(log);
    Guarded::start(&mut topo, directory).unwrap()
}
