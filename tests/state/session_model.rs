//! Random sessions beside a plain map: puts, removals, searches, commits, aborts and crashes on both backends. A failure
//! prints its seed; `TOPO_TEST_SEED` replays it.

use std::ops::ControlFlow;

use rand::Rng;
use topo_state::{PutOutcome, Store, Window};

use crate::model::{Model, commit_numbered, crash, seeded};
use crate::support::*;

const STEPS: usize = 4_000;
const RETENTION: i64 = 200;

/// What a session store must show: rows by (end, start, key), with the observed time beside the rows.
#[derive(Clone, Default)]
struct Timeline {
    model: Model<(i64, i64, String)>,
    observed: Option<i64>,
    committed: Option<i64>,
}

impl Timeline {
    fn is_expired(&self, end: i64) -> bool {
        self.observed.is_some_and(|observed| end <= observed - RETENTION)
    }

    fn put(&mut self, key: &str, window: Window, value: Option<i64>) -> PutOutcome {
        self.observed = self.observed.max(Some(window.end));
        if self.is_expired(window.end) {
            return PutOutcome::Expired;
        }
        let row = (window.end, window.start, key.to_owned());
        match value {
            Some(value) => drop(self.model.current.insert(row, (value, 0))),
            None => drop(self.model.current.remove(&row)),
        }
        PutOutcome::Stored
    }

    fn visible(&self) -> impl Iterator<Item = (&str, Window, i64)> {
        let rows = self.model.current.iter().filter(|((end, ..), _)| !self.is_expired(*end));
        rows.map(|((end, start, key), (value, _))| {
            (key.as_str(), Window { start: *start, end: *end }, *value)
        })
    }

    fn found(&self, key: &str, earliest_end: i64, latest_start: i64) -> Vec<(Window, i64)> {
        let of_key = self.visible().filter(|(owner, window, _)| {
            *owner == key && window.end >= earliest_end && window.start <= latest_start
        });
        of_key.map(|(_, window, value)| (window, value)).collect()
    }
}

fn found(store: &mut Sessions, key: &str, earliest_end: i64, latest_start: i64) -> Vec<(Window, i64)> {
    let mut seen = Vec::new();
    let visit = &mut |window: Window, value: &i64| {
        seen.push((window, *value));
        ControlFlow::Continue(())
    };
    store.find_sessions(&key.to_owned(), earliest_end, latest_start, visit).expect("the scan runs");
    seen
}

fn session_run(home: &Home, cache_bytes: usize) {
    let (_announce, mut random) = seeded();
    let mut state = home.open(&[session_spec("s", RETENTION, 70)]);
    let mut store = sessions(&state, 0).with_cache_bytes(cache_bytes);
    let mut timeline = Timeline::default();
    for step in 0..STEPS as i64 {
        // Time moves on slowly, and sessions come up to 1.5 retentions late. Starts have one sign, as bytes order them.
        let end = (10_000 + step / 4 - random.random_range(0..RETENTION * 3 / 2)) / 5 * 5;
        let window = Window { start: end - random.random_range(0..8) * 5, end };
        let key = ["a", "ab", "b"][random.random_range(0..3)];
        match random.random_range(0..100) {
            0..55 => {
                let value = random.random_bool(0.75).then_some(step);
                let outcome = store.put(&key.to_owned(), window, value, step).unwrap();
                assert_eq!(outcome, timeline.put(key, window, value), "step {step}");
            }
            55..65 => {
                let seen = store.fetch_session(&key.to_owned(), window).unwrap().copied();
                let expected =
                    timeline.visible().find(|row| (row.0, row.1) == (key, window)).map(|row| row.2);
                assert_eq!(seen, expected, "step {step}");
            }
            65..80 => {
                let latest_start = end + random.random_range(0..100);
                let seen = found(&mut store, key, end, latest_start);
                assert_eq!(seen, timeline.found(key, end, latest_start), "step {step}");
            }
            80..88 => {
                let ends = end..=end + random.random_range(0..100);
                let seen = store.in_time_order(ends.clone()).unwrap();
                let seen: Vec<_> = seen.iter().map(|(key, value)| (&*key.key, key.window, *value)).collect();
                let expected: Vec<_> = timeline.visible().filter(|row| ends.contains(&row.1.end)).collect();
                assert_eq!(seen, expected, "step {step}");
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
                store = sessions(&state, 0).with_cache_bytes(cache_bytes);
                timeline.model.abort();
                timeline.observed = timeline.committed;
            }
        }
    }
    for key in ["a", "ab", "b"] {
        assert_eq!(found(&mut store, key, i64::MIN, i64::MAX), timeline.found(key, i64::MIN, i64::MAX));
    }
}

#[test]
fn sessions_in_memory_behave_like_a_map() {
    session_run(&Home::memory(), 8 << 20);
    session_run(&Home::memory(), 1_000);
}

#[test]
fn sessions_on_disk_behave_like_a_map() {
    session_run(&Home::rocks(), 2_000);
}
