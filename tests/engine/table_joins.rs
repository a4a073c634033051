//! Joins with tables give what a search through all rows gives, whatever is lost on the way.

use std::collections::BTreeMap;

use rand::Rng;
use rand::rngs::StdRng;
use topo::state::utf8;
use topo::testkit::Driver;
use topo::{Builder, Codecs, KeyValue, Table, Topic, Topology};

use crate::seeded::seeded;

type Text = Option<String>;
type Row = (String, Text, i64);

const KEYS: [&str; 5] = ["a", "ab", "b", "b\0", "c"];

/// As in Kafka Streams the rows of what waits are keys with a number behind: with zeros in keys equal times would mix.
const WAITING_KEYS: [&str; 5] = ["a", "ab", "b", "ba", "c"];

fn topic(name: &str) -> Topic<String, Text> {
    Topic::new(name, utf8(), utf8())
}

fn store(name: &str) -> KeyValue<String, String> {
    KeyValue::new(name, utf8(), utf8())
}

fn codecs() -> Codecs<String, String> {
    Codecs::new(utf8(), utf8())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Inner,
    Left,
    Outer,
}

fn pair(left: Option<&String>, right: Option<&String>) -> String {
    let text = |side: Option<&String>| side.map_or("-", String::as_str).to_owned();
    format!("{}+{}", text(left), text(right))
}

fn sent<'b>(table: &Table<'b, String, String>) {
    table.to_stream("updates").to("out", &topic("out"));
}

fn by_key(kind: Kind) -> Topology {
    let app = Builder::new("tables");
    let left = app.table("left", &topic("left"), store("left-store"));
    let right = app.table("right", &topic("right"), store("right-store"));
    sent(&match kind {
        Kind::Inner => left.join("join", &right, |l, r| pair(Some(l), Some(r))),
        Kind::Left => left.left_join("join", &right, |l, r| pair(Some(l), r)),
        Kind::Outer => left.outer_join("join", &right, pair),
    });
    app.build().unwrap()
}

/// A left row's value begins with the key of its right row; `-` = it has none.
fn foreign(value: &str) -> Text {
    value.split_once(':').map(|(key, _)| key.to_owned()).filter(|key| key != "-")
}

fn by_foreign_key(kind: Kind) -> Topology {
    let app = Builder::new("foreign");
    let left = app.table("left", &topic("left"), store("left-store"));
    let right = app.table("right", &topic("right"), store("right-store"));
    let of = |_: &String, row: &String| foreign(row);
    sent(&match kind {
        Kind::Inner => left.fk_join("join", &right, of, |_, l, r| pair(Some(l), Some(r))),
        _ => left.left_fk_join("join", &right, of, |_, l, r| pair(Some(l), r)),
    });
    app.build().unwrap()
}

/// Two tables as maps, and what their join is.
#[derive(Default)]
struct Tables {
    rows: [BTreeMap<String, String>; 2],
}

impl Tables {
    fn set(&mut self, side: usize, key: &str, value: &Text) {
        match value {
            Some(value) => self.rows[side].insert(key.to_owned(), value.clone()),
            None => self.rows[side].remove(key),
        };
    }

    fn joined(&self, kind: Kind, by_foreign_key: bool) -> BTreeMap<String, String> {
        let [left, right] = &self.rows;
        let mut joined = BTreeMap::new();
        for (key, l) in left {
            let other = if by_foreign_key { foreign(l) } else { Some(key.clone()) };
            let r = right.iter().find(|(key, _)| Some(*key) == other.as_ref()).map(|(_, value)| value);
            if r.is_some() || kind != Kind::Inner {
                joined.insert(key.clone(), pair(Some(l), r));
            }
        }
        if kind == Kind::Outer {
            for (key, r) in right.iter().filter(|(key, _)| !left.contains_key(*key)) {
                joined.insert(key.clone(), pair(None, Some(r)));
            }
        }
        joined
    }
}

fn read(driver: &mut Driver) -> Vec<Row> {
    driver.read(&topic("out")).unwrap().into_iter().map(|it| (it.key, it.value, it.timestamp)).collect()
}

/// Every record is committed; sometimes everything that is not in a topic, or not on disk, is lost.
fn disturb(driver: &mut Driver, random: &mut StdRng) {
    match random.random_range(0..8) {
        0 => driver.restore().unwrap(),
        1 => driver.reopen().unwrap(),
        _ => {}
    }
}

fn tables_beside_maps(topology: &Topology, kind: Kind, by_foreign_key: bool, random: &mut StdRng) {
    let mut driver = Driver::new(topology.clone()).unwrap();
    let (mut tables, mut told) = (Tables::default(), BTreeMap::new());
    for nth in 0..150 {
        let (side, key) = (random.random_range(0..2), KEYS[random.random_range(0..KEYS.len())]);
        let reference = if random.random_bool(0.2) { "-" } else { KEYS[random.random_range(0..KEYS.len())] };
        let value = random.random_bool(0.75).then(|| match side {
            0 => format!("{reference}:{nth}"),
            _ => format!("r{nth}"),
        });
        let time = random.random_range(0..100);
        tables.set(side, key, &value);
        driver.pipe(&topic(["left", "right"][side]), key.to_owned(), value, time).unwrap();
        for (key, value, _) in read(&mut driver) {
            match value {
                Some(value) => told.insert(key, value),
                None => told.remove(&key),
            };
        }
        assert_eq!(told, tables.joined(kind, by_foreign_key), "record {nth}, {kind:?}");
        disturb(&mut driver, random);
    }
}

#[test]
fn the_updates_of_a_join_make_the_table_that_a_search_through_both_makes() {
    let (_announce, mut random) = seeded();
    for kind in [Kind::Inner, Kind::Left, Kind::Outer] {
        for _ in 0..10 {
            tables_beside_maps(&by_key(kind), kind, false, &mut random);
        }
    }
    for kind in [Kind::Inner, Kind::Left] {
        for _ in 0..10 {
            tables_beside_maps(&by_foreign_key(kind), kind, true, &mut random);
        }
    }
}

/// A stream beside a table with or without a history, at once or after a grace.
fn stream_and_table(kind: Kind, history_ms: Option<i64>, grace_ms: Option<i64>) -> Topology {
    let app = Builder::new("stream");
    let rows = store("right-store");
    let rows = match history_ms {
        Some(history_ms) => rows.history_ms(history_ms),
        None => rows,
    };
    let table = app.table("right", &topic("right"), rows);
    let stream = app.stream("left", &topic("left")).with_codecs(codecs());
    let inner = |_: &String, l: &String, r: &String| Some(pair(Some(l), Some(r)));
    let left = |_: &String, l: &String, r: Option<&String>| Some(pair(Some(l), r));
    let joined = match (kind, grace_ms) {
        (Kind::Inner, None) => stream.join_table("join", &table, inner),
        (Kind::Inner, Some(grace_ms)) => stream.join_table_with_grace("join", &table, grace_ms, inner),
        (_, None) => stream.left_join_table("join", &table, left),
        (_, Some(grace_ms)) => stream.left_join_table_with_grace("join", &table, grace_ms, left),
    };
    joined.to("out", &topic("out"));
    app.build().unwrap()
}

/// Every version of every row, and the stream's records that wait for their time.
#[derive(Default)]
struct Past {
    /// Key, since when, value; of equal ones the last holds.
    versions: Vec<Row>,
    waiting: Vec<Row>,
    time: i64,
}

impl Past {
    fn as_of(&self, key: &str, time: Option<i64>) -> Text {
        let mut of_key = self.versions.iter().filter(|row| row.0 == key);
        match time {
            None => of_key.next_back()?.1.clone(),
            Some(time) => of_key.filter(|row| row.2 <= time).max_by_key(|row| row.2)?.1.clone(),
        }
    }

    /// What comes out when this record of the stream comes in.
    fn meets(&mut self, record: Row, kind: Kind, history: bool, grace_ms: i64) -> Vec<Row> {
        self.time = self.time.max(record.2);
        self.waiting.push(record);
        // Those that came first stay in front of their equals.
        self.waiting.sort_by(|a, b| (a.2, &a.0).cmp(&(b.2, &b.0)));
        let due = self.waiting.iter().take_while(|it| it.2 <= self.time - grace_ms).count();
        let due: Vec<Row> = self.waiting.drain(..due).collect();
        due.into_iter()
            .filter_map(|(key, value, time)| {
                let row = self.as_of(&key, history.then_some(time));
                let joined = pair(value.as_ref(), row.as_ref());
                (row.is_some() || kind != Kind::Inner).then_some((key, Some(joined), time))
            })
            .collect()
    }
}

fn stream_beside_past(random: &mut StdRng) {
    let kind = [Kind::Inner, Kind::Left][random.random_range(0..2)];
    let history_ms = random.random_bool(0.6).then_some(1_000_000);
    let grace_ms = history_ms.and_then(|_| random.random_bool(0.5).then(|| random.random_range(1..60)));
    let mut driver = Driver::new(stream_and_table(kind, history_ms, grace_ms)).unwrap();
    let mut past = Past::default();
    for nth in 0..150 {
        let key = WAITING_KEYS[random.random_range(0..WAITING_KEYS.len())].to_owned();
        let time = (nth * 3 - random.random_range(0..80)).max(0);
        if random.random_bool(0.5) {
            let value = random.random_bool(0.8).then(|| format!("r{nth}"));
            driver.pipe(&topic("right"), key.clone(), value.clone(), time).unwrap();
            // A version of the same time takes the other's place.
            past.versions.retain(|row| history_ms.is_none() || (&row.0, row.2) != (&key, time));
            past.versions.push((key, value, time));
            assert_eq!(read(&mut driver), [], "a table's row sends nothing");
        } else {
            let value = Some(format!("l{nth}"));
            driver.pipe(&topic("left"), key.clone(), value.clone(), time).unwrap();
            let expected = past.meets((key, value, time), kind, history_ms.is_some(), grace_ms.unwrap_or(0));
            let got = read(&mut driver);
            assert_eq!(got, expected, "record {nth}, {kind:?}, history {history_ms:?}, grace {grace_ms:?}");
        }
        disturb(&mut driver, random);
    }
}

#[test]
fn a_stream_meets_the_row_of_now_or_of_its_own_time_at_once_or_after_a_grace() {
    let (_announce, mut random) = seeded();
    for _ in 0..60 {
        stream_beside_past(&mut random);
    }
}
