//! One update per row and commit: whoever adds the updates up comes to the same table, and so does whoever takes old rows
//! back, over aborts and lost stores.

use std::collections::{BTreeMap, BTreeSet};

use rand::Rng;
use rand::rngs::StdRng;
use topo::state::{CodecRef, WindowSize, Windowed, i64_be, session_windowed, utf8, windowed};
use topo::testkit::Driver;
use topo::{
    Builder, Codecs, Grouped, Hopping, KeyValue, Session, SessionValue, Sliding, Table, Topic, Topology,
    Tumbling, WindowValue,
};

use crate::seeded::seeded;

type Key = Windowed<String>;
type Counts<'b> = Table<'b, Key, i64>;

/// The tables, by what makes them.
const SHAPES: [&str; 6] =
    ["tumbling", "hopping", "sliding", "sessions", "cogrouped windows", "cogrouped sessions"];
const SIZE_MS: i64 = 20;

fn facts(name: &str) -> Topic<String, i64> {
    Topic::new(name, utf8(), i64_be())
}

fn keys(shape: &str) -> CodecRef<Key> {
    if shape.ends_with("sessions") {
        session_windowed(utf8())
    } else {
        windowed(utf8(), WindowSize::millis(SIZE_MS))
    }
}

fn out(shape: &str) -> Topic<Key, Option<i64>> {
    Topic::new("out", keys(shape), i64_be())
}

/// Sums by the plain key, of all its windows.
fn sums() -> Topic<String, Option<i64>> {
    Topic::new("sums", utf8(), i64_be())
}

fn grouped<'b>(app: &'b Builder, topic: &str) -> Grouped<'b, String, i64> {
    app.stream(topic, &facts(topic)).group_by_key(&format!("{topic}-by-key"), Codecs::new(utf8(), i64_be()))
}

fn table<'b>(app: &'b Builder, shape: &str, per_commit: bool) -> Counts<'b> {
    let mut windows = WindowValue::new("rows", utf8(), i64_be());
    let mut sessions = SessionValue::new("rows", utf8(), i64_be());
    if per_commit {
        (windows, sessions) = (windows.emit_per_commit(), sessions.emit_per_commit());
    }
    // Sums that reach the limit begin anew: some rows are deleted.
    let add = |_: &String, fact: i64, sum: i64| Some(sum + fact).filter(|sum| *sum < 12);
    let merge = |_: &String, one: i64, other: i64| Some(one + other);
    let one = grouped(app, "one");
    let first = || 0;
    match shape {
        "tumbling" => {
            one.windowed(Tumbling::of_ms(SIZE_MS).grace_ms(50)).aggregate("it", windows, first, add)
        }
        "hopping" => {
            one.windowed(Hopping::of_ms(SIZE_MS, 7).grace_ms(50)).aggregate("it", windows, first, add)
        }
        "sliding" => one.windowed(Sliding::of_ms(SIZE_MS).grace_ms(50)).aggregate("it", windows, first, add),
        "sessions" => {
            one.sessions(Session::gap_ms(10).grace_ms(50)).aggregate("it", sessions, first, add, merge)
        }
        "cogrouped windows" => one
            .cogroup(add)
            .cogroup(&grouped(app, "two"), add)
            .windowed(Tumbling::of_ms(SIZE_MS).grace_ms(50))
            .aggregate("it", windows, first),
        _ => one
            .cogroup(add)
            .cogroup(&grouped(app, "two"), add)
            .sessions(Session::gap_ms(10).grace_ms(50))
            .aggregate("it", sessions, first, merge),
    }
}

fn topology(shape: &str, per_commit: bool) -> Topology {
    let app = Builder::new("per-commit");
    let rows = table(&app, shape, per_commit);
    rows.to_stream("updates").to("out", &out(shape));
    rows.group_by("by-plain-key", |key, sum| (key.key.clone(), *sum), Codecs::new(utf8(), i64_be()))
        .reduce("sum", KeyValue::new("sums-store", utf8(), i64_be()), |a, b| a + b, |a, b| a - b)
        .to_stream("sum-updates")
        .to("sums", &sums());
    app.build().unwrap()
}

/// What the updates of a topic come to.
type Told<K> = BTreeMap<K, i64>;

fn add_up<K: Ord>(told: &mut Told<K>, updates: impl Iterator<Item = (K, Option<i64>)>) {
    for (key, value) in updates {
        match value {
            Some(value) => told.insert(key, value),
            None => told.remove(&key),
        };
    }
}

/// Everything at once, every update told.
fn plainly(shape: &str, input: &[(&str, String, i64, i64)]) -> (Told<Key>, Told<String>) {
    let mut driver = Driver::new(topology(shape, false)).unwrap();
    for (topic, key, fact, time) in input {
        driver.pipe(&facts(topic), key.clone(), *fact, *time).unwrap();
    }
    let (mut rows, mut totals) = (Told::new(), Told::new());
    add_up(&mut rows, driver.read(&out(shape)).unwrap().into_iter().map(|it| (it.key, it.value)));
    add_up(&mut totals, driver.read(&sums()).unwrap().into_iter().map(|it| (it.key, it.value)));
    (rows, totals)
}

fn per_commit(
    shape: &str,
    input: &[(&str, String, i64, i64)],
    random: &mut StdRng,
) -> (Told<Key>, Told<String>) {
    let mut driver = Driver::builder(topology(shape, true)).commit_by_hand().build().unwrap();
    let (mut rows, mut totals) = (Told::new(), Told::new());
    for (nth, (topic, key, fact, time)) in input.iter().enumerate() {
        driver.pipe(&facts(topic), key.clone(), *fact, *time).unwrap();
        match random.random_range(0..24) {
            0..4 => driver.commit().unwrap(),
            // One topic comes back in the order in which it was read.
            4 if !shape.starts_with("cogrouped") => {
                driver.abort().unwrap();
                driver.run().unwrap();
            }
            5 => {
                driver.commit().unwrap();
                driver.restore().unwrap();
            }
            _ if nth + 1 == input.len() => driver.commit().unwrap(),
            _ => continue,
        }
        let updates = driver.read(&out(shape)).unwrap();
        let mut seen = BTreeSet::new();
        for update in &updates {
            assert!(seen.insert(update.key.clone()), "{shape}: {} is told twice in a commit", update.key);
            assert!(update.value.is_some() || rows.contains_key(&update.key), "{shape}: nothing is deleted");
        }
        add_up(&mut rows, updates.into_iter().map(|it| (it.key, it.value)));
    }
    // What goes through the repartition topic is seen once committed, and counts once that is committed as well.
    for _ in 0..3 {
        driver.commit().unwrap();
    }
    add_up(&mut rows, driver.read(&out(shape)).unwrap().into_iter().map(|it| (it.key, it.value)));
    add_up(&mut totals, driver.read(&sums()).unwrap().into_iter().map(|it| (it.key, it.value)));
    (rows, totals)
}

#[test]
fn updates_per_commit_add_up_to_the_table_that_every_update_makes() {
    let (_announce, mut random) = seeded();
    for shape in SHAPES {
        for _ in 0..8 {
            let topics = if shape.starts_with("cogrouped") { 2 } else { 1 };
            let input: Vec<_> = (0..150)
                .map(|nth| {
                    let topic = ["one", "two"][random.random_range(0..topics)];
                    let key = ["a", "ab", "b"][random.random_range(0..3)].to_owned();
                    (topic, key, random.random_range(1..6), 100 + nth * 2 - random.random_range(0..40))
                })
                .collect();
            let expected = plainly(shape, &input);
            assert!(expected.0.len() > 5, "{shape} has only {} rows", expected.0.len());
            assert_eq!(per_commit(shape, &input, &mut random), expected, "{shape}");
        }
    }
}

#[test]
fn two_streams_that_touch_a_row_in_one_commit_tell_it_once() {
    let app = Builder::new("cogrouped");
    let rows = KeyValue::new("rows", utf8(), i64_be()).emit_per_commit();
    // A sum that reaches the limit is deleted.
    let add = |_: &String, fact: i64, sum: i64| Some(sum + fact).filter(|sum| *sum < 12);
    grouped(&app, "one")
        .cogroup(add)
        .cogroup(&grouped(&app, "two"), add)
        .aggregate("it", rows, || 0)
        .to_stream("updates")
        .to("sums", &sums());
    let mut driver = Driver::builder(app.build().unwrap()).commit_by_hand().build().unwrap();
    let mut told = |facts_of: &[(&str, i64, i64)]| {
        for (topic, fact, time) in facts_of {
            driver.pipe(&facts(topic), "a".to_owned(), *fact, *time).unwrap();
        }
        driver.commit().unwrap();
        driver.read(&sums()).unwrap().into_iter().map(|it| (it.value, it.timestamp)).collect::<Vec<_>>()
    };
    assert_eq!(told(&[("one", 1, 10), ("two", 2, 5)]), [(Some(3), 10)]);
    assert_eq!(told(&[("two", 4, 20), ("one", 9, 15)]), [(None, 15)], "a deletion has the time of its cause");
    assert_eq!(told(&[("two", 5, 30), ("one", 9, 31)]), [], "from nothing to nothing");
}
