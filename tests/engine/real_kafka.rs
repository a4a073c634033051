//! The runtime on a real Kafka: exactly once over crashes, and a clean stop.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use topo::broker::kafka::KafkaBroker;
use topo::broker::{
    Assignment, Broker, ConsumerConfig, GroupProtocol, Isolation, NewTopic, Outgoing, ProducerConfig,
    StartOffset,
};
use topo::state::{i64_be, utf8};
use topo::{
    App, AppConfig, Builder, Codecs, Headers, KeyValue, Partition, Process, Silent, Topic, Topology,
    partition_of,
};

use crate::support::kafka::Kafka;

const PARTITIONS: i32 = 3;
const KEYS: i64 = 10;

/// Counts records by key.
fn count(name: &str) -> Topology {
    let app = Builder::new(name);
    let input: Topic<String, String> = Topic::new(format!("{name}-in"), utf8(), utf8());
    let output: Topic<String, Option<i64>> = Topic::new(format!("{name}-out"), utf8(), i64_be());
    app.stream("read", &input)
        .group_by_key("by-key", Codecs::new(utf8(), utf8()))
        .count("count", KeyValue::new("counts", utf8(), i64_be()))
        .to_stream("changes")
        .to("write", &output);
    app.build().unwrap()
}

struct Bench {
    broker: Arc<KafkaBroker>,
    name: String,
    dir: tempfile::TempDir,
}

impl Bench {
    fn new(name: &str) -> Self {
        let kafka = Kafka::shared();
        let broker = Arc::new(KafkaBroker::new(kafka.bootstrap(), BTreeMap::new()));
        let name = kafka.unique(name);
        let settings = BTreeMap::from([("retention.ms".to_owned(), "-1".to_owned())]);
        let topic = NewTopic { name: format!("{name}-in"), partitions: PARTITIONS, replication: 1, settings };
        for created in broker.admin().unwrap().create(&[topic]).unwrap() {
            created.unwrap();
        }
        Self { broker, name, dir: tempfile::tempdir().unwrap() }
    }

    fn config(&self, process: &str, group_protocol: GroupProtocol) -> AppConfig {
        AppConfig {
            state_dir: self.dir.path().join(process),
            process_id: Some(process.into()),
            group_protocol,
            session_timeout: Duration::from_secs(6),
            heartbeat: Duration::from_millis(500),
            replication: 1,
            ..AppConfig::default()
        }
    }

    /// Produces each key `times` times.
    fn produce(&self, times: usize) {
        let mut producer = self
            .broker
            .producer(&ProducerConfig {
                client_id: "test".into(),
                transactional_id: None,
                transaction_timeout: Duration::from_secs(10),
                linger: Duration::from_millis(1),
            })
            .unwrap();
        let topic = format!("{}-in", self.name);
        for key in (0..times).flat_map(|_| 0..KEYS) {
            let key = format!("key-{key}");
            let record = Outgoing {
                topic: &topic,
                partition: partition_of(key.as_bytes(), PARTITIONS),
                key: Some(key.as_bytes()),
                value: Some(b"v"),
                timestamp: now_ms(),
                headers: &Headers::new(),
                slot: None,
            };
            producer.send(record).unwrap();
        }
        while producer.in_flight() > 0 {
            assert!(producer.delivered(Duration::from_millis(10)).failure.is_none());
        }
    }

    /// Highest committed count by key. Each count must follow the one before: none lost, none doubled.
    fn highest(&self) -> BTreeMap<String, i64> {
        let config = ConsumerConfig {
            client_id: "test".into(),
            group: None,
            isolation: Isolation::ReadCommitted,
            buffer_bytes: 1 << 20,
        };
        let mut reader = self.broker.consumer(&config).unwrap();
        let mut highest: BTreeMap<String, i64> = BTreeMap::new();
        for number in 0..PARTITIONS {
            let partition = Partition::new(format!("{}-out", self.name), number);
            let Ok(marks) = reader.watermarks(&partition) else { return highest };
            let start = StartOffset::Earliest;
            reader.assign(&[Assignment { partition: partition.clone(), start, slot: 0 }]).unwrap();
            let mut fetched = Vec::new();
            while reader.position(&partition).unwrap().unwrap_or(0) < marks.high {
                reader.poll(1_000, Duration::from_millis(50), &mut fetched).unwrap();
            }
            reader.unassign(&[partition]).unwrap();
            for record in fetched.into_iter().map(|it| it.record) {
                let key = String::from_utf8(record.key.unwrap().to_vec()).unwrap();
                let count = i64::from_be_bytes(record.value.unwrap()[..].try_into().unwrap());
                let known = highest.entry(key.clone()).or_insert(0);
                assert_eq!(count, *known + 1, "counts of {key} must go up by one");
                *known = count;
            }
        }
        highest
    }

    fn await_counts(&self, times: i64, mut meanwhile: impl FnMut()) {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let from = Instant::now();
            while from.elapsed() < Duration::from_millis(300) {
                meanwhile();
            }
            let highest = self.highest();
            if highest.len() == usize::try_from(KEYS).unwrap()
                && highest.values().all(|count| *count >= times)
            {
                assert!(highest.values().all(|count| *count == times), "{highest:?}");
                return;
            }
            assert!(Instant::now() < deadline, "{highest:?} instead of {times}");
        }
    }
}

fn now_ms() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

fn crashes_lose_and_double_nothing(protocol: GroupProtocol, name: &str) {
    let bench = Bench::new(name);
    bench.produce(20);
    let broker = bench.broker.clone();
    let start = || {
        let config = bench.config("p", protocol);
        Process::new(count(&bench.name), broker.clone(), config, Arc::new(Silent)).unwrap()
    };
    let round = |process: &mut Process| {
        for part in process.parts() {
            process.step(part, now_ms()).unwrap();
        }
    };
    for crash in 0..3 {
        let mut process = start();
        let until = Instant::now() + Duration::from_secs(4) + Duration::from_millis(37 * crash);
        while Instant::now() < until {
            round(&mut process);
        }
        bench.produce(10);
        for _ in 0..(40 * crash) {
            round(&mut process);
        }
        drop(process);
    }
    let mut process = start();
    bench.await_counts(50, || round(&mut process));
}

#[test]
fn crashes_lose_and_double_nothing_with_the_classic_protocol() {
    crashes_lose_and_double_nothing(GroupProtocol::Classic, "runtime-classic");
}

#[test]
fn crashes_lose_and_double_nothing_with_the_consumer_protocol() {
    crashes_lose_and_double_nothing(GroupProtocol::Consumer, "runtime-consumer");
}

#[test]
fn two_processes_share_the_tasks_and_stop_cleanly_within_five_seconds() {
    let bench = Bench::new("runtime-two");
    let start = |process: &str| {
        let config = bench.config(process, GroupProtocol::Classic);
        App::start(count(&bench.name), bench.broker.clone(), config, Arc::new(Silent)).unwrap()
    };
    let (first, second) = (start("p1"), start("p2"));
    bench.produce(20);
    bench.await_counts(20, || assert!(!first.is_finished() && !second.is_finished()));
    let from = Instant::now();
    second.stop();
    second.wait().unwrap();
    assert!(from.elapsed() < Duration::from_secs(5), "{:?}", from.elapsed());
    bench.produce(5);
    bench.await_counts(25, || assert!(!first.is_finished()));
    first.stop();
    first.wait().unwrap();
}
