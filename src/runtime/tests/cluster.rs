//! A memory broker and some processes of one application, all stepped in one thread.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::broker::memory::MemoryBroker;
use crate::broker::{
    Admin, Assignment, Broker, Consumer, ConsumerConfig, Isolation, NewTopic, Outgoing, Producer,
    ProducerConfig, StartOffset,
};
use crate::graph::Topology;
use crate::partitioner::partition_of;
use crate::record::{Headers, Partition, RawRecord};
use crate::runtime::process::{Part, Process};
use crate::runtime::{AppConfig, Error, Event, Observer};

/// Milliseconds between two rounds.
const TICK_MS: i64 = 5;

/// Remembers what it was told, as text.
#[derive(Default)]
pub(super) struct Log(Mutex<Vec<String>>);

impl Observer for Log {
    fn event(&self, event: &Event<'_>) {
        self.0.lock().unwrap().push(format!("{event:?}"));
    }
}

impl Log {
    pub(super) fn has(&self, text: &str) -> bool {
        self.0.lock().unwrap().iter().any(|line| line.contains(text))
    }

    pub(super) fn count(&self, text: &str) -> usize {
        self.0.lock().unwrap().iter().filter(|line| line.contains(text)).count()
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

/// Everything a test needs.
pub(super) struct Cluster {
    pub(super) broker: MemoryBroker,
    pub(super) now: i64,
    processes: BTreeMap<String, Process>,
    pub(super) logs: BTreeMap<String, Arc<Log>>,
    pub(super) dir: tempfile::TempDir,
    partitions: i32,
}

impl Cluster {
    /// Topics `in` and `more` with `partitions` partitions, no process.
    pub(super) fn new(partitions: i32) -> Self {
        let broker = MemoryBroker::new();
        let topic = |name: &str| NewTopic {
            name: name.into(),
            partitions,
            replication: -1,
            settings: BTreeMap::new(),
        };
        broker.admin().unwrap().create(&[topic("in"), topic("more")]).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let (processes, logs) = (BTreeMap::new(), BTreeMap::new());
        let cluster = Self { broker, now: 1_000_000, processes, logs, dir, partitions };
        cluster.broker.advance(cluster.now);
        cluster
    }

    pub(super) fn config(&self, process: &str) -> AppConfig {
        AppConfig {
            state_dir: self.dir.path().join(process),
            process_id: Some(process.into()),
            host: "here".into(),
            commit_interval_ms: 20,
            step_records: 7,
            memory_bytes: 8 << 20,
            ..AppConfig::default()
        }
    }

    pub(super) fn start(&mut self, process: &str, topology: Topology) {
        let config = self.config(process);
        self.start_with(process, topology, config);
    }

    pub(super) fn start_with(&mut self, process: &str, topology: Topology, config: AppConfig) {
        let log = Arc::new(Log::default());
        let made = Process::new(topology, Arc::new(self.broker.clone()), config, log.clone()).unwrap();
        self.processes.insert(process.into(), made);
        self.logs.insert(process.into(), log);
    }

    /// kill -9.
    pub(super) fn crash(&mut self, process: &str) {
        drop(self.processes.remove(process).unwrap());
    }

    /// SIGSTOP; give the process back to [`thaw`](Self::thaw).
    pub(super) fn freeze(&mut self, process: &str) -> Process {
        self.processes.remove(process).unwrap()
    }

    pub(super) fn thaw(&mut self, name: &str, process: Process) {
        self.processes.insert(name.into(), process);
    }

    pub(super) fn process(&self, process: &str) -> &Process {
        &self.processes[process]
    }

    /// One step of every part of every process, then time goes on.
    pub(super) fn round(&mut self) -> Result<(), Error> {
        for process in self.processes.values_mut() {
            for part in process.parts() {
                process.step(part, self.now)?;
            }
        }
        self.now += TICK_MS;
        self.broker.advance(self.now);
        Ok(())
    }

    /// Rounds until `done`; a minute of virtual time at most.
    pub(super) fn until(&mut self, what: &str, mut done: impl FnMut(&mut Self) -> bool) {
        for _ in 0..12_000 {
            if done(self) {
                return;
            }
            self.round().unwrap();
        }
        let logs: Vec<_> = self.logs.iter().map(|(name, log)| (name, log.lines())).collect();
        panic!("a minute went by without: {what}\n{logs:#?}");
    }

    /// Rounds for some virtual time.
    pub(super) fn pass(&mut self, ms: i64) {
        let until = self.now + ms;
        while self.now < until {
            self.round().unwrap();
        }
    }

    /// Rounds until the application of some process ends with an error.
    pub(super) fn failure(&mut self) -> Error {
        for _ in 0..12_000 {
            if let Err(error) = self.round() {
                return error;
            }
        }
        let logs: Vec<_> = self.logs.iter().map(|(name, log)| (name, log.lines())).collect();
        panic!("a minute went by without an error\n{logs:#?}");
    }

    /// Steps only one part of one process. Time stands still.
    pub(super) fn step(&mut self, process: &str, part: Part) -> bool {
        self.processes.get_mut(process).unwrap().step(part, self.now).unwrap()
    }

    pub(super) fn produce(&self, topic: &str, key: &str, value: &str) {
        let mut producer = self.producer(None);
        self.send(producer.as_mut(), topic, key, value);
    }

    pub(super) fn producer(&self, transactional_id: Option<&str>) -> Box<dyn Producer> {
        let config = ProducerConfig {
            client_id: "test".into(),
            transactional_id: transactional_id.map(Into::into),
            transaction_timeout: Duration::from_secs(10),
            linger: Duration::ZERO,
        };
        self.broker.producer(&config).unwrap()
    }

    pub(super) fn send(&self, producer: &mut dyn Producer, topic: &str, key: &str, value: &str) {
        let record = Outgoing {
            topic,
            partition: partition_of(key.as_bytes(), self.partitions),
            key: Some(key.as_bytes()),
            value: Some(value.as_bytes()),
            timestamp: self.now,
            headers: &Headers::new(),
            slot: None,
        };
        producer.send(record).unwrap();
        while producer.in_flight() > 0 {
            assert!(producer.delivered(Duration::ZERO).failure.is_none());
        }
    }

    pub(super) fn admin(&self) -> Box<dyn Admin> {
        self.broker.admin().unwrap()
    }

    pub(super) fn reader(&self, group: Option<&str>, isolation: Isolation) -> Box<dyn Consumer> {
        let group = group.map(Into::into);
        let config = ConsumerConfig { client_id: "test".into(), group, isolation, buffer_bytes: 1 << 20 };
        self.broker.consumer(&config).unwrap()
    }

    /// Everything committed in a topic, partition by partition.
    pub(super) fn records(&self, topic: &str) -> Vec<RawRecord> {
        let count = self.admin().partitions(&[topic.to_owned()]).unwrap().get(topic).copied().unwrap_or(0);
        let mut reader = self.reader(None, Isolation::ReadCommitted);
        let mut records = Vec::new();
        for number in 0..count {
            let partition = Partition::new(topic, number);
            let start = StartOffset::Earliest;
            reader.assign(&[Assignment { partition: partition.clone(), start, slot: 0 }]).unwrap();
            let mut fetched = Vec::new();
            loop {
                let before = fetched.len();
                reader.poll(1_000, Duration::ZERO, &mut fetched).unwrap();
                if fetched.len() == before {
                    break;
                }
            }
            reader.unassign(&[partition]).unwrap();
            records.extend(fetched.into_iter().map(|it| it.record));
        }
        records
    }

    /// Values of `out` by key, in order.
    pub(super) fn counts(&self) -> BTreeMap<String, Vec<String>> {
        let text =
            |bytes: Option<bytes::Bytes>| String::from_utf8(bytes.unwrap_or_default().to_vec()).unwrap();
        let mut counts: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for record in self.records("out") {
            counts.entry(text(record.key)).or_default().push(text(record.value));
        }
        counts
    }
}

/// What `counts` must be when each of `keys` came `times` times.
pub(super) fn expected(keys: &[&str], times: usize) -> BTreeMap<String, Vec<String>> {
    let counts = || (1..=times).map(|count| count.to_string()).collect();
    keys.iter().map(|key| ((*key).to_owned(), counts())).collect()
}
