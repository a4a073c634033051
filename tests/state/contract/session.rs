use std::ops::ControlFlow;

use topo_state::{PutOutcome, SessionStore, Store, Window, i64_be, utf8};

use crate::support::*;

fn put(store: &mut Sessions, key: &str, (start, end): (i64, i64), value: i64) -> PutOutcome {
    store.put(&key.to_owned(), Window { start, end }, Some(value), end).expect("the store takes a put")
}

fn fetch(store: &mut Sessions, key: &str, (start, end): (i64, i64)) -> Option<i64> {
    store.fetch_session(&key.to_owned(), Window { start, end }).expect("the store reads").copied()
}

/// Start, end and value of a key's sessions.
fn found(store: &mut Sessions, key: &str, earliest_end: i64, latest_start: i64) -> Vec<(i64, i64, i64)> {
    let mut seen = Vec::new();
    let visit = &mut |window: Window, value: &i64| {
        seen.push((window.start, window.end, *value));
        ControlFlow::Continue(())
    };
    store.find_sessions(&key.to_owned(), earliest_end, latest_start, visit).expect("the scan runs");
    seen
}

/// Key, start and end of all sessions that end within a range.
fn of_all(store: &mut Sessions, from: i64, to: i64) -> Vec<(String, i64, i64)> {
    let rows = store.in_time_order(from..=to).expect("the scan runs");
    rows.into_iter().map(|(key, _)| (key.key, key.window.start, key.window.end)).collect()
}

contract! {
    fn sessions_of_a_key_are_found_by_their_ends_across_segments_and_layers(home) {
        let mut state = home.open(&[session_spec("s", 1_000, 100)]);
        let mut store = sessions(&state, 0);
        for span in [(240, 250), (10, 50), (90, 150)] {
            put(&mut store, "k", span, span.1);
            put(&mut store, "other", span, -1);
        }
        commit(&mut state, &mut [&mut store]);
        put(&mut store, "k", (60, 70), 7);
        put(&mut store, "k", (240, 250), 8);
        let all = [(10, 50, 50), (60, 70, 7), (90, 150, 150), (240, 250, 8)];
        assert_eq!(found(&mut store, "k", 0, 1_000), all);
        assert_eq!(found(&mut store, "k", i64::MIN, i64::MAX), all);
        assert_eq!(found(&mut store, "k", 51, 1_000), all[1..], "ends before 51 are left out");
        assert_eq!(found(&mut store, "k", 70, 90), all[1..3], "both bounds belong to the range");
        assert_eq!(found(&mut store, "k", 71, 89), []);
        assert_eq!(found(&mut store, "k", 251, 1_000), []);
    }

    fn sessions_of_all_keys_come_by_end_then_start_then_key(home) {
        let mut state = home.open(&[session_spec("s", 1_000, 100)]);
        let mut store = sessions(&state, 0);
        for (key, span) in [("b", (5, 20)), ("a", (5, 20)), ("z", (1, 20)), ("c", (0, 130)), ("d", (7, 19))] {
            put(&mut store, key, span, 1);
        }
        commit(&mut state, &mut [&mut store]);
        put(&mut store, "e", (8, 20), 1);
        let named = |rows: &[(&str, i64, i64)]| -> Vec<(String, i64, i64)> {
            rows.iter().map(|(key, start, end)| ((*key).to_owned(), *start, *end)).collect()
        };
        let all = [("d", 7, 19), ("z", 1, 20), ("a", 5, 20), ("b", 5, 20), ("e", 8, 20), ("c", 0, 130)];
        assert_eq!(of_all(&mut store, i64::MIN, i64::MAX), named(&all));
        assert_eq!(of_all(&mut store, 20, 129), named(&all[1..5]));
    }

    fn sessions_before_1970_are_in_time_order_too(home) {
        let mut state = home.open(&[session_spec("s", 1_000, 100)]);
        let mut store = sessions(&state, 0);
        for span in [(-10, 20), (-300, -250), (-60, -50), (-40, -1)] {
            assert_eq!(put(&mut store, "k", span, span.1), PutOutcome::Stored);
        }
        let expected = [(-300, -250, -250), (-60, -50, -50), (-40, -1, -1), (-10, 20, 20)];
        assert_eq!(found(&mut store, "k", -1_000, 1_000), expected);
        commit(&mut state, &mut [&mut store]);
        assert_eq!(found(&mut store, "k", -1_000, 1_000), expected);
        assert_eq!(found(&mut sessions(&state, 0), "k", -50, -11), expected[1..3]);
    }

    fn a_key_that_begins_another_is_not_mixed_up_with_it(home) {
        let mut state = home.open(&[session_spec("s", 1_000, 1_000)]);
        let mut store = sessions(&state, 0);
        let longer = "k\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0\x01x";
        put(&mut store, "k", (1, 1), 1);
        put(&mut store, longer, (2, 2), 2);
        put(&mut store, "k", (9, 9), 9);
        for _ in 0..2 {
            assert_eq!(found(&mut store, "k", 0, 100), [(1, 1, 1), (9, 9, 9)]);
            assert_eq!(found(&mut store, longer, 0, 100), [(2, 2, 2)]);
            commit(&mut state, &mut [&mut store]);
        }
    }

    fn sessions_are_hidden_and_refused_from_a_retention_behind_the_highest_end(home) {
        let mut state = home.open(&[session_spec("s", 100, 10)]);
        let mut store = sessions(&state, 0);
        for span in [(-5, 0), (0, 1), (2, 9)] {
            put(&mut store, "k", span, span.1);
        }
        commit(&mut state, &mut [&mut store]);
        put(&mut store, "j", (0, 101), 0);
        assert_eq!(fetch(&mut store, "k", (0, 1)), None, "101 - 100 is hidden");
        assert_eq!(found(&mut store, "k", 0, 200), [(2, 9, 9)]);
        assert_eq!(put(&mut store, "k", (0, 1), 5), PutOutcome::Expired);
        assert_eq!(put(&mut store, "k", (0, 2), 5), PutOutcome::Stored);
        assert_eq!((store.refused(), store.observed_time()), (1, 101));
        assert_eq!(of_all(&mut store, 0, 50), [("k".into(), 0, 2), ("k".into(), 2, 9)]);
    }

    fn a_session_can_be_removed_and_its_place_taken(home) {
        let mut state = home.open(&[session_spec("s", 1_000, 100)]);
        let mut store = sessions(&state, 0);
        put(&mut store, "k", (7, 7), 1);
        commit(&mut state, &mut [&mut store]);
        store.remove(&"k".to_owned(), Window { start: 7, end: 7 }, 9).unwrap();
        put(&mut store, "k", (7, 9), 2);
        assert_eq!(fetch(&mut store, "k", (7, 7)), None);
        let logged = commit(&mut state, &mut [&mut store]);
        assert_eq!((&logged[0][0].value, logged[0][0].timestamp), (&None, 9));
        assert_eq!(found(&mut sessions(&state, 0), "k", 0, 100), [(7, 9, 2)]);
    }

    fn sessions_that_a_busy_key_grows_through_within_a_commit_leave_no_trace(home) {
        let mut state = home.open(&[session_spec("s", 10_000, 100)]);
        let mut store = sessions(&state, 0);
        put(&mut store, "k", (0, 0), 0);
        assert_eq!(commit(&mut state, &mut [&mut store])[0].len(), 1);
        for end in 1..=500 {
            store.remove(&"k".to_owned(), Window { start: 0, end: end - 1 }, end).unwrap();
            put(&mut store, "k", (0, end), end);
            assert_eq!(found(&mut store, "k", 0, 1_000), [(0, end, end)]);
        }
        let logged: Vec<_> = commit(&mut state, &mut [&mut store]).remove(0).into_iter().map(|it| it.value).collect();
        let last = 500_i64.to_be_bytes().to_vec();
        assert_eq!(logged, [None, Some(last)], "the one that was committed goes, the last one comes");
        // What a drain has shown is taken back like what is committed, though the commit is not there yet.
        put(&mut store, "k", (900, 900), 1);
        let mut batch = topo_state::WriteBatch::new();
        assert_eq!(drain(&mut store, &mut batch).len(), 1);
        store.remove(&"k".to_owned(), Window { start: 900, end: 900 }, 901).unwrap();
        state.apply(batch, state.checkpoint().clone()).unwrap();
        store.committed();
        assert_eq!(commit(&mut state, &mut [&mut store])[0][0].value, None);
        assert_eq!(found(&mut sessions(&state, 0), "k", 0, 1_000), [(0, 500, 500)]);
    }

    fn a_discard_turns_observed_time_back_and_shows_the_sessions_again(home) {
        let mut state = home.open(&[session_spec("s", 100, 10)]);
        let mut store = sessions(&state, 0);
        put(&mut store, "k", (1, 5), 5);
        commit(&mut state, &mut [&mut store]);
        store.remove(&"k".to_owned(), Window { start: 1, end: 5 }, 6).unwrap();
        put(&mut store, "k", (1, 5_000), 1);
        assert_eq!(found(&mut store, "k", 0, 10_000), [(1, 5_000, 1)]);
        store.discard();
        assert_eq!((fetch(&mut store, "k", (1, 5)), store.observed_time()), (Some(5), 5));
        assert_eq!(put(&mut store, "k", (6, 6), 6), PutOutcome::Stored);
    }

    fn a_session_that_expires_within_its_own_interval_is_logged_and_not_kept(home) {
        let mut state = home.open(&[session_spec("s", 100, 10)]);
        let mut store = sessions(&state, 0);
        put(&mut store, "k", (0, 0), 1);
        put(&mut store, "k", (10_000, 10_000), 2);
        assert_eq!(commit(&mut state, &mut [&mut store])[0].len(), 2);
        let mut rows = 0;
        let visit = &mut |_: &[u8], _: &[u8]| {
            rows += 1;
            ControlFlow::Continue(())
        };
        let unbounded = std::ops::Bound::Unbounded;
        state.backend().scan(0, unbounded, unbounded, topo_state::Direction::Forward, visit).unwrap();
        assert_eq!(rows, 1);
    }

    fn a_store_that_is_not_told_its_time_finds_it_in_its_rows(home) {
        let mut state = home.open(&[session_spec("s", 100, 50)]);
        let mut store = sessions(&state, 0);
        for span in [(0, 130), (100, 110), (10, 20)] {
            put(&mut store, "k", span, span.1);
        }
        commit(&mut state, &mut [&mut store]);
        let spec = state.specs()[0].clone();
        let mut untold: Sessions = SessionStore::new(spec, 0, state.backend(), utf8(), i64_be());
        assert_eq!(fetch(&mut untold, "k", (100, 110)), Some(110));
        assert_eq!(untold.observed_time(), 130);
        assert_eq!(put(&mut untold, "k", (0, 30), 0), PutOutcome::Expired);
    }

    fn the_changelog_key_is_the_session_key_of_kafka_streams(home) {
        let mut state = home.open(&[session_spec("s", 1_000, 100)]);
        let mut store = sessions(&state, 0);
        store.put(&"k".to_owned(), Window { start: 3, end: 258 }, Some(5), 77).unwrap();
        let logged = commit(&mut state, &mut [&mut store]).remove(0).remove(0);
        assert_eq!(logged.key, [b'k', 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 0, 3]);
        assert_eq!((logged.value, logged.timestamp), (Some(5_i64.to_be_bytes().to_vec()), 77));
    }
}
