//! Random operations beside plain maps: puts, deletes, reads, scans, commits, aborts and crashes, over every kind of store
//! and both backends. A failure prints its seed; `TOPO_TEST_SEED` replays it.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::ops::{Bound, ControlFlow};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use topo_state::{Direction, PutOutcome, Store, TaskState, Timestamped, VersionOutcome, WriteBatch};

use crate::support::*;

const STEPS: usize = 4_000;
const RETENTION: i64 = 200;
const SEGMENT: i64 = 70;

/// Prints the seed of a failing run.
pub(crate) struct Announce(u64);

#[expect(clippy::print_stderr, reason = "the seed of a failure must reach whoever reads the test's output")]
impl Drop for Announce {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("replay with TOPO_TEST_SEED={}", self.0);
        }
    }
}

/// A seed from the randomness the standard library gives its hash maps.
fn fresh() -> u64 {
    RandomState::new().build_hasher().finish()
}

pub(crate) fn seeded() -> (Announce, StdRng) {
    let given = std::env::var("TOPO_TEST_SEED").ok();
    let seed = given.map_or_else(fresh, |seed| seed.parse().expect("TOPO_TEST_SEED is a number"));
    (Announce(seed), StdRng::seed_from_u64(seed))
}

/// A committed value and the one of the running interval.
#[derive(Clone, Default)]
pub(crate) struct Model<K: Ord> {
    committed: BTreeMap<K, (i64, i64)>,
    pub(crate) current: BTreeMap<K, (i64, i64)>,
    pub(crate) commits: i64,
}

impl<K: Ord + Clone> Model<K> {
    pub(crate) fn commit(&mut self) {
        self.committed = self.current.clone();
        self.commits += 1;
    }

    pub(crate) fn abort(&mut self) {
        self.current = self.committed.clone();
    }
}

/// Drains into a batch that carries the number of commits, and applies it.
pub(crate) fn commit_numbered(state: &mut TaskState, store: &mut dyn Store, commits: i64) {
    let mut batch = WriteBatch::new();
    drain(store, &mut batch);
    let mut next = checkpoint("s", commits);
    next.stream_times.insert("store:s".into(), store.observed_time());
    state.apply(batch, next).expect("the batch is applied");
    store.committed();
}

/// A crash: everything in memory is gone, sometimes after a drain that was never applied.
pub(crate) fn crash(
    home: &Home,
    state: TaskState,
    mut store: impl Store,
    drained: bool,
    commits: i64,
) -> TaskState {
    if drained {
        drain(&mut store, &mut WriteBatch::new());
    }
    drop(store);
    let state = home.reopen(state);
    assert_eq!(state.checkpoint().changelog.get("s").copied().unwrap_or(0), commits);
    state
}

fn scan_key_value(
    store: &mut KeyValue,
    from: Bound<&String>,
    to: Bound<&String>,
    direction: Direction,
) -> Vec<(String, (i64, i64))> {
    let mut seen = Vec::new();
    let visit = &mut |key, found: &Timestamped<i64>| {
        seen.push((key, (found.value, found.timestamp)));
        ControlFlow::Continue(())
    };
    store.range(from, to, direction, visit).expect("the scan runs");
    seen
}

fn key_value_run(home: &Home, cache_bytes: usize) {
    let (_announce, mut random) = seeded();
    let mut state = home.open(&[key_value_spec("s", true)]);
    let mut store = key_value(&state, 0).with_cache_bytes(cache_bytes);
    let mut model = Model::<String>::default();
    for step in 0..STEPS as i64 {
        let key = format!("{:x}", random.random_range(0..60));
        match random.random_range(0..100) {
            0..40 => {
                put(&mut store, &key, step, step * 2);
                model.current.insert(key, (step, step * 2));
            }
            40..55 => {
                delete(&mut store, &key, step);
                model.current.remove(&key);
            }
            55..85 => assert_eq!(get(&mut store, &key), model.current.get(&key).copied(), "step {step}"),
            85..92 => {
                let other = format!("{:x}", random.random_range(0..60));
                let (from, to) = (key.clone().min(other.clone()), key.max(other));
                let (from, to) = (Bound::Excluded(&from), Bound::Included(&to));
                let reverse = random.random_bool(0.5);
                let direction = if reverse { Direction::Reverse } else { Direction::Forward };
                let mut seen = scan_key_value(&mut store, from, to, direction);
                if reverse {
                    seen.reverse();
                }
                let inverted = from
                    == Bound::Excluded(match to {
                        Bound::Included(to) => to,
                        _ => continue,
                    });
                let expected: Vec<_> = if inverted {
                    Vec::new()
                } else {
                    model
                        .current
                        .range::<String, _>((from, to))
                        .map(|(key, found)| (key.clone(), *found))
                        .collect()
                };
                assert_eq!(seen, expected, "step {step}");
            }
            92..96 => {
                model.commit();
                commit_numbered(&mut state, &mut store, model.commits);
            }
            96..98 => {
                store.discard();
                model.abort();
            }
            _ => {
                state = crash(home, state, store, random.random_bool(0.5), model.commits);
                store = key_value(&state, 0).with_cache_bytes(cache_bytes);
                model.abort();
            }
        }
    }
    let all = scan_key_value(&mut store, Bound::Unbounded, Bound::Unbounded, Direction::Forward);
    assert_eq!(all, model.current.into_iter().collect::<Vec<_>>());
}

/// What a window store must show: rows by (start, key), with the observed time beside the rows.
#[derive(Clone, Default)]
struct Timeline {
    model: Model<(i64, String, u32)>,
    observed: Option<i64>,
    committed: Option<i64>,
}

impl Timeline {
    fn is_expired(&self, start: i64) -> bool {
        self.observed.is_some_and(|observed| start <= observed - RETENTION)
    }

    fn put(&mut self, key: &str, start: i64, value: Option<(i64, i64)>, duplicates: bool) -> PutOutcome {
        if duplicates && value.is_none() {
            return PutOutcome::Stored;
        }
        self.observed = self.observed.max(Some(start));
        let segment = |time: i64| time.div_euclid(SEGMENT);
        let gone = self.observed.is_some_and(|observed| segment(start) < segment(observed - RETENTION));
        if if duplicates { gone } else { self.is_expired(start) } {
            return PutOutcome::Expired;
        }
        let rows = &mut self.model.current;
        let next = rows.keys().filter(|row| row.0 == start && row.1 == key).map(|row| row.2 + 1).max();
        let row = (start, key.to_owned(), if duplicates { next.unwrap_or(0) } else { 0 });
        match value {
            Some(value) => drop(rows.insert(row, value)),
            None => drop(rows.remove(&row)),
        }
        PutOutcome::Stored
    }

    fn visible(&self, key: &str, from: i64, to: i64) -> Vec<(i64, i64)> {
        let rows = self.model.current.iter();
        rows.filter(|((start, owner, _), _)| {
            owner == key && (from..=to).contains(start) && !self.is_expired(*start)
        })
        .map(|((start, ..), (value, _))| (*start, *value))
        .collect()
    }
}

fn window_range(store: &mut Windows, key: &str, from: i64, to: i64) -> Vec<(i64, i64)> {
    let mut seen = Vec::new();
    let visit = &mut |start, found: &Timestamped<i64>| {
        seen.push((start, found.value));
        ControlFlow::Continue(())
    };
    store.fetch_range(&key.to_owned(), from..=to, visit).expect("the scan runs");
    seen
}

fn window_run(home: &Home, duplicates: bool, cache_bytes: usize) {
    let (_announce, mut random) = seeded();
    let mut state = home.open(&[window_spec("s", RETENTION, SEGMENT, duplicates)]);
    let mut store = windows(&state, 0).with_cache_bytes(cache_bytes);
    let mut timeline = Timeline::default();
    for step in 0..STEPS as i64 {
        // Time begins before 1970, moves on slowly, and records come up to 1.5 retentions late.
        let start = (step / 4 - 500 - random.random_range(0..RETENTION * 3 / 2)) / 5 * 5;
        let key = ["a", "ab", "b"][random.random_range(0..3)];
        match random.random_range(0..100) {
            0..60 => {
                let value = random.random_bool(0.85).then_some((step, step));
                let outcome = store.put(&key.to_owned(), start, value.map(|value| value.0), step).unwrap();
                assert_eq!(outcome, timeline.put(key, start, value, duplicates), "step {step}");
            }
            60..75 => {
                let seen = store.fetch(&key.to_owned(), start).unwrap().map(|found| found.value);
                let expected = timeline.visible(key, start, start).first().map(|row| row.1);
                assert_eq!(seen, expected, "step {step}");
            }
            75..88 => {
                let to = start + random.random_range(0..RETENTION);
                let seen = window_range(&mut store, key, start, to);
                assert_eq!(seen, timeline.visible(key, start, to), "step {step}");
            }
            88..94 => {
                timeline.model.commit();
                timeline.committed = timeline.observed;
                commit_numbered(&mut state, &mut store, timeline.model.commits);
            }
            94..97 => {
                store.discard();
                timeline.model.abort();
                timeline.observed = timeline.committed;
            }
            _ => {
                state = crash(home, state, store, random.random_bool(0.5), timeline.model.commits);
                store = windows(&state, 0).with_cache_bytes(cache_bytes);
                timeline.model.abort();
                timeline.observed = timeline.committed;
            }
        }
    }
    for key in ["a", "ab", "b"] {
        let seen = window_range(&mut store, key, i64::MIN, i64::MAX);
        assert_eq!(seen, timeline.visible(key, i64::MIN, i64::MAX));
    }
}

/// What a versioned store must show: versions by key and time, values or deletions, with the observed time beside them.
#[derive(Clone, Default)]
struct Past {
    model: Model<(String, i64)>,
    observed: Option<i64>,
    committed: Option<i64>,
}

/// A deletion among the versions.
const DELETED: (i64, i64) = (i64::MIN, i64::MIN);

impl Past {
    fn horizon(&self) -> i64 {
        self.observed.map_or(i64::MIN, |observed| observed - RETENTION)
    }

    fn versions(&self, key: &str) -> impl DoubleEndedIterator<Item = (i64, (i64, i64))> {
        let range = (key.to_owned(), i64::MIN)..=(key.to_owned(), i64::MAX);
        self.model.current.range(range).map(|((_, time), value)| (*time, *value))
    }

    fn put(&mut self, key: &str, value: (i64, i64), time: i64) -> VersionOutcome {
        self.observed = self.observed.max(Some(time));
        if time < self.horizon() {
            return VersionOutcome::Expired;
        }
        let newest = self.versions(key).next_back().map(|(time, _)| time);
        self.model.current.insert((key.to_owned(), time), value);
        if newest.is_some_and(|newest| newest > time) {
            VersionOutcome::Older
        } else {
            VersionOutcome::Newest
        }
    }

    fn get(&self, key: &str, as_of: Option<i64>) -> Option<(i64, i64)> {
        let (newest, value) = self.versions(key).next_back()?;
        let as_of = as_of.unwrap_or(i64::MAX);
        let found = if newest <= as_of {
            (newest, value)
        } else if as_of >= self.horizon() {
            self.versions(key).rfind(|(time, _)| *time <= as_of)?
        } else {
            return None;
        };
        (found.1 != DELETED).then_some((found.1.0, found.0))
    }

    fn commit(&mut self) {
        self.model.commit();
        self.committed = self.observed;
    }

    fn abort(&mut self) {
        self.model.abort();
        self.observed = self.committed;
    }
}

fn versioned_run(home: &Home) {
    let (_announce, mut random) = seeded();
    let mut state = home.open(&[versioned_spec("s", RETENTION)]);
    let mut store = versions(&state, 0);
    let mut past = Past::default();
    for step in 0..STEPS as i64 {
        // Time begins before 1970, moves on slowly, and records come up to 1.5 histories late.
        let time = (step / 4 - 500 - random.random_range(0..RETENTION * 3 / 2)) / 5 * 5;
        let key = ["a", "ab", "b", ""][random.random_range(0..4)];
        match random.random_range(0..100) {
            0..55 => {
                let value = random.random_bool(0.8).then_some(step);
                let outcome = store.put(&key.to_owned(), value, time).unwrap();
                let value = value.map_or(DELETED, |value| (value, 0));
                assert_eq!(outcome, past.put(key, value, time), "step {step}");
            }
            55..65 => {
                let seen = store.get(&key.to_owned()).unwrap().map(|found| (found.value, found.timestamp));
                assert_eq!(seen, past.get(key, None), "step {step}");
            }
            65..88 => {
                let seen = store.get_as_of(&key.to_owned(), time).unwrap();
                let seen = seen.map(|found| (found.value, found.timestamp));
                assert_eq!(seen, past.get(key, Some(time)), "step {step}, {key} at {time}");
            }
            88..94 => {
                past.commit();
                commit_numbered(&mut state, &mut store, past.model.commits);
            }
            94..97 => {
                store.discard();
                past.abort();
            }
            _ => {
                state = crash(home, state, store, random.random_bool(0.5), past.model.commits);
                store = versions(&state, 0);
                past.abort();
            }
        }
    }
}

#[test]
fn versions_behave_like_a_map_of_times() {
    versioned_run(&Home::memory());
    versioned_run(&Home::rocks());
}

#[test]
fn key_values_in_memory_behave_like_a_map() {
    key_value_run(&Home::memory(), 8 << 20);
    key_value_run(&Home::memory(), 1_000);
}

#[test]
fn key_values_on_disk_behave_like_a_map() {
    key_value_run(&Home::rocks(), 8 << 20);
    key_value_run(&Home::rocks(), 1_000);
}

#[test]
fn windows_in_memory_behave_like_a_map() {
    for duplicates in [false, true] {
        window_run(&Home::memory(), duplicates, 8 << 20);
        window_run(&Home::memory(), duplicates, 1_000);
    }
}

#[test]
fn windows_on_disk_behave_like_a_map() {
    for duplicates in [false, true] {
        window_run(&Home::rocks(), duplicates, 2_000);
    }
}
