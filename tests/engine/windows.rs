//! Whatever is lost on the way, windows give the same results: committed intervals, aborted ones, crashes with the disk and
//! without it. A failure prints its seed; `TOPO_TEST_SEED` replays it.

use std::hash::{BuildHasher, RandomState};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use topo::state::{CodecRef, WindowSize, Windowed, i64_be, session_windowed, utf8, windowed};
use topo::testkit::Driver;
use topo::{
    Builder, Codecs, EmitStrategy, Grouped, Hopping, RawRecord, Session, SessionValue, Sliding, Table, Topic,
    Topology, Tumbling, WindowValue,
};

type Key = Windowed<String>;
type Counts<'b> = Table<'b, Key, i64>;

const STEPS: i64 = 400;

fn facts(name: &str) -> Topic<String, i64> {
    Topic::new(name, utf8(), i64_be())
}

fn grouped<'b>(app: &'b Builder, topic: &str) -> Grouped<'b, String, i64> {
    app.stream(topic, &facts(topic)).group_by_key(&format!("by-{topic}"), Codecs::new(utf8(), i64_be()))
}

fn windows() -> WindowValue<String, i64> {
    WindowValue::new("store", utf8(), i64_be())
}

fn sessions() -> SessionValue<String, i64> {
    SessionValue::new("store", utf8(), i64_be())
}

fn of_length(ms: i64) -> CodecRef<Key> {
    windowed(utf8(), WindowSize::millis(ms))
}

fn at_once() -> EmitStrategy {
    EmitStrategy::on_window_close().at_most_every_ms(0)
}

/// A topology that writes what `table` has to `out`.
fn topology(key: CodecRef<Key>, table: impl for<'b> Fn(&'b Builder) -> Counts<'b>) -> Topology {
    let app = Builder::new("windows");
    let out: Topic<Key, Option<i64>> = Topic::new("out", key, i64_be());
    table(&app).to_stream("updates").to("out", &out);
    app.build().unwrap()
}

/// Every operator with windows, by name.
fn all() -> Vec<(&'static str, Topology)> {
    let (sliding, session) = (Sliding::of_ms(40).grace_ms(25), Session::gap_ms(15).grace_ms(20));
    let hopping = Hopping::of_ms(40, 15).grace_ms(25);
    let final_counts = |key: &CodecRef<Key>| Codecs::new(key.clone(), i64_be());
    let (of_40, of_session) = (of_length(40), session_windowed(utf8()));
    let (closing_sliding, closing_session) = (of_40.clone(), of_session.clone());
    vec![
        (
            "sliding",
            topology(of_40.clone(), move |app| {
                grouped(app, "in").windowed(sliding).reduce("op", windows(), |sum, value| sum + value)
            }),
        ),
        (
            "sliding on close",
            topology(of_40.clone(), move |app| {
                grouped(app, "in").windowed(sliding).emit(at_once()).count("op", windows())
            }),
        ),
        (
            "hopping on close",
            topology(of_40.clone(), move |app| {
                grouped(app, "in").windowed(hopping).emit(at_once()).count("op", windows())
            }),
        ),
        (
            "session",
            topology(of_session.clone(), move |app| {
                let add = |_: &String, value, sum| Some(sum + value).filter(|sum| sum % 7 != 0);
                let merge = |_: &String, one, other| Some(one + other);
                grouped(app, "in").sessions(session).aggregate("op", sessions(), || 0, add, merge)
            }),
        ),
        (
            "session on close",
            topology(of_session.clone(), move |app| {
                grouped(app, "in").sessions(session).emit(at_once()).count("op", sessions())
            }),
        ),
        (
            "suppressed sliding",
            topology(of_40.clone(), move |app| {
                let table = grouped(app, "in").windowed(sliding).count("op", windows());
                table.suppress_until_window_closes("final", final_counts(&closing_sliding))
            }),
        ),
        (
            "suppressed session",
            topology(of_session.clone(), move |app| {
                let table = grouped(app, "in").sessions(session).count("op", sessions());
                table.suppress_until_window_closes("final", final_counts(&closing_session))
            }),
        ),
        (
            "cogrouped tumbling",
            topology(of_length(30), |app| {
                grouped(app, "in")
                    .cogroup(|_, value, sum: i64| sum + value)
                    .cogroup(&grouped(app, "in2"), |_, value, sum: i64| sum - value)
                    .windowed(Tumbling::of_ms(30).grace_ms(20))
                    .aggregate("op", windows(), || 0)
            }),
        ),
        (
            "cogrouped sliding",
            topology(of_40, move |app| {
                grouped(app, "in")
                    .cogroup(|_, value, sum: i64| sum + value)
                    .cogroup(&grouped(app, "in2"), |_, value, sum: i64| sum - value)
                    .windowed(sliding)
                    .aggregate("op", windows(), || 0)
            }),
        ),
        (
            "cogrouped session",
            topology(of_session, move |app| {
                grouped(app, "in")
                    .cogroup(|_, value, sum: i64| sum + value)
                    .cogroup(&grouped(app, "in2"), |_, value, sum: i64| sum - value)
                    .sessions(session)
                    .aggregate("op", sessions(), || 0, |_, one, other| one + other)
            }),
        ),
    ]
}

/// Topic, key, value and time: time moves on, some records are late, some too late.
fn input(random: &mut StdRng, two: bool) -> Vec<(&'static str, String, i64, i64)> {
    let record = |step: i64| {
        let late = if random.random_bool(0.3) { random.random_range(0..80) } else { 0 };
        let jump = if step % 50 == 49 { 200 } else { 0 };
        let topic = if two && random.random_bool(0.5) { "in2" } else { "in" };
        (topic, format!("k{}", random.random_range(0..3)), step, (step * 6 + jump - late).max(0))
    };
    (0..STEPS).map(record).collect()
}

fn written(driver: &Driver) -> Vec<RawRecord> {
    driver.written("out").cloned().collect()
}

fn plainly(topology: &Topology, input: &[(&str, String, i64, i64)]) -> (Vec<RawRecord>, u64) {
    let mut driver = Driver::new(topology.clone()).unwrap();
    for (topic, key, value, time) in input {
        driver.pipe(&facts(topic), key.clone(), *value, *time).unwrap();
    }
    (written(&driver), driver.dropped())
}

/// The same with commits, aborts, crashes and restarts in between. What is processed again is read by lowest timestamp, so
/// late records of two topics would come in another order: then every record is committed before anything happens.
fn troubled(
    topology: &Topology,
    input: &[(&str, String, i64, i64)],
    two: bool,
    random: &mut StdRng,
) -> Vec<RawRecord> {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("state");
    let mut driver = Driver::builder(topology.clone()).rocks(state).commit_by_hand().build().unwrap();
    for (topic, key, value, time) in input {
        driver.pipe(&facts(topic), key.clone(), *value, *time).unwrap();
        if two {
            driver.commit().unwrap();
        }
        match random.random_range(0..24) {
            0..4 => driver.commit().unwrap(),
            4 => {
                driver.abort().unwrap();
                driver.run().unwrap();
            }
            5 => driver.reopen().unwrap(),
            6 => driver.restore().unwrap(),
            _ => {}
        }
    }
    driver.commit().unwrap();
    written(&driver)
}

#[test]
fn results_are_the_same_whatever_was_lost_on_the_way() {
    let seed: u64 = std::env::var("TOPO_TEST_SEED")
        .map_or_else(|_| RandomState::new().hash_one(0), |seed| seed.parse().unwrap());
    for (name, topology) in all() {
        let mut random = StdRng::seed_from_u64(seed);
        let two = name.starts_with("cogrouped");
        let input = input(&mut random, two);
        let (expected, dropped) = plainly(&topology, &input);
        assert!(expected.len() > 50 && dropped > 0, "{name}, seed {seed}: {} results", expected.len());
        let got = troubled(&topology, &input, two, &mut random);
        let first = got.iter().zip(&expected).position(|(got, expected)| got != expected);
        assert_eq!(
            (first, got.len()),
            (None, expected.len()),
            "{name} gave other results: replay with TOPO_TEST_SEED={seed}"
        );
    }
}

fn closing(interval_ms: i64) -> Driver {
    let topology = topology(of_length(10), move |app| {
        let emit = EmitStrategy::on_window_close().at_most_every_ms(interval_ms);
        grouped(app, "in").windowed(Tumbling::of_ms(10)).emit(emit).count("op", windows().retention_ms(1_000))
    });
    Driver::new(topology).unwrap()
}

/// Starts and counts of the results not read before.
fn results(driver: &mut Driver) -> Vec<(i64, Option<i64>)> {
    let out: Topic<Key, Option<i64>> = Topic::new("out", of_length(10), i64_be());
    driver.read(&out).unwrap().into_iter().map(|it| (it.key.window.start, it.value)).collect()
}

fn pipe(driver: &mut Driver, time: i64) {
    driver.pipe(&facts("in"), "k".to_owned(), 1, time).unwrap();
}

#[test]
fn closed_windows_wait_for_the_interval_and_a_restart_does_not_shorten_it() {
    let mut driver = closing(1_000);
    for time in [1, 2, 11, 25] {
        pipe(&mut driver, time);
    }
    driver.restore().unwrap();
    pipe(&mut driver, 26);
    assert_eq!(results(&mut driver), [], "the first record made a look, the next is due a second later");
    driver.advance_wall_clock(1_000).unwrap();
    assert_eq!(results(&mut driver), [], "only a record makes a look");
    pipe(&mut driver, 27);
    assert_eq!(results(&mut driver), [(0, Some(2)), (10, Some(1))]);
    driver.restore().unwrap();
    driver.advance_wall_clock(1_000).unwrap();
    pipe(&mut driver, 30);
    assert_eq!(results(&mut driver), [(20, Some(3))], "each result once");
}

#[test]
fn results_are_given_before_their_windows_leave_the_store() {
    let mut driver = closing(1_000_000);
    for time in [1, 15, 50_000, 50_005, 90_000] {
        pipe(&mut driver, time);
    }
    assert_eq!(results(&mut driver), [(0, Some(1)), (10, Some(1)), (50_000, Some(2))]);

    let topology = topology(session_windowed(utf8()), |app| {
        grouped(app, "in").sessions(Session::gap_ms(10)).emit(at_once()).count("op", sessions())
    });
    let mut driver = Driver::new(topology).unwrap();
    for time in [1, 15, 18, 50_000] {
        pipe(&mut driver, time);
    }
    let out: Topic<Key, Option<i64>> = Topic::new("out", session_windowed(utf8()), i64_be());
    let seen: Vec<_> =
        driver.read(&out).unwrap().into_iter().map(|it| (it.key.window.end, it.value)).collect();
    assert_eq!(seen, [(1, Some(1)), (18, Some(2))], "the default retention is just gap + grace");
}

#[test]
fn windowed_keys_of_every_kind_go_through_repartition_topics_and_joins() {
    let app = Builder::new("keys");
    let counts = grouped(&app, "in").sessions(Session::gap_ms(10)).count("count", sessions());
    let sums = grouped(&app, "in2").sessions(Session::gap_ms(10)).reduce(
        "sum",
        SessionValue::new("sums", utf8(), i64_be()),
        |sum, value| sum + value,
    );
    let out: Topic<Key, Option<i64>> = Topic::new("out", session_windowed(utf8()), i64_be());
    let by_length: Topic<i64, Option<i64>> = Topic::new("by-length", i64_be(), i64_be());
    let joined = counts.join("averages", &sums, |count, sum| sum / count);
    joined
        .to_stream("joined")
        .repartition("again", Codecs::new(session_windowed(utf8()), i64_be()))
        .to("sink", &out);
    counts
        .group_by(
            "by-length",
            |key, count| (key.window.end - key.window.start, *count),
            Codecs::new(i64_be(), i64_be()),
        )
        .reduce(
            "total",
            topo::KeyValue::new("totals", i64_be(), i64_be()),
            |sum, count| sum + count,
            |sum, count| sum - count,
        )
        .to_stream("totals-stream")
        .to("lengths", &by_length);
    let mut driver = Driver::new(app.build().unwrap()).unwrap();
    for (topic, value, time) in [("in", 1, 0), ("in2", 40, 0), ("in", 1, 5), ("in2", 10, 5)] {
        driver.pipe(&facts(topic), "k".to_owned(), value, time).unwrap();
    }
    let seen: Vec<_> =
        driver.read(&out).unwrap().into_iter().map(|it| (it.key.window.end, it.value)).collect();
    assert_eq!(seen, [(0, Some(40)), (0, None), (5, Some(25))]);
    let seen: Vec<_> = driver.read(&by_length).unwrap().into_iter().map(|it| (it.key, it.value)).collect();
    assert_eq!(seen, [(0, Some(1)), (0, Some(0)), (5, Some(2))]);
}

#[test]
fn what_is_wrong_with_windows_is_said_when_the_topology_is_built() {
    let app = Builder::new("wrong");
    let _ = grouped(&app, "in").windowed(Sliding::of_ms(-1)).count("sliding", windows());
    let _ = grouped(&app, "in2")
        .sessions(Session::gap_ms(100).grace_ms(50))
        .count("session", SessionValue::new("s", utf8(), i64_be()).retention_ms(149));
    let said = app.build().map(drop).unwrap_err().to_string();
    for part in [
        "\"sliding\"",
        "cannot be -1 ms apart",
        "\"session\"",
        "149 ms is less than its windows need, 150 ms",
    ] {
        assert!(said.contains(part), "{part} is missing in: {said}");
    }
}
