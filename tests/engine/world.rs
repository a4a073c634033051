//! One application in processes that a test steps by hand, on either broker; its topics hold text.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use topo::broker::kafka::KafkaBroker;
use topo::broker::memory::MemoryBroker;
use topo::broker::{
    Assignment, Broker, ConsumerConfig, Isolation, NewTopic, Outgoing, ProducerConfig, StartOffset,
};
use topo::{AppConfig, Error, Event, Headers, Observer, Part, Partition, Process, Topology, partition_of};

use crate::support::kafka::Kafka;

const PATIENCE: Duration = Duration::from_secs(90);

/// A broker, and names and time for one application on it.
pub(crate) struct World {
    pub(crate) broker: Arc<dyn Broker>,
    /// Set when time is the test's.
    memory: Option<MemoryBroker>,
    prefix: String,
    pub(crate) partitions: i32,
    pub(crate) now: i64,
    /// What one round adds to the test's own time, milliseconds.
    pub(crate) tick_ms: i64,
    pub(crate) dir: tempfile::TempDir,
    pub(crate) log: Arc<Log>,
}

/// What the processes said.
#[derive(Default)]
pub(crate) struct Log(Mutex<Vec<String>>);

impl Observer for Log {
    fn event(&self, event: &Event<'_>) {
        self.0.lock().unwrap().push(format!("{event:?}"));
    }
}

impl Log {
    pub(crate) fn count(&self, text: &str) -> usize {
        self.0.lock().unwrap().iter().filter(|line| line.contains(text)).count()
    }

    pub(crate) fn lines(&self, text: &str) -> Vec<String> {
        self.0.lock().unwrap().iter().filter(|line| line.contains(text)).cloned().collect()
    }

    fn tail(&self) -> String {
        let lines = self.0.lock().unwrap();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }
}

impl World {
    /// Both kinds, for tests that hold for either.
    pub(crate) fn both(name: &str, partitions: i32) -> [Self; 2] {
        [Self::memory(partitions), Self::kafka(name, partitions)]
    }

    pub(crate) fn memory(partitions: i32) -> Self {
        let broker = MemoryBroker::new();
        broker.advance(1_000_000);
        Self::new(Arc::new(broker.clone()), Some(broker), "app".into(), partitions, 1_000_000)
    }

    pub(crate) fn kafka(name: &str, partitions: i32) -> Self {
        let kafka = Kafka::shared();
        let broker = Arc::new(KafkaBroker::new(kafka.bootstrap(), BTreeMap::new()));
        Self::new(broker, None, kafka.unique(name), partitions, now_ms())
    }

    fn new(
        broker: Arc<dyn Broker>,
        memory: Option<MemoryBroker>,
        prefix: String,
        partitions: i32,
        now: i64,
    ) -> Self {
        let (dir, log) = (tempfile::tempdir().unwrap(), Arc::default());
        Self { broker, memory, prefix, partitions, now, tick_ms: 5, dir, log }
    }

    /// A name that only this application uses.
    pub(crate) fn name(&self, name: &str) -> String {
        format!("{}-{name}", self.prefix)
    }

    /// The topology's name, and so the application's.
    pub(crate) fn application(&self) -> &str {
        &self.prefix
    }

    pub(crate) fn create(&self, names: &[&str]) {
        self.create_with(names, self.partitions);
    }

    pub(crate) fn create_with(&self, names: &[&str], partitions: i32) {
        let settings = BTreeMap::from([("retention.ms".to_owned(), "-1".to_owned())]);
        let new = |name: &&str| NewTopic {
            name: self.name(name),
            partitions,
            replication: if self.memory.is_some() { -1 } else { 1 },
            settings: settings.clone(),
        };
        let new: Vec<NewTopic> = names.iter().map(new).collect();
        let mut admin = self.broker.admin().unwrap();
        for created in admin.create(&new).unwrap() {
            created.unwrap();
        }
        // A busy broker tells of a topic a while after it has made it.
        let names: Vec<String> = new.into_iter().map(|topic| topic.name).collect();
        let deadline = Instant::now() + PATIENCE;
        while admin.partitions(&names).unwrap().len() < names.len() {
            assert!(Instant::now() < deadline, "made and never seen: {names:?}");
        }
    }

    pub(crate) fn config(&self, process: &str) -> AppConfig {
        AppConfig {
            state_dir: self.dir.path().join(process),
            process_id: Some(process.into()),
            commit_interval_ms: 20,
            step_records: 7,
            memory_bytes: 8 << 20,
            session_timeout: Duration::from_secs(6),
            heartbeat: Duration::from_millis(500),
            replication: if self.memory.is_some() { -1 } else { 1 },
            ..AppConfig::default()
        }
    }

    pub(crate) fn start(&self, topology: Topology, config: AppConfig) -> Process {
        Process::new(topology, self.broker.clone(), config, self.log.clone()).unwrap()
    }

    /// One step of every part of the process; time goes on.
    pub(crate) fn round(&mut self, process: &mut Process) -> Result<(), Error> {
        for part in process.parts() {
            self.step(process, part)?;
        }
        match &self.memory {
            Some(broker) => {
                self.now += self.tick_ms;
                broker.advance(self.now);
            }
            None => self.now = now_ms(),
        }
        Ok(())
    }

    pub(crate) fn step(&mut self, process: &mut Process, part: Part) -> Result<(), Error> {
        process.step(part, self.now).map(drop)
    }

    /// Rounds until `done`, which is asked now and then: it may read topics.
    #[track_caller]
    pub(crate) fn until(&mut self, process: &mut Process, what: &str, mut done: impl FnMut(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            for _ in 0..40 {
                self.round(process).unwrap();
            }
            if done(self) {
                return;
            }
            assert!(Instant::now() < deadline, "in vain: {what}\n{}", self.log.tail());
        }
    }

    /// Rounds for some time.
    pub(crate) fn pass(&mut self, process: &mut Process, ms: i64) {
        let until = self.now + ms;
        while self.now < until {
            self.round(process).unwrap();
        }
    }

    /// Rounds until the application ends with an error.
    #[track_caller]
    pub(crate) fn failure(&mut self, process: &mut Process) -> Error {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.round(process) {
                Err(error) => return error,
                Ok(()) => assert!(Instant::now() < deadline, "no error\n{}", self.log.tail()),
            }
        }
    }

    /// Writes records; a value of `None` is a tombstone.
    pub(crate) fn write(&self, topic: &str, records: &[(&str, Option<&str>)]) {
        self.write_at(self.now, topic, records);
    }

    /// Writes records with this timestamp.
    pub(crate) fn write_at(&self, timestamp: i64, topic: &str, records: &[(&str, Option<&str>)]) {
        let topic = self.name(topic);
        let count = self.broker.admin().unwrap().partitions(std::slice::from_ref(&topic)).unwrap()[&topic];
        let config = ProducerConfig {
            client_id: "test".into(),
            transactional_id: None,
            transaction_timeout: Duration::from_secs(10),
            linger: Duration::ZERO,
        };
        let mut producer = self.broker.producer(&config).unwrap();
        for (key, value) in records {
            let record = Outgoing {
                topic: &topic,
                partition: partition_of(key.as_bytes(), count),
                key: Some(key.as_bytes()),
                value: value.map(str::as_bytes),
                timestamp,
                headers: &Headers::new(),
                slot: None,
            };
            producer.send(record).unwrap();
        }
        while producer.in_flight() > 0 {
            assert!(producer.delivered(Duration::from_millis(10)).failure.is_none());
        }
    }

    /// Values by key of all that is committed in a topic, in order; nothing while it does not exist.
    pub(crate) fn read(&self, topic: &str) -> BTreeMap<String, Vec<String>> {
        let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (_, key, value) in self.records(topic) {
            all.entry(key).or_default().push(value);
        }
        all
    }

    /// Partition, key and value of all that is committed in a topic, partition by partition.
    pub(crate) fn records(&self, topic: &str) -> Vec<(i32, String, String)> {
        let topic = self.name(topic);
        let known = self.broker.admin().unwrap().partitions(std::slice::from_ref(&topic)).unwrap();
        let config = ConsumerConfig {
            client_id: "test".into(),
            group: None,
            isolation: Isolation::ReadCommitted,
            buffer_bytes: 1 << 20,
        };
        let mut reader = self.broker.consumer(&config).unwrap();
        let text =
            |bytes: Option<bytes::Bytes>| String::from_utf8(bytes.unwrap_or_default().to_vec()).unwrap();
        let mut all = Vec::new();
        for number in 0..known.get(&topic).copied().unwrap_or(0) {
            let partition = Partition::new(topic.as_str(), number);
            let end = reader.watermarks(&partition).unwrap().high;
            let start = StartOffset::Earliest;
            reader.assign(&[Assignment { partition: partition.clone(), start, slot: 0 }]).unwrap();
            let mut fetched = Vec::new();
            while end > 0 && reader.position(&partition).unwrap().unwrap_or(0) < end {
                reader.poll(1_000, Duration::from_millis(20), &mut fetched).unwrap();
            }
            reader.unassign(&[partition]).unwrap();
            for record in fetched.into_iter().map(|it| it.record) {
                all.push((number, text(record.key), text(record.value)));
            }
        }
        all
    }
}

fn now_ms() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}
