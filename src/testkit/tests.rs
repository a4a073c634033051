//! The driver over a topology with a repartition topic and a store.

use topo_state::{i64_be, utf8};

use super::{Driver, DriverBuilder, DriverError};
use crate::processor::Clock;
use crate::record::RawRecord;
use crate::task::sample::{counting, shown};
use crate::topic::Topic;

fn words() -> Topic<String, String> {
    Topic::new("words", utf8(), utf8())
}

fn counts() -> Topic<String, i64> {
    Topic::new("out", utf8(), i64_be())
}

fn builder() -> DriverBuilder {
    Driver::builder(counting(Clock::Wall, true).0)
}

fn pipe(driver: &mut Driver, list: &[&str]) {
    for word in list {
        driver.pipe(&words(), String::new(), (*word).to_owned(), 1).unwrap();
    }
}

fn read(driver: &mut Driver) -> Vec<(String, i64)> {
    driver.read(&counts()).unwrap().into_iter().map(|record| (record.key, record.value)).collect()
}

fn pairs(expected: &[(&str, i64)]) -> Vec<(String, i64)> {
    expected.iter().map(|(key, count)| ((*key).to_owned(), *count)).collect()
}

#[test]
fn records_run_through_repartition_topics_to_the_end() {
    let mut driver = builder().build().unwrap();
    pipe(&mut driver, &["a", "b", "a"]);
    assert_eq!(read(&mut driver), pairs(&[("a", 1), ("b", 1), ("a", 2)]));
    assert_eq!(read(&mut driver), []);
    let topics: Vec<&str> = driver.topics().collect();
    assert_eq!(topics, ["app-by-word", "app-counts-changelog", "out", "words"]);
    let changelog: Vec<_> =
        driver.changelog("counts").map(|it| shown("", it.key.as_deref(), it.value.as_deref())).collect();
    assert_eq!(changelog, ["/a=1", "/b=1", "/a=2"]);
    let rows = driver.key_values::<String, i64>("counts").unwrap();
    let rows: Vec<_> = rows.into_iter().map(|(key, row)| (key, row.value, row.timestamp)).collect();
    assert_eq!(rows, [("a".to_owned(), 2, 1), ("b".to_owned(), 1, 1)]);
    assert_eq!(driver.value::<String, i64>("counts", &"b".to_owned()).unwrap(), Some(1));
    assert_eq!(driver.rows("counts").unwrap().len(), 2);
    assert_eq!(driver.stream_time(), Some(1));
}

#[test]
fn with_commits_by_hand_nothing_shows_before_and_an_abort_repeats() {
    let mut driver = builder().commit_by_hand().build().unwrap();
    pipe(&mut driver, &["a"]);
    assert_eq!((read(&mut driver), driver.read_raw("app-by-word").len()), (vec![], 0));
    driver.commit().unwrap();
    assert_eq!((read(&mut driver), driver.read_raw("app-by-word").len()), (vec![], 1));
    assert_eq!(driver.value::<String, i64>("counts", &"a".to_owned()).unwrap(), Some(1));
    driver.abort().unwrap();
    assert_eq!(driver.value::<String, i64>("counts", &"a".to_owned()).unwrap(), None);
    driver.run().unwrap();
    driver.commit().unwrap();
    assert_eq!(read(&mut driver), pairs(&[("a", 1)]));
}

fn survives_crashes(builder: DriverBuilder) {
    let mut driver = builder.commit_by_hand().build().unwrap();
    pipe(&mut driver, &["a", "b", "a"]);
    driver.commit().unwrap();
    driver.commit().unwrap();
    pipe(&mut driver, &["a"]);
    driver.commit().unwrap();
    // The last count is not committed: it must be made again, once.
    driver.crash();
    assert!(matches!(driver.run(), Err(DriverError::Crashed)));
    driver.reopen().unwrap();
    driver.commit().unwrap();
    assert_eq!(read(&mut driver), pairs(&[("a", 1), ("b", 1), ("a", 2), ("a", 3)]));
    assert_eq!(driver.stream_time(), Some(1));
    driver.restore().unwrap();
    pipe(&mut driver, &["a", "b"]);
    driver.commit().unwrap();
    driver.commit().unwrap();
    assert_eq!(read(&mut driver), pairs(&[("a", 4), ("b", 2)]));
}

#[test]
fn crashes_lose_and_double_nothing_in_memory() {
    survives_crashes(builder());
}

#[test]
fn crashes_lose_and_double_nothing_on_disk() {
    let directory = tempfile::tempdir().unwrap();
    survives_crashes(builder().rocks(directory.path().join("state")));
}

#[test]
fn the_wall_clock_moves_only_when_told() {
    let mut driver = builder().wall_clock(1_000).build().unwrap();
    pipe(&mut driver, &["a"]);
    driver.advance_wall_clock(9).unwrap();
    assert_eq!(read(&mut driver), pairs(&[("a", 1)]));
    driver.advance_wall_clock(1).unwrap();
    assert_eq!((read(&mut driver), driver.wall_clock()), (pairs(&[("tick", 1_010)]), 1_010));
}

#[test]
fn faults_become_dead_letters_or_errors_that_roll_back() {
    let (topology, gate) = counting(Clock::Wall, true);
    let mut driver = Driver::new(topology).unwrap();
    pipe(&mut driver, &["poison", "drop"]);
    driver.pipe_raw("words", RawRecord { value: Some(vec![0xff].into()), ..RawRecord::default() }).unwrap();
    let letters = driver.dead_letters();
    let origins: Vec<_> = letters.iter().map(|it| it.headers.last("__streams.errors.topic")).collect();
    assert_eq!(origins, [Some(&b"app-by-word"[..]), Some(b"words")]);
    assert_eq!(driver.dropped(), 1);
    read(&mut driver);
    let refused = driver.pipe(&words(), String::new(), "retry".to_owned(), 1);
    assert!(matches!(refused, Err(DriverError::Retry(_))), "{refused:?}");
    assert_eq!(read(&mut driver), []);
    gate.store(true, std::sync::atomic::Ordering::Relaxed);
    driver.run().unwrap();
    assert_eq!(read(&mut driver), pairs(&[("retry", 1)]));
    assert!(matches!(
        driver.pipe(&words(), String::new(), "fatal".to_owned(), 1),
        Err(DriverError::Stopped(_))
    ));
}

#[test]
fn what_does_not_exist_is_named() {
    let mut driver = builder().build().unwrap();
    let error = driver.pipe_raw("nowhere", RawRecord::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the topology does not read topic \"nowhere\"; it reads words, app-by-word"
    );
    let error = driver.key_values::<String, i64>("lost").unwrap_err();
    assert_eq!(error.to_string(), "store \"lost\": the topology has no such store");
    assert!(matches!(driver.windows::<String, i64>("counts"), Err(DriverError::Store { .. })));
    // Eight bytes of a number are no 4-byte number.
    pipe(&mut driver, &["a"]);
    let wrong: Topic<String, i32> = Topic::new("out", utf8(), topo_state::i32_be());
    assert!(matches!(driver.read(&wrong), Err(DriverError::Codec { .. })));
}
