//! Left and outer joins of two streams: what waits for a partner is handed over, and comes out once, alone or with it.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::Rng;
use rand::rngs::StdRng;
use topo::broker::kafka::KafkaBroker;
use topo::state::utf8;
use topo::{Builder, JoinWindows, StreamJoined, Topic, Topology, partition_of};

use super::java::Java;
use super::model::Input;
use super::ours::Ours;
use super::wire::Wire;
use super::{PARTITIONS, PATIENCE, now, random};
use crate::support::kafka::Kafka;

const NEAR_MS: i64 = 30_000;
const GRACE_MS: i64 = 10 * 60_000;
/// Long enough for what a leg begins with to be over at its end, too short for what it ends with.
const LEG_MS: i64 = 12 * 60_000;
/// Time between two records that are sent only because they have a time. Kafka Streams looks for what is over once in a
/// second.
const TICK: Duration = Duration::from_millis(300);

/// The topology of tests/interop/Interop.java, in Rust.
fn topology(application: &str) -> Topology {
    let app = Builder::new(application);
    let text = |name: &str| Topic::<String, String>::new(format!("{application}-{name}"), utf8(), utf8());
    let (left, right) = (app.stream("left", &text("left")), app.stream("right", &text("right")));
    let near = JoinWindows::of_ms(NEAR_MS).grace_ms(GRACE_MS);
    let stores = |name: &str| StreamJoined::new(name, utf8(), utf8(), utf8());
    let shown = |value: Option<&String>| value.map_or("-", String::as_str).to_owned();
    left.left_join_stream("one", &right, near, stores("one"), move |_, left, right| {
        format!("{left}+{}", shown(right))
    })
    .to("write-one", &text("one"));
    left.outer_join_stream("both", &right, near, stores("both"), move |_, left, right| {
        format!("{}+{}", shown(left), shown(right))
    })
    .to("write-both", &text("both"));
    app.build().unwrap()
}

/// Both applications' common ground.
struct Ground {
    broker: Arc<KafkaBroker>,
    application: String,
    wire: Wire,
    random: StdRng,
    /// Everything said so far, left and right.
    said: [Vec<Input>; 2],
    /// Where the next leg begins in time; what is behind it is no later than this.
    time: i64,
    count: usize,
}

impl Ground {
    fn new() -> Self {
        let kafka = Kafka::shared();
        let broker = Arc::new(KafkaBroker::new(kafka.bootstrap(), Default::default()));
        let application = kafka.unique("interop-waiting");
        let wire = Wire::new(&broker, &application, &["left", "right", "one", "both"]);
        let time = i64::try_from(now().as_millis()).unwrap() - 10 * LEG_MS;
        let said = [Vec::new(), Vec::new()];
        Self { broker, application, wire, random: random(), said, time, count: 0 }
    }

    fn start_java(&self) -> Java {
        Java::start("joins", Kafka::shared().bootstrap(), &self.application)
    }

    fn start_ours(&self, dir: &Path) -> Ours {
        let ours = Ours::start(topology(&self.application), &self.broker, &self.application, dir);
        ours.await_running(PARTITIONS as usize);
        ours
    }

    /// New input for whoever runs. What it begins with may meet what the leg before has left waiting, and is over at the
    /// end; what it ends with waits for the next leg.
    fn leg(&mut self, mut assert_alive: impl FnMut()) {
        let (begin, end) = (self.time, self.time + LEG_MS);
        self.say(begin);
        self.await_results(begin, &mut assert_alive);
        self.say(end - 25_000);
        self.time = end;
        self.await_results(end, &mut assert_alive);
    }

    /// Both sides speak for 25 seconds, several times at one moment.
    fn say(&mut self, from: i64) {
        for _ in 0..60 {
            let side = self.random.random_range(0..2);
            let key = format!("user-{}", self.random.random_range(0..15));
            let time = from + self.random.random_range(0..25) * 1_000;
            for _ in 0..self.random.random_range(1..3) {
                self.count += 1;
                let (topic, key) = (["left", "right"][side], key.clone());
                self.said[side].push(Input { topic, key, value: Some(format!("{}", self.count)), time });
            }
        }
        let inputs: Vec<Input> = self.said.iter().flatten().filter(|it| it.time >= from).cloned().collect();
        self.wire.produce(&inputs);
    }

    /// Waits until both joins have given what they must at this stream time, each once. Records that are left out of
    /// everything else carry it.
    fn await_results(&mut self, time: i64, mut assert_alive: impl FnMut()) {
        let ticks: Vec<Input> = (0..PARTITIONS)
            .map(|partition| {
                let mut keys = (0..).map(|number| format!("tick-{number}"));
                let key = keys.find(|key| partition_of(key.as_bytes(), PARTITIONS) == partition).unwrap();
                Input { topic: "left", key, value: Some("tick".to_owned()), time }
            })
            .collect();
        let deadline = Instant::now() + PATIENCE;
        for (topic, outer) in [("one", false), ("both", true)] {
            let expected = self.expected(time, outer);
            loop {
                assert_alive();
                let results = self.results(topic);
                if results == expected {
                    break;
                }
                if Instant::now() >= deadline {
                    let missing: Vec<_> = expected.iter().filter(|it| !results.contains(it)).collect();
                    let too_many: Vec<_> = results.iter().filter(|it| !expected.contains(it)).collect();
                    panic!("{topic}: missing\n{missing:?}\ntoo many\n{too_many:?}, or some came twice");
                }
                self.wire.produce(&ticks);
                std::thread::sleep(TICK);
            }
        }
    }

    /// Every pair, and what has found none and is over, the quadratic way.
    fn expected(&self, time: i64, outer: bool) -> Vec<(String, String)> {
        let meets =
            |one: &Input, other: &Input| one.key == other.key && (one.time - other.time).abs() <= NEAR_MS;
        let is_over = |it: &Input| it.time + NEAR_MS + GRACE_MS < time;
        let text = |it: &Input| it.value.clone().unwrap_or_default();
        let [left, right] = &self.said;
        let mut results = Vec::new();
        for one in left {
            let partners: Vec<&Input> = right.iter().filter(|other| meets(one, other)).collect();
            results
                .extend(partners.iter().map(|it| (one.key.clone(), format!("{}+{}", text(one), text(it)))));
            if partners.is_empty() && is_over(one) {
                results.push((one.key.clone(), format!("{}+-", text(one))));
            }
        }
        let alone = |it: &&Input| is_over(it) && !left.iter().any(|other| meets(it, other));
        if outer {
            results.extend(right.iter().filter(alone).map(|it| (it.key.clone(), format!("-+{}", text(it)))));
        }
        results.sort();
        results
    }

    fn results(&self, topic: &str) -> Vec<(String, String)> {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let records = self.wire.records(topic).into_iter().map(|(_, record)| record);
        let pairs = records.map(|it| (text(&it.key.unwrap()), text(&it.value.unwrap())));
        let mut results: Vec<_> = pairs.filter(|(key, _)| !key.starts_with("tick")).collect();
        results.sort();
        results
    }

    /// Whether the handover would be worth nothing.
    fn assert_that_some_wait(&self) {
        let open = |it: &&Input| it.time + NEAR_MS + GRACE_MS >= self.time;
        let waits = |side: usize| {
            self.said[side].iter().filter(open).any(|it| {
                let near = |other: &Input| it.key == other.key && (it.time - other.time).abs() <= NEAR_MS;
                !self.said[1 - side].iter().any(near)
            })
        };
        assert!(waits(0) && waits(1), "nothing waits for the next leg");
    }
}

#[test]
fn what_waits_for_a_partner_in_java_waits_with_ours_and_again_in_java() {
    let mut ground = Ground::new();
    let mut java = ground.start_java();
    ground.leg(|| java.assert_alive());
    ground.assert_that_some_wait();
    java.stop();

    let dir = tempfile::tempdir().unwrap();
    let ours = ground.start_ours(dir.path());
    ground.leg(|| ours.assert_alive());
    ground.assert_that_some_wait();
    ours.stop();

    let mut java = ground.start_java();
    ground.leg(|| java.assert_alive());
    ground.assert_that_some_wait();
    java.stop();

    // Over our old directory, whose marker knows nothing of what Kafka Streams has let wait.
    let ours = ground.start_ours(dir.path());
    ground.leg(|| ours.assert_alive());
    ours.stop();
}
