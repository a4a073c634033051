//! Scratch directories, free ports, child processes that die with their owner, and waiting with a deadline.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::chance::moment;

/// A directory that is removed when it is dropped. With `TOPO_TEST_KEEP` set, that of a test that fails stays.
pub(crate) struct Scratch(tempfile::TempDir);

impl Scratch {
    /// Makes an empty directory whose name begins with `topo-<name>-`.
    pub(crate) fn new(name: &str) -> Self {
        let directory = tempfile::Builder::new().prefix(&format!("topo-{name}-")).tempdir();
        Self(directory.expect("the temporary directory must be writable"))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if std::thread::panicking() && std::env::var_os("TOPO_TEST_KEEP").is_some() {
            self.0.disable_cleanup(true);
        }
    }
}

/// A port that nobody listens on at this moment. It lies below those that systems give to outgoing connections: one of these
/// might take it before its server does, or while that is restarted.
pub(crate) fn free_port() -> u16 {
    static FIRST: OnceLock<u64> = OnceLock::new();
    static TURN: AtomicU64 = AtomicU64::new(0);
    loop {
        // Another one each time, and from another place in each process.
        let turn = FIRST.get_or_init(moment) + TURN.fetch_add(1, Ordering::Relaxed);
        let port = u16::try_from(15_000 + turn % 17_000).expect("below 32,000");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// Whether something listens on this port of the loopback.
pub(crate) fn listens(port: u16) -> bool {
    TcpStream::connect_timeout(&SocketAddr::from(([127, 0, 0, 1], port)), Duration::from_millis(200)).is_ok()
}

/// Waits until `done`; panics with `what` after `patience`.
pub(crate) fn wait_until(what: &str, patience: Duration, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + patience;
    while !done() {
        assert!(Instant::now() < deadline, "waited {patience:?} in vain for: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The first ancestor of the package's directory that holds this path: the tests of every package start there.
pub(crate) fn in_repository(relative: &str) -> Option<PathBuf> {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|it| it.join(relative)).find(|it| it.exists())
}

/// Runs a line of shell when this process is gone, however it went: shared services live in statics, which are never
/// dropped, and a test process may be killed itself.
pub(crate) struct Watchdog(Child);

impl Watchdog {
    /// Arms it; the line finds its arguments in `$1`, `$2`, ...
    pub(crate) fn arm(line: &str, arguments: &[&OsStr]) -> Self {
        // It reads until its owner's end of the pipe is closed; a line on it means that all is well.
        let script = format!("read -r _ || {{ {line}; }}");
        let mut command = Command::new("sh");
        command.arg("-c").arg(script).arg("watchdog").args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        Self(command.spawn().expect("sh must run"))
    }

    /// Sends it away.
    pub(crate) fn disarm(&mut self) {
        if let Some(mut pipe) = self.0.stdin.take() {
            // If it is gone already it needs no word.
            let _ = pipe.write_all(b"\n");
        }
        let _ = self.0.wait();
    }
}

/// A child process that is killed when it is dropped, and when this process ends without dropping it.
pub(crate) struct Guarded {
    child: Child,
    watchdog: Watchdog,
}

impl Guarded {
    /// Starts a command that works in `directory`; the directory goes with an orphan.
    pub(crate) fn start(command: &mut Command, directory: &Path) -> std::io::Result<Self> {
        let child = command.spawn()?;
        let id = child.id().to_string();
        // A dying process may still write for a moment.
        let line = r#"kill -9 "$1"; rm -rf "$2" || { sleep 1; rm -rf "$2"; }"#;
        Ok(Self { child, watchdog: Watchdog::arm(line, &[OsStr::new(&id), directory.as_os_str()]) })
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// How it has ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be waited for")
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal, by name.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("sh").args(["-c", &format!("kill -{name} {}", self.child.id())]).status();
        assert!(sent.is_ok_and(|sent| sent.success()), "the process has ended before it was sent SIG{name}");
    }

    /// Asks it to end (SIGTERM) and waits for that; `None` when it still runs after `patience`.
    pub(crate) fn terminate(&mut self, patience: Duration) -> Option<ExitStatus> {
        self.signal("TERM");
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            if let Some(status) = self.ended() {
                return Some(status);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        None
    }

    /// Kills it at once (SIGKILL) and waits for its end.
    pub(crate) fn kill9(&mut self) {
        // A process that has ended already cannot be killed, and need not be.
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.watchdog.disarm();
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        self.kill9();
    }
}

/// The end of a log file, for the message of a failure.
pub(crate) fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(80)..].join("\n")
}
