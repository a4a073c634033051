//! Rows that expire: deleted from the store and its changelog, and told of, whatever is lost on the way.

use std::collections::BTreeMap;

use proptest::prelude::*;
use topo::state::{i64_be, utf8};
use topo::testkit::Driver;
use topo::{
    Builder, Clock, Codecs, Context, ExpiringHandle, Fault, Headers, KeyValue, Optimize, Processor,
    Punctuation, Record, Topic, Topology, Ttl,
};

type Rows = Topic<String, Option<i64>>;

fn rows(name: &str) -> Rows {
    Topic::new(name, utf8(), i64_be())
}

fn store(ttl: Ttl) -> KeyValue<String, i64> {
    KeyValue::new("rows", utf8(), i64_be()).ttl(ttl)
}

/// A table whose rows expire, and its updates.
fn table(ttl: Ttl) -> Topology {
    let app = Builder::new("table");
    app.table("table", &rows("in"), store(ttl)).to_stream("updates").to("write", &rows("out"));
    app.build().unwrap()
}

fn numbers(name: &str) -> Topic<String, i64> {
    Topic::new(name, utf8(), i64_be())
}

/// A sum of which one stream adds and another one takes away.
fn cogrouped(ttl: Ttl) -> Topology {
    let app = Builder::new("cogrouped");
    let grouped = |name: &str| {
        let codecs = Codecs::new(utf8(), i64_be());
        app.stream(name, &numbers(name)).group_by_key(&format!("{name}-by-key"), codecs)
    };
    grouped("more")
        .cogroup(|_, value, sum: i64| sum + value)
        .cogroup(&grouped("less"), |_, value, sum: i64| sum - value)
        .aggregate("sum", store(ttl), || 0)
        .to_stream("updates")
        .to("write", &rows("out"));
    app.build().unwrap()
}

fn put(driver: &mut Driver, key: &str, value: Option<i64>, time: i64) {
    driver.pipe(&rows("in"), key.to_owned(), value, time).unwrap();
}

/// Key, value and time of the updates not read before.
fn updates(driver: &mut Driver) -> Vec<(String, Option<i64>, i64)> {
    driver.read(&rows("out")).unwrap().into_iter().map(|it| (it.key, it.value, it.timestamp)).collect()
}

fn update(key: &str, value: Option<i64>, time: i64) -> (String, Option<i64>, i64) {
    (key.to_owned(), value, time)
}

/// The newest value per key in a changelog: what a restore would find.
fn restored(driver: &Driver, store: &str) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut newest = BTreeMap::new();
    for record in driver.changelog(store) {
        let key = record.key.clone().unwrap_or_default().to_vec();
        match &record.value {
            Some(value) => newest.insert(key, value.to_vec()),
            None => newest.remove(&key),
        };
    }
    newest
}

#[test]
fn a_row_expires_when_stream_time_is_past_its_timestamp_by_the_time_to_live() {
    let mut driver = Driver::new(table(Ttl::stream_ms(100))).unwrap();
    put(&mut driver, "a", Some(1), 0);
    put(&mut driver, "b", Some(2), 50);
    put(&mut driver, "c", Some(3), 99);
    assert_eq!(updates(&mut driver).len(), 3);
    put(&mut driver, "d", Some(4), 100);
    assert_eq!(updates(&mut driver), [update("a", None, 100), update("d", Some(4), 100)]);
    // An update keeps a row alive; an entry that comes up for nothing is moved on.
    put(&mut driver, "b", Some(5), 149);
    put(&mut driver, "d", Some(6), 150);
    assert_eq!(updates(&mut driver), [update("b", Some(5), 149), update("d", Some(6), 150)]);
    put(&mut driver, "x", Some(7), 249);
    let expected = [update("c", None, 199), update("b", None, 249), update("x", Some(7), 249)];
    assert_eq!(updates(&mut driver), expected);
    assert_eq!(driver.value::<String, i64>("rows", &"b".to_owned()).unwrap(), None);
}

#[test]
fn nothing_that_expired_comes_back_and_nothing_is_forgotten_to_expire_after_a_restore() {
    let directory = tempfile::tempdir().unwrap();
    let mut driver = Driver::builder(table(Ttl::stream_ms(100))).rocks(directory.path()).build().unwrap();
    put(&mut driver, "a", Some(1), 0);
    put(&mut driver, "b", Some(2), 60);
    put(&mut driver, "c", Some(3), 110);
    driver.restore().unwrap();
    assert_eq!(driver.value::<String, i64>("rows", &"a".to_owned()).unwrap(), None);
    assert_eq!(restored(&driver, "rows").len(), 2, "the changelog says so too");
    updates(&mut driver);
    driver.crash();
    driver.reopen().unwrap();
    put(&mut driver, "d", Some(4), 160);
    assert_eq!(updates(&mut driver), [update("b", None, 160), update("d", Some(4), 160)]);
    put(&mut driver, "e", Some(5), 1_000);
    assert_eq!((restored(&driver, "rows").len(), restored(&driver, "rows-expiry").len()), (1, 1));
}

#[test]
fn rows_expire_by_the_wall_clock_while_no_records_come() {
    let mut driver = Driver::builder(table(Ttl::wall_ms(6_400))).wall_clock(10_000).build().unwrap();
    put(&mut driver, "a", Some(1), 10_000);
    put(&mut driver, "old", Some(2), 10);
    assert_eq!(updates(&mut driver).len(), 2);
    driver.advance_wall_clock(100).unwrap();
    assert_eq!(updates(&mut driver), [update("old", None, 6_410)]);
    driver.advance_wall_clock(6_299).unwrap();
    assert_eq!(updates(&mut driver), []);
    driver.advance_wall_clock(101).unwrap();
    assert_eq!(updates(&mut driver), [update("a", None, 16_400)]);
}

#[test]
fn an_aggregate_that_expired_begins_anew_and_views_and_groups_behind_it_follow() {
    let app = Builder::new("counts");
    let words: Topic<String, String> = Topic::new("words", utf8(), utf8());
    let counts = app
        .stream("words", &words)
        .group_by_key("by-word", Codecs::new(utf8(), utf8()))
        .count("count", store(Ttl::stream_ms(100)));
    counts.to_stream("updates").to("write", &rows("out"));
    counts
        .filter("any", |_, _| true)
        .group_by("all", |_, count| ("all".to_owned(), *count), Codecs::new(utf8(), i64_be()))
        .aggregate(
            "sum",
            KeyValue::new("sums", utf8(), i64_be()),
            || 0,
            |_, count: i64, sum: i64| sum + count,
            |_, count: i64, sum: i64| sum - count,
        )
        .to_stream("sums")
        .to("write-sums", &rows("sums"));
    let mut driver = Driver::new(app.build().unwrap()).unwrap();
    for (word, time) in [("a", 0), ("a", 20), ("b", 60), ("a", 130), ("b", 131)] {
        driver.pipe(&words, word.to_owned(), "x".to_owned(), time).unwrap();
    }
    let expected = [
        update("a", Some(1), 0),
        update("a", Some(2), 20),
        update("b", Some(1), 60),
        update("a", None, 120),
        update("a", Some(1), 130),
        update("b", Some(2), 131),
    ];
    assert_eq!(updates(&mut driver), expected);
    let sums: Vec<Option<i64>> = driver.read(&rows("sums")).unwrap().into_iter().map(|it| it.value).collect();
    assert_eq!(sums.last(), Some(&Some(3)), "{sums:?}");
}

#[test]
fn stored_views_expire_by_themselves_and_updates_that_wait_for_the_commit_are_told_once() {
    let app = Builder::new("views");
    app.table_view("in", &rows("in"))
        .map_values("double", |_, row| row * 2)
        .stored(store(Ttl::stream_ms(100)).emit_per_commit())
        .to_stream("updates")
        .to("write", &rows("out"));
    let mut driver = Driver::builder(app.build().unwrap()).commit_by_hand().build().unwrap();
    for (key, time) in [("a", 0), ("b", 120), ("c", 130)] {
        put(&mut driver, key, Some(time), time);
    }
    driver.commit().unwrap();
    let keys: Vec<_> = updates(&mut driver).into_iter().map(|(key, value, _)| (key, value)).collect();
    assert_eq!(keys, [("b".to_owned(), Some(240)), ("c".to_owned(), Some(260))], "a came and went");
}

#[test]
fn what_cannot_expire_says_so_when_it_is_built() {
    let app = Builder::new("wrong").optimize(Optimize::all());
    let ttl = Ttl::stream_ms(100);
    let _ = app.table("history", &rows("a"), store(ttl).history_ms(10));
    let source = KeyValue::new("source", utf8(), i64_be()).ttl(ttl).restored_from_source();
    let _ = app.table("source", &rows("b"), source);
    let _ = app.store(KeyValue::<String, i64>::new("own", utf8(), i64_be()).ttl(ttl));
    let _ = app.table("none", &rows("c"), KeyValue::new("none", utf8(), i64_be()).ttl(Ttl::wall_ms(0)));
    let said = app.build().map(drop).unwrap_err().to_string();
    for part in ["forgets by it", "its topic does not say", "`expiring_store`", "a time to live of 0 ms"] {
        assert!(said.contains(part), "{part} is missing in: {said}");
    }
}

/// Keeps each number for as many milliseconds as it says; -1 ends it at once. Gives what is over, each with its end.
struct Keep(ExpiringHandle<String, i64>);

type Ctx<'a, 'h, 'p> = &'a mut Context<'h, 'p, String, Option<i64>>;

impl Processor for Keep {
    type KeyIn = String;
    type ValueIn = Option<i64>;
    type KeyOut = String;
    type ValueOut = Option<i64>;
    fn init(&mut self, ctx: Ctx<'_, '_, '_>) -> Result<(), Fault> {
        ctx.schedule(Clock::Stream, 1);
        Ok(())
    }
    fn process(&mut self, record: Record<String, Option<i64>>, ctx: Ctx<'_, '_, '_>) -> Result<(), Fault> {
        let Record { key, value, timestamp, .. } = record;
        match value {
            Some(lasts @ 0..) => ctx.expiring(&self.0).put(&key, lasts, timestamp, timestamp + lasts),
            _ => ctx.expiring(&self.0).delete(&key, timestamp),
        }
    }
    fn punctuate(&mut self, tick: Punctuation, ctx: Ctx<'_, '_, '_>) -> Result<(), Fault> {
        // One at a time, so that a limit is seen to lose none.
        while let Some((key, row)) = ctx.expiring(&self.0).take_due(tick.time, 1)?.pop() {
            let (value, timestamp, headers) = (Some(row.value), row.until, Headers::new());
            ctx.forward(Record { key, value, timestamp, headers })?;
        }
        Ok(())
    }
}

#[test]
fn rows_of_a_processor_end_each_at_its_own_time_and_are_taken_once_whatever_is_lost() {
    let directory = tempfile::tempdir().unwrap();
    let app = Builder::new("own");
    let store = app.expiring_store(KeyValue::new("own", utf8(), i64_be()));
    app.stream("read", &rows("in"))
        .process("keep", store.clone(), move || Keep(store.clone()))
        .to("write", &rows("out"));
    let mut driver = Driver::builder(app.build().unwrap()).rocks(directory.path()).build().unwrap();
    put(&mut driver, "long", Some(100), 0);
    put(&mut driver, "short", Some(10), 0);
    put(&mut driver, "changed", Some(5), 0);
    put(&mut driver, "changed", Some(60), 1);
    put(&mut driver, "gone", Some(20), 2);
    put(&mut driver, "gone", Some(-1), 3);
    driver.restore().unwrap();
    assert_eq!(updates(&mut driver), []);
    put(&mut driver, "tick", Some(1_000), 50);
    assert_eq!(updates(&mut driver), [update("short", Some(10), 10)]);
    driver.crash();
    driver.reopen().unwrap();
    put(&mut driver, "tick", Some(1_000), 100);
    assert_eq!(updates(&mut driver), [update("changed", Some(60), 61), update("long", Some(100), 100)]);
    driver.restore().unwrap();
    put(&mut driver, "tick", Some(1_000), 900);
    assert_eq!(updates(&mut driver), []);
    assert_eq!((restored(&driver, "own").len(), restored(&driver, "own-expiry").len()), (1, 1));
}

/// One step of a run: a row, a deletion, or one of the ways to lose everything in memory.
#[derive(Clone, Debug)]
enum Step {
    Put(u8, i64),
    Delete(u8, i64),
    Reopen,
    Restore,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0_u8..5, 0_i64..25).prop_map(|(key, on)| Step::Put(key, on)),
        1 => (0_u8..5, 0_i64..25).prop_map(|(key, on)| Step::Delete(key, on)),
        1 => Just(Step::Reopen),
        1 => Just(Step::Restore),
    ];
    proptest::collection::vec(step, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The model looks at every row before every record; time wanders back now and then.
    #[test]
    fn rows_expire_as_if_every_one_were_looked_at_before_every_record(steps in steps()) {
        let mut driver = Driver::new(table(Ttl::stream_ms(20))).unwrap();
        let mut model: BTreeMap<String, (i64, i64)> = BTreeMap::new();
        let (mut time, mut stream_time, mut expected) = (0_i64, 0_i64, Vec::new());
        for (value, step) in (0_i64..).zip(steps) {
            let (key, on, row) = match step {
                Step::Put(key, on) => (key, on, Some(value)),
                Step::Delete(key, on) => (key, on, None),
                Step::Reopen => {
                    driver.crash();
                    driver.reopen().unwrap();
                    continue;
                }
                Step::Restore => {
                    driver.restore().unwrap();
                    continue;
                }
            };
            time = (time + on - 8).max(0);
            stream_time = stream_time.max(time);
            let mut due: Vec<(i64, String)> = model
                .iter()
                .filter(|(_, (_, since))| since + 20 <= stream_time)
                .map(|(key, (_, since))| (*since, key.clone()))
                .collect();
            due.sort();
            for (since, key) in due {
                model.remove(&key);
                expected.push((key, None, since + 20));
            }
            let key = format!("k{key}");
            put(&mut driver, &key, row, time);
            expected.push((key.clone(), row, time));
            match row {
                Some(row) => model.insert(key, (row, time)),
                None => model.remove(&key),
            };
        }
        let mut seen = updates(&mut driver);
        // Several that are due at once leave by the time they were noted with, which may be older than the row's.
        seen.sort();
        expected.sort();
        prop_assert_eq!(seen, expected);
        let rows: BTreeMap<String, i64> =
            driver.key_values::<String, i64>("rows").unwrap().into_iter().map(|(key, row)| (key, row.value)).collect();
        let kept: BTreeMap<String, i64> = model.into_iter().map(|(key, (row, _))| (key, row)).collect();
        prop_assert_eq!(restored(&driver, "rows").len(), kept.len());
        prop_assert_eq!(rows, kept);
    }
    /// The same of rows that several streams put. One that is over when it is put goes at once.
    #[test]
    fn cogrouped_rows_expire_whichever_stream_put_them(steps in steps()) {
        let mut driver = Driver::new(cogrouped(Ttl::stream_ms(20))).unwrap();
        let mut model: BTreeMap<String, (i64, i64)> = BTreeMap::new();
        let (mut time, mut stream_time, mut expected) = (0_i64, 0_i64, Vec::new());
        for (value, step) in (1_i64..).zip(steps) {
            let (key, on, topic, sign) = match step {
                Step::Put(key, on) => (key, on, "more", 1),
                Step::Delete(key, on) => (key, on, "less", -1),
                Step::Reopen => {
                    driver.crash();
                    driver.reopen().unwrap();
                    continue;
                }
                Step::Restore => {
                    driver.restore().unwrap();
                    continue;
                }
            };
            time = (time + on - 8).max(0);
            stream_time = stream_time.max(time);
            let over = |model: &mut BTreeMap<String, (i64, i64)>, expected: &mut Vec<_>| {
                let is_over = |since: i64| since + 20 <= stream_time;
                expected.extend(
                    model.iter().filter(|(_, row)| is_over(row.1)).map(|(key, row)| (key.clone(), None, row.1 + 20)),
                );
                model.retain(|_, row| !is_over(row.1));
            };
            over(&mut model, &mut expected);
            let key = format!("k{key}");
            driver.pipe(&numbers(topic), key.clone(), value, time).unwrap();
            let row = model.entry(key.clone()).or_insert((0, time));
            *row = (row.0 + sign * value, row.1.max(time));
            expected.push((key, Some(row.0), row.1));
            over(&mut model, &mut expected);
        }
        let mut seen = updates(&mut driver);
        seen.sort();
        expected.sort();
        prop_assert_eq!(seen, expected);
        prop_assert_eq!(restored(&driver, "rows").len(), model.len());
        prop_assert_eq!(restored(&driver, "rows-expiry").len(), model.len());
    }
}
