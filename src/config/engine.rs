//! The engine's settings as one typed value per application, checked against each other.

use super::{ConfigError, Settings};
use std::{collections::BTreeMap, fmt, path::PathBuf, time::Duration};

/// What becomes of a record that went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultPolicy {
    /// It goes to the dead-letter topic, and processing goes on.
    DeadLetter,
    /// The task stops and says why.
    Stop,
    /// It is counted and left out.
    Skip,
}

/// Which protocol places the tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Every broker has it, and it lets us choose the session timeout.
    Classic,
    /// Kafka 4's own; the broker chooses the timeouts.
    Consumer,
}

/// The guarantee of processing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guarantee {
    /// Input offsets, state and output are committed in one transaction.
    ExactlyOnce,
    /// Offsets are committed after everything is written.
    AtLeastOnce,
}

/// Everything the runtime needs to know to run one application.
#[derive(Clone)]
pub struct EngineSettings {
    /// Brokers to start from.
    pub bootstrap_servers: String,
    /// Consumer group and prefix of internal topics.
    pub application_id: String,
    /// Directory of all stores and of the process id.
    pub state_dir: PathBuf,
    /// Processing threads, at least one.
    pub workers: usize,
    /// The guarantee.
    pub guarantee: Guarantee,
    /// Time between two commits of a worker.
    pub commit_interval: Duration,
    /// Classic protocol: silence after which the group gives a member up.
    pub session_timeout: Duration,
    /// Classic protocol: time between two heartbeats.
    pub heartbeat_interval: Duration,
    /// Age at which the broker aborts an open transaction.
    pub transaction_timeout: Duration,
    /// The group protocol.
    pub protocol: Protocol,
    /// Stable name of this process; the one kept in the state directory when absent.
    pub instance_id: Option<String>,
    /// Whether a clean stop keeps its place in the group.
    pub keep_place: bool,
    /// Bytes for all of RocksDB in the process.
    pub memory_bytes: u64,
    /// Replicas of topics that are created; none for the broker's default.
    pub replication_factor: Option<i32>,
    /// Partitions of output topics that are created; none for as many as the main input has.
    pub partitions: Option<i32>,
    /// Records held ready per input partition before its fetching pauses.
    pub buffered_records: usize,
    /// Largest record that is produced, in bytes.
    pub max_record_bytes: usize,
    /// What becomes of a record that cannot be decoded.
    pub on_deserialization: FaultPolicy,
    /// What becomes of a record that a processor refuses.
    pub on_processing: FaultPolicy,
    /// What becomes of a record that the broker refuses.
    pub on_production: FaultPolicy,
    /// Where dead letters go.
    pub dead_letter_topic: String,
    /// librdkafka properties passed through. May hold secrets.
    pub kafka: BTreeMap<String, String>,
}

impl EngineSettings {
    /// The settings of the application `name`; `settings` is best its own view ([`Settings::for_application`]).
    ///
    /// # Errors
    /// [`ConfigError::Conflict`] when two settings cannot hold together, [`ConfigError::Missing`] when one is empty.
    pub fn of(settings: &Settings, name: &str) -> Result<Self, ConfigError> {
        let engine = Self {
            bootstrap_servers: settings.text("bootstrap.servers")?.to_owned(),
            application_id: settings.application_id(name)?.to_owned(),
            state_dir: settings.path("state.dir")?,
            workers: settings.workers()?,
            guarantee: match settings.text("processing")? {
                "at_least_once" => Guarantee::AtLeastOnce,
                _ => Guarantee::ExactlyOnce,
            },
            commit_interval: settings.duration("commit.interval.ms")?,
            session_timeout: settings.duration("session.timeout.ms")?,
            heartbeat_interval: settings.duration("heartbeat.interval.ms")?,
            transaction_timeout: settings.duration("transaction.timeout.ms")?,
            protocol: match settings.text("group.protocol")? {
                "consumer" => Protocol::Consumer,
                _ => Protocol::Classic,
            },
            instance_id: settings.optional("group.instance.id")?.map(str::to_owned),
            keep_place: settings.flag("keep.place")?,
            memory_bytes: settings.size("memory")?,
            replication_factor: positive(settings, "replication.factor")?,
            partitions: positive(settings, "partitions")?,
            buffered_records: usize::try_from(settings.integer("buffered.records.per.partition")?)
                .unwrap_or(usize::MAX),
            max_record_bytes: usize::try_from(settings.size("max.record.bytes")?).unwrap_or(usize::MAX),
            on_deserialization: policy(settings.text("faults.deserialization")?),
            on_processing: policy(settings.text("faults.processing")?),
            on_production: policy(settings.text("faults.production")?),
            dead_letter_topic: settings
                .optional("dead.letter.topic")?
                .map_or_else(|| format!("{name}-dead-letters"), str::to_owned),
            kafka: settings.kafka(),
        };
        engine.check()?;
        Ok(engine)
    }

    fn check(&self) -> Result<(), ConfigError> {
        let shorter = |(short, a): (&str, Duration), (long, b): (&str, Duration), why| {
            let text = format!(
                "`{short}` ({} ms) must be shorter than `{long}` ({} ms): {why}",
                a.as_millis(),
                b.as_millis()
            );
            if a < b { Ok(()) } else { Err(ConfigError::Conflict(text)) }
        };
        if self.protocol == Protocol::Classic {
            let heartbeat = ("heartbeat.interval.ms", self.heartbeat_interval);
            shorter(
                heartbeat,
                ("session.timeout.ms", self.session_timeout),
                "a member must be heard before it is given up",
            )?;
        }
        let commit = ("commit.interval.ms", self.commit_interval);
        shorter(
            commit,
            ("transaction.timeout.ms", self.transaction_timeout),
            "the broker would abort what is being gathered",
        )
    }
}

fn positive(settings: &Settings, key: &str) -> Result<Option<i32>, ConfigError> {
    Ok(i32::try_from(settings.integer(key)?).ok().filter(|n| *n > 0))
}

fn policy(word: &str) -> FaultPolicy {
    match word {
        "stop" => FaultPolicy::Stop,
        "skip" => FaultPolicy::Skip,
        _ => FaultPolicy::DeadLetter,
    }
}

impl fmt::Debug for EngineSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The properties passed through may hold secrets; their names are enough.
        f.debug_struct("EngineSettings")
            .field("application_id", &self.application_id)
            .field("bootstrap_servers", &self.bootstrap_servers)
            .field("state_dir", &self.state_dir)
            .field("workers", &self.workers)
            .field("guarantee", &self.guarantee)
            .field("protocol", &self.protocol)
            .field("kafka", &self.kafka.keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
