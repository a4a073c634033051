//! What every part of a running application knows from its start.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use topo_state::{Identity, MemoryBudget, MemoryDisk, Place};

use super::config::AppConfig;
use super::error::Error;
use super::held::Held;
use super::observer::{Event, Observer, TaskId};
use super::plan::Plan;
use crate::broker::{Broker, ConsumerConfig, Isolation, ProducerConfig, Watermarks};
use crate::graph::{Naming, Topology};
use crate::record::Partition;
use crate::task::TaskConfig;

/// Shared by the coordinator, the workers and the restorer of one application in one process.
pub(crate) struct Shared {
    pub(crate) topology: Topology,
    pub(crate) naming: Naming,
    pub(crate) config: AppConfig,
    pub(crate) process_id: String,
    /// Name of the state directory.
    pub(crate) home: String,
    /// Name of this start of the process.
    pub(crate) life: String,
    /// This application's own directory below the state directory.
    pub(crate) dir: PathBuf,
    /// One budget for every RocksDB of the process.
    pub(crate) memory: MemoryBudget,
    /// Where stores live instead of below `dir`, in a simulation.
    pub(crate) disk: Option<MemoryDisk>,
    pub(crate) broker: Arc<dyn Broker>,
    pub(crate) observer: Arc<dyn Observer>,
    /// For those who look in from outside.
    pub(crate) held: Arc<Held>,
    /// Set while the program around it wants nothing processed.
    pub(crate) paused: AtomicBool,
}

impl Shared {
    /// Whether nothing is to be processed for now.
    pub(crate) fn is_paused(&self) -> bool {
        self.paused.load(Ordering::Relaxed)
    }

    /// The application's id.
    pub(crate) fn application(&self) -> &str {
        &self.naming.application
    }

    /// Topic of dead letters.
    pub(crate) fn dead_letter_topic(&self) -> Arc<str> {
        match &self.config.dead_letter_topic {
            Some(topic) => topic.as_str().into(),
            None => format!("{}-dead-letters", self.topology.name).into(),
        }
    }

    /// Who gave up, as dead letters are told it.
    pub(crate) fn consumer_name(&self) -> String {
        format!("{}-{}", self.application(), self.process_id)
    }

    /// What tasks are told.
    pub(crate) fn task_config(&self) -> TaskConfig {
        TaskConfig {
            deserialization: self.config.policies.deserialization,
            processing: self.config.policies.processing,
            dead_letter_topic: self.dead_letter_topic(),
            consumer: self.consumer_name().into(),
        }
    }

    /// Name of a client of this process, for the broker's logs.
    pub(crate) fn client_id(&self, role: &str) -> String {
        format!("{}-{}-{role}", self.application(), self.process_id)
    }

    /// Settings of a reader that is assigned by hand.
    pub(crate) fn reader(&self, role: &str, group: bool, isolation: Isolation) -> ConsumerConfig {
        ConsumerConfig {
            client_id: self.client_id(role),
            group: group.then(|| self.application().to_owned()),
            isolation,
            buffer_bytes: 8 << 20,
        }
    }

    /// Settings of a worker's writer. The transactional id is stable over restarts: the new one fences the old one.
    pub(crate) fn writer(&self, worker: usize) -> ProducerConfig {
        let id = self.client_id(&worker.to_string());
        ProducerConfig {
            client_id: id.clone(),
            transactional_id: Some(id),
            transaction_timeout: self.config.transaction_timeout,
            linger: std::time::Duration::from_millis(5),
        }
    }

    /// Settings of the writer of outputs that are no part of a worker's transaction.
    pub(crate) fn writer_beside(&self, worker: usize) -> ProducerConfig {
        let client_id = self.client_id(&format!("{worker}-outputs"));
        ProducerConfig { client_id, transactional_id: None, ..self.writer(worker) }
    }

    /// Where a task's stores live.
    pub(crate) fn place(&self, name: &str) -> Place {
        match &self.disk {
            Some(disk) => Place::Kept { disk: disk.clone(), task: name.to_owned() },
            None if self.config.durable => {
                Place::Rocks { dir: self.dir.join(name), memory: self.memory.clone() }
            }
            None => Place::Memory,
        }
    }

    /// A changelog that does not fit the store in `dir`, which has it up to `checkpoint`.
    pub(crate) fn changelog_truncated(
        &self,
        partition: &Partition,
        marks: Watermarks,
        checkpoint: i64,
        dir: PathBuf,
    ) -> Error {
        let application = self.topology.name.to_string();
        let (partition, Watermarks { low, high }) = (partition.clone(), marks);
        Error::ChangelogTruncated { partition, low, high, checkpoint, dir, application }
    }

    /// Where a task's stores lie.
    pub(crate) fn task_dir(&self, plan: &Plan, task: TaskId) -> PathBuf {
        self.dir.join(self.task_name(plan, task))
    }

    /// Directory and identity name of a task: the sub-topology's name never changes, its number may.
    pub(crate) fn task_name(&self, plan: &Plan, task: TaskId) -> String {
        let name = plan.subs.get(task.sub_topology).map_or("unknown", |sub| sub.name.as_str());
        format!("{name}-{}", task.partition)
    }

    /// Whose state a task's directory is.
    pub(crate) fn identity(&self, cluster_id: &str, task: String, fingerprint: &str) -> Identity {
        Identity {
            application: self.application().to_owned(),
            cluster_id: cluster_id.to_owned(),
            task,
            fingerprint: fingerprint.to_owned(),
        }
    }

    /// Tells the observer.
    pub(crate) fn tell(&self, event: &Event<'_>) {
        self.held.tell(event);
        self.observer.event(event);
    }

    /// Tells the observer about something that was dealt with.
    pub(crate) fn warn(&self, message: &str) {
        self.tell(&Event::Warning { message });
    }
}
