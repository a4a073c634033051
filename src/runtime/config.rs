//! What a running application is told. A plain structure: the command line maps its settings to it, tests write it by hand.

use std::path::PathBuf;
use std::time::Duration;

use crate::broker::GroupProtocol;
use crate::fault::FaultPolicy;

/// What a commit promises.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Guarantee {
    /// Each input record has exactly one effect on outputs and state.
    #[default]
    ExactlyOnce,
    /// After a crash the records of one commit interval may have their effect twice.
    AtLeastOnce,
}

/// One policy per place where a record can fail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policies {
    /// It cannot be decoded.
    pub deserialization: FaultPolicy,
    /// A processor refuses it.
    pub processing: FaultPolicy,
    /// The broker refuses what became of it.
    pub production: FaultPolicy,
}

/// Settings of one application in one process.
#[derive(Clone, Debug)]
pub struct AppConfig {
    /// Application id: consumer group and prefix of internal topics. Empty = the topology's name.
    pub application: String,
    /// Where stores and the process id are kept; this application gets a directory of its own below it.
    pub state_dir: PathBuf,
    /// Whether stores live in RocksDB below `state_dir`, or in memory (rebuilt from the changelogs at every start).
    pub durable: bool,
    /// Processing threads, at least 1.
    pub workers: usize,
    /// Threads that bring stores up to date, at least 1.
    pub restorers: usize,
    /// What a commit promises.
    pub processing: Guarantee,
    /// Milliseconds between two commits of a worker.
    pub commit_interval_ms: i64,
    /// Records held ready per input partition before its fetching pauses.
    pub buffered_records: usize,
    /// Milliseconds a task with several inputs waits for records of one of which it has none in hand, beyond those that are known to be
    /// on the broker (KIP-695).
    pub max_task_idle_ms: i64,
    /// Records a worker takes from the broker, and from its queues, in one step.
    pub step_records: usize,
    /// Stable name of this process. `None` = the one kept in the state directory, made at the first start.
    pub process_id: Option<String>,
    /// The host, as other processes are told it.
    pub host: String,
    /// Where this process shows its stores, host:port, as others are told it; a loopback address counts on its host only.
    /// `None` = nowhere.
    pub http: Option<String>,
    /// What fails together with this process: a rack, a zone. Empty = the host.
    pub rack: String,
    /// Warm copies of each task's stores on other processes.
    pub standby_replicas: usize,
    /// Changelog bytes that all standbys of a process take in per second; 0 = no limit.
    pub standby_bytes_per_second: u64,
    /// Which group protocol.
    pub group_protocol: GroupProtocol,
    /// A member that is silent for longer loses its tasks (classic protocol only).
    pub session_timeout: Duration,
    /// Pause between heartbeats (classic protocol only). A member hears with one that tasks are to move, so a takeover waits for it.
    pub heartbeat: Duration,
    /// The broker aborts a transaction that stays open longer.
    pub transaction_timeout: Duration,
    /// Bytes for all of RocksDB in this process.
    pub memory_bytes: usize,
    /// Replication factor of topics that are created; -1 takes the broker's default.
    pub replication: i32,
    /// Partitions of output topics that are created; `None` = as many as the main input has.
    pub partitions: Option<i32>,
    /// Topic of dead letters. `None` = `<topology>-dead-letters`.
    pub dead_letter_topic: Option<String>,
    /// What becomes of records that fail.
    pub policies: Policies,
    /// Largest record that is sent, key and value, in bytes.
    pub max_record_bytes: usize,
    /// Whether a clean stop keeps its place in the group for the session timeout (rolling restarts).
    pub keep_place: bool,
    /// Milliseconds after which sources by pattern look again which topics there are.
    pub metadata_max_age_ms: i64,
    /// Milliseconds between two deletions of consumed repartition records and expired changelog records.
    pub purge_interval_ms: i64,
    /// Milliseconds between two announcements of this process in the members topic.
    pub members_heartbeat_ms: i64,
    /// Milliseconds after which a silent process in the members topic counts as gone.
    pub members_expiry_ms: i64,
}

impl Default for AppConfig {
    fn default() -> Self {
        Self {
            application: String::new(),
            state_dir: PathBuf::from("topo-state"),
            durable: true,
            workers: 1,
            restorers: 1,
            processing: Guarantee::ExactlyOnce,
            commit_interval_ms: 100,
            buffered_records: 1_000,
            max_task_idle_ms: 0,
            step_records: 1_000,
            process_id: None,
            host: String::from("localhost"),
            http: None,
            rack: String::new(),
            standby_replicas: 0,
            standby_bytes_per_second: 16 << 20,
            group_protocol: GroupProtocol::Classic,
            session_timeout: Duration::from_secs(10),
            heartbeat: Duration::from_secs(1),
            transaction_timeout: Duration::from_secs(10),
            memory_bytes: 96 << 20,
            replication: -1,
            partitions: None,
            dead_letter_topic: None,
            policies: Policies::default(),
            max_record_bytes: 1_000_000,
            keep_place: false,
            metadata_max_age_ms: 300_000,
            purge_interval_ms: 30_000,
            members_heartbeat_ms: 3_000,
            members_expiry_ms: 12_000,
        }
    }
}
