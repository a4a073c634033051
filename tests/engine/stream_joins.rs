//! Stream-stream joins give what a search through all pairs gives, and give it also over crashes, aborts and empty disks.

use std::collections::BTreeMap;

use rand::Rng;
use rand::rngs::StdRng;
use topo::broker::NewTopic;
use topo::state::utf8;
use topo::testkit::Driver;
use topo::{AppConfig, Builder, JoinWindows, Optimize, Record, Stream, StreamJoined, Topic, Topology};

use crate::seeded::seeded;
use crate::world::World;

type Key = Option<String>;
type Value = Option<String>;

/// Both sides lie in one topic, so that a rolled-back interval comes back in the same order.
fn input() -> Topic<Key, Value> {
    Topic::new("in", utf8(), utf8())
}

fn output() -> Topic<Key, Value> {
    Topic::new("out", utf8(), utf8())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Inner,
    Left,
    Outer,
}

fn shown(value: Option<&String>) -> &str {
    value.map_or("-", String::as_str)
}

/// Records whose value begins with `l` meet those whose value begins with `r`; `l-` and `r-` stand for null.
fn joined(kind: Kind, before_ms: i64, after_ms: i64, grace_ms: i64) -> Topology {
    let app = Builder::new("joins");
    let all = app.stream("in", &input());
    let side = |first: char| -> Stream<'_, Key, Value> {
        all.filter(&format!("{first}-only"), move |_, value| {
            value.as_ref().is_some_and(|value| value.starts_with(first))
        })
        .map_values(&format!("{first}-null"), |_, value| value.filter(|value| !value.ends_with('-')))
    };
    let (left, right) = (side('l'), side('r'));
    let windows = JoinWindows::of_ms(before_ms).after_ms(after_ms).grace_ms(grace_ms);
    let stores = StreamJoined::new("j", utf8(), utf8(), utf8()).emit_interval_ms(0);
    let pair =
        |left: Option<&String>, right: Option<&String>| Some(format!("{}+{}", shown(left), shown(right)));
    match kind {
        Kind::Inner => left.join_stream("j", &right, windows, stores, move |_, l, r| pair(Some(l), Some(r))),
        Kind::Left => left.left_join_stream("j", &right, windows, stores, move |_, l, r| pair(Some(l), r)),
        Kind::Outer => left.outer_join_stream("j", &right, windows, stores, move |_, l, r| pair(l, r)),
    }
    .to("out", &output());
    app.build().unwrap()
}

/// A record of one side, as the reference remembers it.
#[derive(Clone, Debug)]
struct Past {
    side: usize,
    key: String,
    value: String,
    time: i64,
}

/// The rules of Kafka Streams again, by searches through all records so far.
struct Reference {
    past: Vec<Past>,
    waiting: Vec<Past>,
    keeps: [bool; 2],
    reach: [i64; 2],
    grace: i64,
    newest: [i64; 2],
    time: i64,
    marker: i64,
    results: Vec<(Key, Value, i64)>,
}

/// Far away from all times, and from the edge.
const INFINITE: i64 = i64::MAX / 2;

impl Reference {
    fn new(kind: Kind, before_ms: i64, after_ms: i64, grace: i64) -> Self {
        Self {
            past: Vec::new(),
            waiting: Vec::new(),
            keeps: [kind != Kind::Inner, kind == Kind::Outer],
            reach: [after_ms, before_ms],
            grace,
            newest: [-INFINITE; 2],
            time: -INFINITE,
            marker: INFINITE,
            results: Vec::new(),
        }
    }

    fn result(&mut self, side: usize, key: Option<&str>, own: &str, other: &str, time: i64) {
        let (left, right) = if side == 0 { (own, other) } else { (other, own) };
        self.results.push((key.map(str::to_owned), Some(format!("{left}+{right}")), time));
    }

    fn record(&mut self, side: usize, key: Option<&str>, value: Option<&str>, time: i64) {
        self.time = self.time.max(time);
        let Some(value) = value else { return };
        let Some(key) = key else {
            if self.keeps[side] {
                self.result(side, None, value, "-", time);
            }
            return;
        };
        if time == self.time && self.marker + self.reach[side] + self.grace < self.time {
            self.walk();
        }
        let (from, to) = (time - self.reach[1 - side], (time + self.reach[side]).max(0));
        let visible = self.newest[1 - side] - self.reach[0] - self.reach[1] - self.grace;
        let near = |it: &Past| {
            it.side != side && it.key == key && (from..=to).contains(&it.time) && it.time > visible
        };
        let mut partners: Vec<Past> = self.past.iter().filter(|it| near(it)).cloned().collect();
        partners.sort_by_key(|it| it.time);
        for partner in &partners {
            self.waiting.retain(|it| (it.side, &it.key, it.time) != (1 - side, &partner.key, partner.time));
            self.result(side, Some(key), value, &partner.value, time.max(partner.time));
        }
        let record = Past { side, key: key.to_owned(), value: value.to_owned(), time };
        if partners.is_empty() && self.keeps[side] {
            if to < self.time {
                self.result(side, Some(key), value, "-", time);
            } else {
                self.marker = self.marker.min(time);
                self.waiting.push(record.clone());
            }
        }
        self.newest[side] = self.newest[side].max(time);
        self.past.push(record);
    }

    fn walk(&mut self) {
        self.marker = INFINITE;
        // A stable sort: equal ones stay in the order they came.
        self.waiting.sort_by(|a, b| (a.time, 1 - a.side, &a.key).cmp(&(b.time, 1 - b.side, &b.key)));
        let mut open = [false; 2];
        let mut stay = Vec::new();
        let waiting = std::mem::take(&mut self.waiting);
        let mut walk = waiting.into_iter();
        for it in walk.by_ref() {
            self.marker = it.time;
            if open == [true; 2] {
                stay.push(it);
                break;
            }
            if it.time + self.reach[it.side] + self.grace >= self.time {
                open[it.side] = true;
                stay.push(it);
            } else {
                self.result(it.side, Some(&it.key), &it.value, "-", it.time);
            }
        }
        self.waiting = stay.into_iter().chain(walk).collect();
    }
}

/// Times go on slowly, with records that come late, many of them equal.
fn next_time(random: &mut StdRng, now: &mut i64, span: i64) -> i64 {
    *now += random.random_range(0..span / 4 + 2);
    let late = if random.random_bool(0.4) { random.random_range(0..span * 3 + 2) } else { 0 };
    (*now - late).max(0)
}

fn read(driver: &mut Driver) -> Vec<(Key, Value, i64)> {
    let records: Vec<Record<Key, Value>> = driver.read(&output()).unwrap();
    records.into_iter().map(|it| (it.key, it.value, it.timestamp)).collect()
}

/// Something that must not change results.
fn disturb(driver: &mut Driver, random: &mut StdRng) {
    match random.random_range(0..10) {
        0..4 => driver.commit().unwrap(),
        4 => {
            driver.abort().unwrap();
            driver.run().unwrap();
        }
        5 => {
            driver.crash();
            driver.reopen().unwrap();
        }
        6 => {
            driver.crash();
            driver.restore().unwrap();
        }
        _ => {}
    }
}

fn run_beside_the_reference(kind: Kind, random: &mut StdRng, on_disk: bool) {
    let span = random.random_range(0..40);
    let (before, after) = match random.random_range(0..4) {
        0 => (span, span),
        1 => (span, 0),
        2 => (-random.random_range(0..=span), span),
        _ => (random.random_range(0..40), span),
    };
    let grace = random.random_range(0..20);
    let directory = tempfile::tempdir().unwrap();
    let mut builder = Driver::builder(joined(kind, before, after, grace)).commit_by_hand();
    if on_disk {
        builder = builder.rocks(directory.path().join("state"));
    }
    let mut driver = builder.build().unwrap();
    let mut reference = Reference::new(kind, before, after, grace);
    let mut now = 0;
    let mut feed = |driver: &mut Driver, side: usize, key: Option<&str>, null: bool, time: i64, nth: i64| {
        let name = ["l", "r"][side];
        let value = if null { format!("{name}-") } else { format!("{name}{nth}") };
        reference.record(side, key, (!null).then_some(value.as_str()), time);
        driver.pipe(&input(), key.map(str::to_owned), Some(value), time).unwrap();
    };
    for nth in 0..150 {
        let time = next_time(random, &mut now, span.max(1));
        let key = [None, Some("a"), Some("b"), Some("a\0")][random.random_range(0..40_usize).min(3)];
        let (side, null) = (random.random_range(0..2), random.random_bool(0.05));
        feed(&mut driver, side, key, null, time, nth);
        disturb(&mut driver, random);
    }
    // Far behind everything: what waits is over.
    for side in [0, 1] {
        feed(&mut driver, side, Some("end"), false, now + 1_000_000, 0);
    }
    driver.commit().unwrap();
    let got = read(&mut driver);
    assert_eq!(got, reference.results, "{kind:?}, {before} before, {after} after, {grace} grace");
}

#[test]
fn joins_give_what_a_search_through_all_pairs_gives_over_crashes_and_aborts() {
    let (_announce, mut random) = seeded();
    for kind in [Kind::Inner, Kind::Left, Kind::Outer] {
        for _ in 0..12 {
            run_beside_the_reference(kind, &mut random, false);
        }
        run_beside_the_reference(kind, &mut random, true);
    }
}

/// A stream joined with itself.
fn with_itself(optimize: Optimize, windows: JoinWindows) -> Topology {
    let app = Builder::new("self").optimize(optimize);
    let all = app.stream("in", &input());
    let stores = StreamJoined::new("j", utf8(), utf8(), utf8());
    all.join_stream("j", &all, windows, stores, |_, left, right| Some(format!("{left}+{right}")))
        .to("out", &output());
    app.build().unwrap()
}

#[test]
fn a_stream_meets_itself_over_one_store_as_over_two() {
    let (_announce, mut random) = seeded();
    for _ in 0..40 {
        let (before, after) = (random.random_range(0..20), random.random_range(0..20));
        let windows = JoinWindows::of_ms(before).after_ms(after).grace_ms(random.random_range(0..10));
        let mut one = Driver::new(with_itself(Optimize::default(), windows)).unwrap();
        let mut two = Driver::new(with_itself(Optimize::none(), windows)).unwrap();
        let mut now = 0;
        for nth in 0..100 {
            let time = next_time(&mut random, &mut now, before + after);
            let key = ["a", "b"][random.random_range(0..2)];
            for driver in [&mut one, &mut two] {
                driver.pipe(&input(), Some(key.to_owned()), Some(nth.to_string()), time).unwrap();
            }
            assert_eq!(read(&mut one), read(&mut two), "record {nth} at {time}, {windows:?}");
        }
    }
}

#[test]
fn a_self_join_keeps_its_records_once_unless_told_otherwise() {
    let stores = |optimize| {
        let mut driver = Driver::new(with_itself(optimize, JoinWindows::of_ms(5))).unwrap();
        driver.pipe(&input(), Some("k".to_owned()), Some("v".to_owned()), 1).unwrap();
        driver.topics().filter(|topic| topic.ends_with("-changelog")).count()
    };
    let split = Optimize::default().single_store_self_join(false);
    assert_eq!((stores(Optimize::default()), stores(Optimize::all()), stores(split)), (1, 1, 2));
}

#[test]
fn results_without_a_partner_wait_for_the_wall_clock_too() {
    let app = Builder::new("throttled");
    let (left, right): (Topic<String, String>, Topic<String, String>) =
        (Topic::new("left", utf8(), utf8()), Topic::new("right", utf8(), utf8()));
    app.stream("left", &left)
        .left_join_stream(
            "j",
            &app.stream("right", &right),
            JoinWindows::of_ms(10),
            StreamJoined::new("j", utf8(), utf8(), utf8()).emit_interval_ms(500),
            |_, left, right| Some(format!("{left}+{}", shown(right))),
        )
        .to("out", &Topic::<String, Value>::new("out", utf8(), utf8()));
    let mut driver = Driver::builder(app.build().unwrap()).wall_clock(1_000).build().unwrap();
    let mut feed = |wait: i64, key: &str, time: i64| {
        driver.advance_wall_clock(wait).unwrap();
        driver.pipe(&left, key.to_owned(), "v".to_owned(), time).unwrap();
        // What the throttle knows survives the loss of the store.
        driver.restore().unwrap();
        read(&mut driver).len()
    };
    assert_eq!(feed(0, "a", 0), 0, "the first record starts the clock");
    assert_eq!(feed(499, "b", 11), 0, "a is over, but it is too early");
    assert_eq!(feed(1, "c", 12), 1);
    assert_eq!(feed(0, "d", 100), 0, "b and c are over");
    assert_eq!(feed(500, "e", 100), 2);
}

#[test]
fn what_is_wrong_with_a_join_is_said_at_once() {
    let app = Builder::new("wrong");
    let left = app.stream("left", &Topic::<String, String>::new("left", utf8(), utf8()));
    let right = app.stream("right", &Topic::<Key, String>::new("right", utf8(), utf8()));
    let stores = |name: &str| StreamJoined::new(name, utf8(), utf8(), utf8());
    let pair = |_: &String, left: Option<&String>, _: Option<&String>| left.cloned();
    let _ = left.outer_join_stream("outer", &right, JoinWindows::of_ms(1), stores("o"), pair);
    let backwards = JoinWindows::of_ms(1).before_ms(-2);
    let _ =
        left.join_stream("empty", &right, backwards, stores("e").emit_interval_ms(-1), |_, l, _| l.clone());
    let moved = right.map("rekey", |_, value| (value.clone(), value)).map_values("map", |_, value| value);
    let _ = left.join_stream("moved", &moved, JoinWindows::of_ms(1), stores("m"), |_, l, _| l.clone());
    let said = app.build().map(drop).unwrap_err().to_string();
    for part in [
        "\"outer\"",
        "may be null",
        "\"empty\"",
        "ends before it begins",
        "an interval of -1 ms",
        "with_codecs",
    ] {
        assert!(said.contains(part), "{part} is missing in: {said}");
    }
}

#[test]
fn changelog_rows_of_a_join_are_numbered_on_after_a_restart() {
    let mut driver = Driver::new(joined(Kind::Inner, 100, 100, 0)).unwrap();
    for nth in 0..3 {
        driver.pipe(&input(), Some("k".to_owned()), Some(format!("l{nth}")), 5).unwrap();
        driver.restore().unwrap();
    }
    let rows: BTreeMap<Vec<u8>, Vec<u8>> = driver
        .changelog("j-this-join-store")
        .map(|it| (it.key.as_ref().unwrap().to_vec(), it.value.as_ref().unwrap().to_vec()))
        .collect();
    assert_eq!(rows.into_values().collect::<Vec<_>>(), [b"l0", b"l1", b"l2"], "no row took another's place");
}

#[test]
fn rows_that_an_older_version_has_laid_out_are_refused_with_what_to_do() {
    let mut world = World::memory(1);
    let changelog = "j-left-shared-join-store-changelog";
    let compacted = [("cleanup.policy".to_owned(), "compact".to_owned())].into();
    let topics = [("in".to_owned(), BTreeMap::new()), ("out".to_owned(), BTreeMap::new())];
    let topics = topics.into_iter().chain([(world.name(changelog), compacted)]);
    let topics: Vec<NewTopic> =
        topics.map(|(name, settings)| NewTopic { name, partitions: 1, replication: 1, settings }).collect();
    for created in world.broker.admin().unwrap().create(&topics).unwrap() {
        created.unwrap();
    }
    // Its marker: when to look again.
    world.write(changelog, &[("\u{2}", Some("\u{2}\0\0\0\0\0\0\0\0"))]);
    let config = AppConfig { application: world.application().to_owned(), ..world.config("p") };
    let mut process = world.start(joined(Kind::Left, 10, 10, 0), config);
    let error = world.failure(&mut process).to_string();
    assert!(error.contains("j-left-shared-join-store") && error.contains("reset the application"), "{error}");
}
