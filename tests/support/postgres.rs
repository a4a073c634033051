//! A real PostgreSQL for tests: a cluster in a scratch directory on a free port, stopped when it is dropped.
//!
//! `TOPO_TEST_POSTGRES=postgres://...` uses one that runs already.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::scratch::{Scratch, Watchdog, free_port, tail, wait_until};

const BINARIES: &str = "/usr/lib/postgresql/15/bin";
const PATIENCE: Duration = Duration::from_secs(60);

/// A PostgreSQL that a test may use, and, if it is ours, kill and restart.
pub(crate) struct Postgres {
    url: String,
    own: Option<Own>,
    names: AtomicUsize,
}

/// What belongs to a cluster that we started.
struct Own {
    scratch: Scratch,
    port: u16,
    watchdog: Watchdog,
}

impl Postgres {
    /// The PostgreSQL that all tests of this binary share.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Postgres> = OnceLock::new();
        SHARED.get_or_init(|| match std::env::var("TOPO_TEST_POSTGRES") {
            Ok(url) => Postgres { url, own: None, names: AtomicUsize::new(0) },
            Err(_) => Postgres::start(),
        })
    }

    /// Starts a cluster of its own, for tests that kill it.
    pub(crate) fn start() -> Self {
        let scratch = Scratch::new("postgres");
        if is_root() {
            hand_over(scratch.path());
        }
        let line = r#"eval "$1"; rm -rf "$2""#;
        let stop =
            format!("{} -D {}/data -m immediate stop", as_postgres_words("pg_ctl"), scratch.path().display());
        let watchdog = Watchdog::arm(line, &[stop.as_ref(), scratch.path().as_os_str()]);
        let own = Own { scratch, port: free_port(), watchdog };
        own.initialise();
        own.launch();
        let url = format!("postgres://topo@127.0.0.1:{}/postgres", own.port);
        Self { url, own: Some(own), names: AtomicUsize::new(0) }
    }

    /// The address of the default database.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// A name for a schema or a database that no other test of this binary, and no other run, uses.
    pub(crate) fn unique(&self, name: &str) -> String {
        let number = self.names.fetch_add(1, Ordering::Relaxed);
        format!("{name}_{}_{number}", std::process::id())
    }

    /// Ends the server at once; clients lose their connections in mid-transaction.
    pub(crate) fn kill9(&self) {
        self.own().stop("immediate");
    }

    /// Starts it again on its files; ends it first if it runs.
    pub(crate) fn restart(&self) {
        self.own().stop("immediate");
        self.own().launch();
    }

    fn own(&self) -> &Own {
        self.own.as_ref().expect("a server from TOPO_TEST_POSTGRES is not ours to kill: use Postgres::start")
    }
}

impl Own {
    fn data(&self) -> PathBuf {
        self.scratch.path().join("data")
    }

    fn initialise(&self) {
        let mut command = as_postgres("initdb");
        command.arg("-D").arg(self.data());
        command.args(["-U", "topo", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8"]);
        run(&mut command, "initdb");
    }

    fn launch(&self) {
        let log = self.scratch.path().join("postgres.log");
        let options = format!(
            "-p {} -k {} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=50",
            self.port,
            self.scratch.path().display()
        );
        let mut command = as_postgres("pg_ctl");
        // The server outlives pg_ctl: it must not keep our ends of a pipe.
        command.arg("-D").arg(self.data()).arg("-w").arg("-l").arg(&log).args(["-o", &options, "start"]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let status = command.status().expect("pg_ctl must be installed (scripts/setup.sh)");
        assert!(status.success(), "PostgreSQL did not start:\n{}", tail(&log));
        wait_until("PostgreSQL to accept connections", PATIENCE, || {
            let mut ready = as_postgres("pg_isready");
            ready.args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()]);
            ready.status().is_ok_and(|status| status.success())
        });
    }

    fn stop(&self, mode: &str) {
        let mut command = as_postgres("pg_ctl");
        command.arg("-D").arg(self.data()).args(["-m", mode, "-w", "stop"]);
        // A server that is down already is stopped enough.
        let _ = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        self.stop("immediate");
        self.watchdog.disarm();
    }
}

/// The same command as words for a shell.
fn as_postgres_words(program: &str) -> String {
    let prefix = if is_root() { "runuser -u postgres -- " } else { "" };
    format!("{prefix}{BINARIES}/{program}")
}

/// A command of PostgreSQL, which refuses to run as root: then as the user `postgres` that Debian makes.
fn as_postgres(program: &str) -> Command {
    let program = Path::new(BINARIES).join(program);
    assert!(program.exists(), "{} is missing: install postgresql-15 (scripts/setup.sh)", program.display());
    let mut command = if is_root() {
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command.current_dir("/").stdin(Stdio::null());
    command
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

fn hand_over(directory: &Path) {
    run(Command::new("chown").arg("postgres").arg(directory), "chown");
}

fn run(command: &mut Command, name: &str) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{name} cannot run: {error}"));
    assert!(output.status.success(), "{name} failed: {}", String::from_utf8_lossy(&output.stderr));
    output
}
