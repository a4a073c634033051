//! A real Apache Kafka for tests: one node, or three, in scratch directories on free ports, killed when it is dropped.
//!
//! `TOPO_TEST_KAFKA=host:port` uses one that runs already. `TOPO_KAFKA_JARS` names a directory with the jars;
//! otherwise they lie in the user's cache, where `scripts/kafka.sh` puts them.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use super::acl;
use super::scratch::{Guarded, Scratch, free_port, in_repository, listens, tail, wait_until};

const VERSION: &str = "4.3.1";
const PATIENCE: Duration = Duration::from_secs(60);
/// An id of the right form; every scratch cluster may have the same.
const CLUSTER_ID: &str = "dG9wby10ZXN0LWthZmthLQ";

/// A Kafka that a test may use, and, if it is ours, kill and restart.
pub(crate) struct Kafka {
    bootstrap: String,
    own: Vec<Own>,
    topics: AtomicUsize,
}

/// A second way to a node: it listens on a port of its own and tells its clients to use another one.
#[derive(Clone, Copy)]
pub(crate) struct Detour {
    /// Where the node listens.
    pub(crate) listen: u16,
    /// Where its clients find it.
    pub(crate) advertised: u16,
}

/// What belongs to a node that we started.
struct Own {
    scratch: Scratch,
    jars: PathBuf,
    port: u16,
    process: Mutex<Guarded>,
}

impl Kafka {
    /// The Kafka that all tests of this binary share. Names of topics and groups come from [`Kafka::unique`].
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Kafka> = OnceLock::new();
        SHARED.get_or_init(|| match std::env::var("TOPO_TEST_KAFKA") {
            Ok(bootstrap) => Kafka { bootstrap, own: Vec::new(), topics: AtomicUsize::new(0) },
            Err(_) => Kafka::start(),
        })
    }

    /// Starts a node of its own, for tests that kill it.
    pub(crate) fn start() -> Self {
        Self::start_with(None, &[])
    }

    /// Starts a cluster of three nodes that keep everything three times: one of them may be killed at work.
    pub(crate) fn start_three() -> Self {
        let kept = [
            "default.replication.factor=3",
            "min.insync.replicas=2",
            "offsets.topic.replication.factor=3",
            "transaction.state.log.replication.factor=3",
            "transaction.state.log.min.isr=2",
        ];
        Self::start_nodes(3, None, &kept)
    }

    /// Starts a node that can also be reached by way of a detour: whoever begins there is led on by it alone.
    pub(crate) fn start_behind(detour: Detour) -> Self {
        Self::start_with(Some(detour), &[])
    }

    /// Starts a node that asks an authorizer. Everybody may do everything until [`Kafka::deny`] says otherwise.
    pub(crate) fn start_with_rights() -> Self {
        Self::start_with(
            None,
            &[
                "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
                "allow.everyone.if.no.acl.found=true",
            ],
        )
    }

    /// Takes one right from every client: an operation on a resource. It keeps all others.
    pub(crate) fn deny(&self, resource: acl::Resource, name: &str, operation: acl::Operation) {
        acl::deny(&self.bootstrap, resource, name, operation);
    }

    fn start_with(detour: Option<Detour>, more: &[&str]) -> Self {
        Self::start_nodes(1, detour, more)
    }

    /// The last word on a setting is `more`'s.
    fn start_nodes(count: usize, detour: Option<Detour>, more: &[&str]) -> Self {
        let jars = jars();
        let ports: Vec<(u16, u16)> = (0..count).map(|_| (free_port(), free_port())).collect();
        let voters: Vec<String> =
            (1..).zip(&ports).map(|(id, (_, controller))| format!("{id}@127.0.0.1:{controller}")).collect();
        let own: Vec<Own> = (1..)
            .zip(&ports)
            .map(|(id, ports)| {
                let scratch = Scratch::new("kafka");
                let text = properties(scratch.path(), id, *ports, &voters.join(","), detour);
                let text = text + &more.join("\n") + "\n";
                std::fs::write(scratch.path().join("server.properties"), text)
                    .expect("writing server.properties");
                format_storage(&jars, scratch.path());
                let process = Mutex::new(launch(&jars, scratch.path()));
                Own { scratch, jars: jars.clone(), port: ports.0, process }
            })
            .collect();
        own.iter().for_each(Own::wait_until_up);
        let bootstrap: Vec<String> = ports.iter().map(|(port, _)| format!("127.0.0.1:{port}")).collect();
        Self { bootstrap: bootstrap.join(","), own, topics: AtomicUsize::new(0) }
    }

    /// `host:port` of every node.
    pub(crate) fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// How many nodes of it a test may kill.
    pub(crate) fn nodes(&self) -> usize {
        self.own.len()
    }

    /// How often a topic's records are to be kept.
    pub(crate) fn replication(&self) -> i32 {
        if self.own.len() < 3 { 1 } else { 3 }
    }

    /// A name that no other test of this binary, and no other run, uses.
    pub(crate) fn unique(&self, name: &str) -> String {
        let number = self.topics.fetch_add(1, Ordering::Relaxed);
        format!("{name}-{}-{number}", std::process::id())
    }

    /// Kills the node at once, as a power button would; its files stay.
    pub(crate) fn kill9(&self) {
        self.kill9_node(0);
    }

    /// The same for one of several.
    pub(crate) fn kill9_node(&self, node: usize) {
        self.own(node).process.lock().expect("the process").kill9();
    }

    /// Starts the node again on its files; kills it first if it runs.
    pub(crate) fn restart(&self) {
        self.restart_node(0);
    }

    /// The same for one of several.
    pub(crate) fn restart_node(&self, node: usize) {
        let own = self.own(node);
        let mut process = own.process.lock().expect("the process");
        process.kill9();
        *process = launch(&own.jars, own.scratch.path());
        drop(process);
        own.wait_until_up();
    }

    /// What the nodes have logged that contains this.
    pub(crate) fn logged(&self, words: &str) -> Vec<String> {
        let log =
            |own: &Own| std::fs::read_to_string(own.scratch.path().join("kafka.log")).unwrap_or_default();
        let lines = |text: String| {
            let found = text.lines().filter(|line| line.contains(words)).map(str::to_owned);
            found.collect::<Vec<_>>()
        };
        self.own.iter().map(log).flat_map(lines).collect()
    }

    fn own(&self, node: usize) -> &Own {
        self.own.get(node).expect("a Kafka from TOPO_TEST_KAFKA is not ours to kill: use Kafka::start")
    }
}

impl Own {
    fn wait_until_up(&self) {
        let log = self.scratch.path().join("kafka.log");
        wait_until("Kafka to listen", PATIENCE, || {
            let mut process = self.process.lock().expect("the process");
            assert!(!process.has_ended(), "Kafka ended by itself:\n{}", tail(&log));
            listens(self.port)
        });
    }
}

fn format_storage(jars: &Path, scratch: &Path) {
    let format = java(jars, scratch)
        .args(["kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c"])
        .arg(scratch.join("server.properties"))
        .output()
        .expect("java must be installed (scripts/setup.sh)");
    assert!(format.status.success(), "formatting failed: {}", String::from_utf8_lossy(&format.stderr));
}

fn launch(jars: &Path, scratch: &Path) -> Guarded {
    let log = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(scratch.join("kafka.log"))
        .expect("the log");
    let errors = log.try_clone().expect("the log");
    let mut command = java(jars, scratch);
    command.arg("kafka.Kafka").arg(scratch.join("server.properties")).stdout(log).stderr(errors);
    Guarded::start(&mut command, scratch).expect("java must be installed (scripts/setup.sh)")
}

/// A Java that finds the classes of a directory and Kafka's; it works there.
pub(crate) fn java(jars: &Path, scratch: &Path) -> Command {
    let mut command = Command::new("java");
    command
        .args([
            "-Xmx512m",
            "-XX:TieredStopAtLevel=1",
            "-XX:+UseSerialGC",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            // It says here when it leaves a transaction without markers.
            "-Dorg.slf4j.simpleLogger.log.kafka.coordinator.transaction.TransactionMarkerChannelManager=info",
        ])
        .arg("-cp")
        .arg(class_path(jars, scratch))
        .current_dir(scratch)
        .stdin(Stdio::null());
    command
}

/// The classes below a directory, and all jars of another.
pub(crate) fn class_path(jars: &Path, classes: &Path) -> String {
    format!("{}:{}", classes.display(), jars.join("*").display())
}

/// A node that is broker and controller. Records stamped in the past stay, groups settle at once.
fn properties(
    scratch: &Path,
    id: usize,
    (port, controller): (u16, u16),
    voters: &str,
    detour: Option<Detour>,
) -> String {
    let logs = scratch.join("logs");
    let second = |port: fn(&Detour) -> u16| {
        detour.as_ref().map_or_else(String::new, |detour| format!(",DETOUR://127.0.0.1:{}", port(detour)))
    };
    let (listen, advertised) = (second(|detour| detour.listen), second(|detour| detour.advertised));
    let lines = [
        "process.roles=broker,controller".to_owned(),
        format!("node.id={id}"),
        format!("controller.quorum.voters={voters}"),
        format!("listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}{listen}"),
        format!("advertised.listeners=PLAINTEXT://127.0.0.1:{port}{advertised}"),
        "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,DETOUR:PLAINTEXT".to_owned(),
        "controller.listener.names=CONTROLLER".to_owned(),
        "inter.broker.listener.name=PLAINTEXT".to_owned(),
        format!("log.dirs={}", logs.display()),
        "offsets.topic.replication.factor=1".to_owned(),
        "offsets.topic.num.partitions=5".to_owned(),
        "transaction.state.log.replication.factor=1".to_owned(),
        "transaction.state.log.num.partitions=5".to_owned(),
        "transaction.state.log.min.isr=1".to_owned(),
        "transaction.abort.timed.out.transaction.cleanup.interval.ms=500".to_owned(),
        "group.initial.rebalance.delay.ms=0".to_owned(),
        "group.min.session.timeout.ms=1000".to_owned(),
        "group.consumer.min.heartbeat.interval.ms=500".to_owned(),
        "group.consumer.heartbeat.interval.ms=500".to_owned(),
        "group.consumer.min.session.timeout.ms=5000".to_owned(),
        "group.consumer.session.timeout.ms=6000".to_owned(),
        "auto.create.topics.enable=false".to_owned(),
        "log.retention.ms=-1".to_owned(),
        "log.retention.check.interval.ms=1000".to_owned(),
        "log.cleaner.dedupe.buffer.size=16777216".to_owned(),
        // Compaction at every chance: what must not depend on it shows at once.
        "log.cleaner.backoff.ms=1000".to_owned(),
    ];
    lines.join("\n") + "\n"
}

/// The directory with the jars of Kafka and of Kafka Streams; fetches them when they are nowhere.
pub(crate) fn jars() -> PathBuf {
    let home = || PathBuf::from(std::env::var_os("HOME").expect("HOME"));
    let named = std::env::var_os("TOPO_KAFKA_JARS").map(PathBuf::from);
    let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(|| home().join(".cache"), PathBuf::from);
    let directory = named.unwrap_or_else(|| cache.join(format!("topo/kafka-{VERSION}")));
    if ["kafka_2.13", "kafka-streams"]
        .iter()
        .all(|jar| directory.join(format!("{jar}-{VERSION}.jar")).exists())
    {
        return directory;
    }
    let script = in_repository("scripts/kafka.sh");
    let script = script.unwrap_or_else(|| panic!("no jars of Kafka {VERSION} in {}", directory.display()));
    let fetched = Command::new(&script).stderr(Stdio::inherit()).output().expect("scripts/kafka.sh");
    assert!(fetched.status.success(), "{} could not fetch Kafka", script.display());
    PathBuf::from(String::from_utf8_lossy(&fetched.stdout).trim())
}
