//! Suppression holds back and lets go what a list that is searched from end to end would, over crashes too.

use rand::Rng;
use rand::rngs::StdRng;
use topo::state::{WindowSize, Windowed, i64_be, utf8, windowed};
use topo::testkit::Driver;
use topo::{Builder, Codecs, KeyValue, Suppress, Topic, Topology, Tumbling, WindowValue};

use crate::seeded::seeded;

type Row = (String, Option<String>, i64);

fn input() -> Topic<String, Option<String>> {
    Topic::new("in", utf8(), utf8())
}

fn output() -> Topic<String, Option<String>> {
    Topic::new("out", utf8(), utf8())
}

fn held_back(limits: Suppress) -> Topology {
    let app = Builder::new("held");
    app.table("rows", &input(), KeyValue::new("rows-store", utf8(), utf8()))
        .suppress("less", limits, Codecs::new(utf8(), utf8()))
        .to_stream("updates")
        .to("out", &output());
    app.build().unwrap()
}

/// What waits: since when, for which key, and its newest update.
#[derive(Default)]
struct List {
    waiting: Vec<(i64, Row)>,
    time: i64,
}

impl List {
    /// Takes an update; gives what goes out, or nothing at all when the list is full and must not be.
    fn take(&mut self, update: Row, limit_ms: i64, most: Option<usize>, shut_down: bool) -> Option<Vec<Row>> {
        self.time = self.time.max(update.2);
        match self.waiting.iter_mut().find(|(_, held)| held.0 == update.0) {
            Some((_, held)) => *held = update,
            None => self.waiting.push((update.2, update)),
        }
        self.waiting.sort_by(|a, b| (a.0, &a.1.0).cmp(&(b.0, &b.1.0)));
        let due = self.waiting.iter().take_while(|(since, _)| since + limit_ms <= self.time).count();
        let mut out: Vec<Row> = self.waiting.drain(..due).map(|(_, held)| held).collect();
        if let Some(over) = most.and_then(|most| self.waiting.len().checked_sub(most + 1)) {
            if shut_down {
                return None;
            }
            out.extend(self.waiting.drain(..=over).map(|(_, held)| held));
        }
        Some(out)
    }
}

/// Commits, and sometimes loses everything that is not in a topic.
fn disturb(driver: &mut Driver, random: &mut StdRng) {
    match random.random_range(0..6) {
        0 => driver.restore().unwrap(),
        1 => driver.reopen().unwrap(),
        _ => {}
    }
}

fn run_beside_the_list(random: &mut StdRng) {
    let limit_ms = random.random_range(0..60);
    let most = random.random_bool(0.7).then(|| random.random_range(0..5));
    let shut_down = random.random_bool(0.3);
    let mut limits = Suppress::time_limit_ms(limit_ms);
    if let Some(most) = most {
        limits = limits.max_records(most as u64);
    }
    if shut_down {
        limits = limits.shut_down_when_full();
    }
    let (mut driver, mut list) = (Driver::new(held_back(limits)).unwrap(), List::default());
    for nth in 0..200 {
        let time = (nth * 4 - random.random_range(0..80)).max(0);
        let key = ["a", "ab", "b", "b\0", "c", "d"][random.random_range(0..6)].to_owned();
        let value = random.random_bool(0.8).then(|| format!("v{nth}"));
        let piped = driver.pipe(&input(), key.clone(), value.clone(), time);
        let Some(expected) = list.take((key, value, time), limit_ms, most, shut_down) else {
            let why = piped.expect_err("the list is full").to_string();
            assert!(why.contains("less"), "{why} names what is full");
            return;
        };
        piped.unwrap();
        let got: Vec<Row> =
            driver.read(&output()).unwrap().into_iter().map(|it| (it.key, it.value, it.timestamp)).collect();
        assert_eq!(got, expected, "record {nth}: {limits:?}");
        disturb(&mut driver, random);
    }
}

#[test]
fn updates_leave_when_they_are_old_enough_or_too_many_and_in_the_order_in_which_they_came() {
    let (_announce, mut random) = seeded();
    for _ in 0..60 {
        run_beside_the_list(&mut random);
    }
}

fn final_counts(size_ms: i64, grace_ms: i64) -> (Topology, Topic<Windowed<String>, Option<i64>>) {
    let app = Builder::new("final");
    let keys = || windowed(utf8(), WindowSize::millis(size_ms));
    let out = Topic::new("out", keys(), i64_be());
    app.stream("in", &Topic::<String, String>::new("in", utf8(), utf8()))
        .group_by_key("by-key", Codecs::new(utf8(), utf8()))
        .windowed(Tumbling::of_ms(size_ms).grace_ms(grace_ms))
        .count("count", WindowValue::new("counts", utf8(), i64_be()))
        .suppress_until_window_closes("final", Codecs::new(keys(), i64_be()))
        .to_stream("updates")
        .to("out", &out);
    (app.build().unwrap(), out)
}

#[test]
fn each_window_is_told_once_when_results_have_passed_its_end_and_grace() {
    let (_announce, mut random) = seeded();
    for _ in 0..30 {
        let (size_ms, grace_ms) = (random.random_range(1..20), random.random_range(0..15));
        let (topology, out) = final_counts(size_ms, grace_ms);
        let mut driver = Driver::new(topology).unwrap();
        // Windows that are open: end, key, count, newest record.
        let (mut open, mut time) = (Vec::<(i64, String, i64, i64)>::new(), i64::MIN);
        for nth in 0..200 {
            let at = (nth * 2 - random.random_range(0..30)).max(0);
            let key = ["a", "ab", "b"][random.random_range(0..3)].to_owned();
            driver.pipe(&Topic::new("in", utf8(), utf8()), key.clone(), "x".to_owned(), at).unwrap();
            let end = at / size_ms * size_ms + size_ms;
            // A late record reaches no window, so it moves no time of the results either.
            let mut expected = Vec::new();
            time = time.max(at);
            if end + grace_ms > time {
                match open.iter_mut().find(|it| (it.0, &it.1) == (end, &key)) {
                    Some(row) => (row.2, row.3) = (row.2 + 1, row.3.max(at)),
                    None => open.push((end, key, 1, at)),
                }
                open.sort();
                let closed = open.iter().take_while(|it| it.0 + grace_ms <= time).count();
                expected.extend(open.drain(..closed));
            }
            let got: Vec<_> = driver
                .read(&out)
                .unwrap()
                .into_iter()
                .map(|it| (it.key.window.end, it.key.key, it.value.unwrap_or_default(), it.timestamp))
                .collect();
            assert_eq!(got, expected, "record {nth} at {at}, windows of {size_ms} ms, grace {grace_ms} ms");
            disturb(&mut driver, &mut random);
        }
    }
}

#[test]
fn what_is_held_back_has_a_limit_in_bytes_after_a_crash_too() {
    // Key and value of a row are 2 bytes each; 20 more for its position and 2 for the topic's name.
    let limits = Suppress::time_limit_ms(1_000_000).max_bytes(3 * 26 + 6);
    let mut driver = Driver::new(held_back(limits)).unwrap();
    let mut told = Vec::new();
    for (nth, (key, value)) in
        [("k0", "v0"), ("k1", "v1"), ("k2", "v2"), ("k3", "v3"), ("k1", "longer"), ("k1", "v1")]
            .into_iter()
            .enumerate()
    {
        driver.pipe(&input(), key.to_owned(), Some(value.to_owned()), nth as i64).unwrap();
        told.push(driver.read(&output()).unwrap().into_iter().map(|it| it.key).collect::<Vec<_>>());
        driver.restore().unwrap();
    }
    let none = Vec::<String>::new();
    // The fourth row is one too many; six bytes more, four of the row and two of the one before, just fit.
    assert_eq!(told, [none.clone(), none.clone(), none.clone(), vec!["k0".to_owned()], none.clone(), none]);

    let mut driver = Driver::new(held_back(limits.shut_down_when_full())).unwrap();
    for key in ["k0", "k1", "k2"] {
        driver.pipe(&input(), key.to_owned(), Some("v0".to_owned()), 0).unwrap();
    }
    let why = driver.pipe(&input(), "k3".to_owned(), Some("v0".to_owned()), 0).unwrap_err().to_string();
    assert!(why.contains("84 bytes"), "{why}");
}
