//! A Kafka Streams 4.3.1 application in Java builds stores, ours takes them over, works on, and gives them back.
//!
//! Both run the same topology under the same application id, so they share inputs, outputs, changelogs, repartition topics
//! and the group with its committed offsets. At every handover each value is compared with a naive model.

mod java;
mod model;
mod ours;
mod topology;
mod waiting;
mod wire;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use topo::broker::kafka::KafkaBroker;
use topo::partition_of;
use topo::state::{
    KeyValueStore, SessionStore, TaskState, VersionedStore, Window, WindowStore, i64_be, utf8,
};

use self::java::Java;
use self::model::{Input, Model, Stamped};
use self::ours::{Ours, for_each_task};
use self::topology::{INPUTS, OUTPUTS, SUBTOPOLOGIES, topology};
use self::wire::Wire;
use crate::support::kafka::Kafka;

const PARTITIONS: i32 = 3;
const PATIENCE: Duration = Duration::from_secs(120);

/// Both applications' common ground.
struct Ground {
    broker: Arc<KafkaBroker>,
    application: String,
    wire: Wire,
    model: Model,
    random: StdRng,
    /// Where the next leg begins in time.
    time: i64,
}

impl Ground {
    fn new(name: &str) -> Self {
        let kafka = Kafka::shared();
        let broker = Arc::new(KafkaBroker::new(kafka.bootstrap(), BTreeMap::new()));
        let application = kafka.unique(name);
        let wire = Wire::new(&broker, &application, &[&INPUTS[..], &OUTPUTS[..]].concat());
        let time = i64::try_from(now().as_millis()).unwrap() - 20 * 60_000;
        Self { broker, application, wire, model: Model::default(), random: random(), time }
    }

    /// New input for whoever runs: people move, come and go; then everybody says words, not always in order.
    fn leg(&mut self, mut assert_alive: impl FnMut()) {
        let base = self.time;
        self.time += 5 * 60_000;
        let user = |number| format!("user-{number}");
        let mut people = Vec::new();
        for number in 0..12 {
            let city = self.random.random_range(0..6);
            let value = (city > 0).then(|| format!("city-{city}"));
            people.push(Input { topic: "people", key: user(number), value, time: base + number });
        }
        for number in 0..30 {
            let key = format!("order-{number}");
            let buyer = self.random.random_range(0..14);
            let value = (buyer > 0).then(|| format!("{}:{number}", user(buyer - 1)));
            people.push(Input { topic: "orders", key, value, time: base + number });
        }
        for number in 0..36 {
            let key = user(number % 12);
            let value = self.random.random_bool(0.8).then(|| format!("rate-{number}-{base}"));
            // From before the words of this leg to behind them, in any order.
            let time = base + self.random.random_range(-50_000..200_000);
            people.push(Input { topic: "rates", key, value, time });
        }
        for number in 0..12 {
            let key = || user(number);
            let value = |what: &str| Some(format!("{what}-{number}-{base}"));
            // Some answers come up to ten minutes behind their question: in the next leg.
            let later = base + self.random.random_range(0..500_000);
            people.push(Input { topic: "asked", key: key(), value: value("question"), time: base });
            people.push(Input { topic: "answered", key: key(), value: value("answer"), time: later });
        }
        self.give(&people);
        self.await_outputs(&mut assert_alive);
        // Stream time of the windows first, which Kafka Streams forgets over a restart.
        let mut words: Vec<Input> = (0..12)
            .map(|number| Input {
                topic: "words",
                key: user(number),
                value: Some("first".into()),
                time: base + 60_000,
            })
            .collect();
        for step in 0..150 {
            let key = user(self.random.random_range(0..12));
            let value = Some(format!("word-{}", self.random.random_range(0..9)));
            let time = base + 60_000 + step * 1_000 - self.random.random_range(0..100_000);
            words.push(Input { topic: "words", key, value, time });
        }
        self.give(&words);
        self.await_outputs(&mut assert_alive);
    }

    fn give(&mut self, inputs: &[Input]) {
        inputs.iter().for_each(|input| self.model.take(input));
        self.wire.produce(inputs);
    }

    /// Waits until all outputs are the model's.
    fn await_outputs(&self, mut assert_alive: impl FnMut()) {
        let deadline = Instant::now() + PATIENCE;
        for topic in OUTPUTS {
            let expected = self.model.output(topic);
            loop {
                assert_alive();
                let newest = self.wire.newest(topic);
                if newest == expected {
                    break;
                }
                assert!(Instant::now() < deadline, "{topic} is\n{newest:?}\ninstead of\n{expected:?}");
                std::thread::sleep(Duration::from_millis(100));
            }
            self.assert_placed(topic);
        }
    }

    /// Both sides put a key into one partition, and all windows of a key together.
    fn assert_placed(&self, topic: &str) {
        for (partition, record) in self.wire.records(topic) {
            let key = record.key.unwrap();
            let window = match topic {
                "windowed" | "final" => 8,
                "sessions" => 16,
                _ => 0,
            };
            let hashed = &key[..key.len() - window];
            assert_eq!(partition, partition_of(hashed, PARTITIONS), "{topic} {key:?}");
        }
    }

    /// Each window became final once, each pair was found once.
    fn assert_nothing_was_said_twice(&self) {
        for topic in ["final", "pairs"] {
            let records = self.wire.records(topic);
            assert_eq!(records.len(), self.wire.newest(topic).len(), "{topic}");
            assert!(!records.is_empty(), "{topic}");
        }
    }

    fn start_java(&self) -> Java {
        Java::start("run", Kafka::shared().bootstrap(), &self.application)
    }

    fn start_ours(&self, dir: &Path) -> Ours {
        Ours::start(topology(&self.application), &self.broker, &self.application, dir)
    }

    /// Compares every row on disk, and its timestamp, with the model.
    fn assert_stores(&self, dir: &Path) {
        let (mut stored, mut priced) = (Model::default(), BTreeMap::new());
        let (mut sessions, mut rates) = (BTreeMap::new(), BTreeMap::new());
        for_each_task(&dir.join(&self.application), |state| {
            read(state, "people", utf8(), &mut stored.people);
            read(state, "counts", i64_be(), &mut stored.counts);
            read(state, "cities", i64_be(), &mut stored.cities);
            read(state, "orders", utf8(), &mut stored.orders);
            read(state, "priced-store", utf8(), &mut priced);
            read_windows(state, "windowed", &mut stored.windowed);
            read_sessions(state, "sessions", &mut sessions);
            read_versions(state, "rates", &self.model, &mut rates);
        });
        assert_eq!(stored.people, self.model.people);
        assert_eq!(stored.counts, self.model.counts);
        assert_eq!(stored.cities, self.model.cities);
        assert_eq!(stored.windowed, self.model.windowed);
        assert_eq!(sessions, self.model.sessions());
        assert_eq!(rates, self.model.rates_of_all_moments());
        assert_eq!(stored.orders, self.model.orders);
        let priced: BTreeMap<String, String> = priced.into_iter().map(|(id, (row, _))| (id, row)).collect();
        assert_eq!(priced, self.model.priced());
    }
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap()
}

/// Random numbers that are new in every run.
#[expect(clippy::print_stdout, reason = "the seed of a failure must be known")]
fn random() -> StdRng {
    let seed = u64::from(now().subsec_nanos());
    println!("seed {seed}");
    StdRng::seed_from_u64(seed)
}

fn read<V: Clone + Send + 'static>(
    state: &TaskState,
    store: &str,
    codec: topo::state::CodecRef<V>,
    rows: &mut BTreeMap<String, Stamped<V>>,
) {
    let Some(index) = state.index_of(store) else { return };
    let mut store = KeyValueStore::new(state.specs()[index].clone(), index, state.backend(), utf8(), codec);
    let all = &mut |key, row: &topo::state::Timestamped<V>| {
        rows.insert(key, (row.value.clone(), row.timestamp));
        ControlFlow::Continue(())
    };
    store.all(all).unwrap();
}

fn read_windows(state: &TaskState, store: &str, rows: &mut BTreeMap<(String, i64), Stamped<i64>>) {
    let Some(index) = state.index_of(store) else { return };
    let mut store = WindowStore::new(state.specs()[index].clone(), index, state.backend(), utf8(), i64_be());
    let all = &mut |key, start, row: &topo::state::Timestamped<i64>| {
        rows.insert((key, start), (row.value, row.timestamp));
        ControlFlow::Continue(())
    };
    store.fetch_all(i64::MIN..=i64::MAX, all).unwrap();
}

fn read_sessions(state: &TaskState, store: &str, rows: &mut BTreeMap<(String, Window), i64>) {
    let Some(index) = state.index_of(store) else { return };
    let mut store = SessionStore::new(state.specs()[index].clone(), index, state.backend(), utf8(), i64_be());
    let found = store.in_time_order(i64::MIN..=i64::MAX).unwrap();
    rows.extend(found.into_iter().map(|(session, count)| ((session.key, session.window), count)));
}

/// Asks for every rate at the time from which on it holds, and just before.
fn read_versions(state: &TaskState, store: &str, model: &Model, found: &mut BTreeMap<(String, i64), String>) {
    let Some(index) = state.index_of(store) else { return };
    let mut store = VersionedStore::new(state.specs()[index].clone(), index, state.backend(), utf8(), utf8());
    for (user, time) in model.moments() {
        if let Some(row) = store.get_as_of(&user, time).unwrap() {
            found.insert((user, time), row.value);
        }
    }
}

#[test]
fn a_java_application_hands_its_stores_to_ours_and_takes_them_back() {
    let mut ground = Ground::new("interop");
    let mut java = ground.start_java();
    ground.leg(|| java.assert_alive());
    java.stop();

    let dir = tempfile::tempdir().unwrap();
    let ours = ground.start_ours(dir.path());
    ours.await_running(SUBTOPOLOGIES * PARTITIONS as usize);
    assert!(
        ours.watch.has_told("windowed-changelog has a cleanup.policy with delete, as Kafka Streams makes it")
    );
    ours.stop();
    ground.assert_stores(dir.path());
    let ours = ground.start_ours(dir.path());
    ground.leg(|| ours.assert_alive());
    ours.stop();
    ground.assert_stores(dir.path());

    // From an empty directory: every value that we wrote is read by Kafka Streams.
    let mut java = ground.start_java();
    ground.leg(|| java.assert_alive());
    java.stop();

    // Over our old directory: only what Kafka Streams has added is read.
    let ours = ground.start_ours(dir.path());
    ours.await_running(SUBTOPOLOGIES * PARTITIONS as usize);
    ground.leg(|| ours.assert_alive());
    ours.stop();
    ground.assert_stores(dir.path());
    ground.assert_nothing_was_said_twice();
    assert!(ground.model.late > 0, "the model never saw a window refuse a record");
}

#[test]
fn an_application_that_ours_began_goes_on_in_java() {
    let mut ground = Ground::new("interop-begun");
    let dir = tempfile::tempdir().unwrap();
    let ours = ground.start_ours(dir.path());
    ground.leg(|| ours.assert_alive());
    ours.stop();

    let mut java = ground.start_java();
    ground.leg(|| java.assert_alive());
    java.stop();
    ground.assert_nothing_was_said_twice();
}

#[test]
fn ours_takes_over_from_a_java_application_that_was_killed_once_its_session_is_over() {
    let mut ground = Ground::new("interop-killed");
    let mut java = ground.start_java();
    ground.leg(|| java.assert_alive());
    java.kill9();

    let dir = tempfile::tempdir().unwrap();
    let ours = ground.start_ours(dir.path());
    ours.await_running(SUBTOPOLOGIES * PARTITIONS as usize);
    assert!(ours.watch.has_told("members that place tasks in another way, such as Kafka Streams"));
    ground.leg(|| ours.assert_alive());
    ours.stop();
    ground.assert_stores(dir.path());
}

#[test]
fn keys_go_to_the_partitions_that_java_chooses() {
    let mut random = random();
    let keys: Vec<Vec<u8>> =
        (0..20_000).map(|_| (0..random.random_range(0..40)).map(|_| random.random()).collect()).collect();
    for count in [1, 3, 12, 50] {
        let chosen = java::partitions(&keys, count);
        assert_eq!(chosen.len(), keys.len());
        for (key, chosen) in keys.iter().zip(chosen) {
            assert_eq!(partition_of(key, count), chosen, "{key:?} among {count}");
        }
    }
}
