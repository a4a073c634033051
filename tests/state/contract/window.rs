use std::ops::ControlFlow;

use topo_state::{PutOutcome, Store, Timestamped, WindowStore, i64_be, utf8};

use crate::support::*;

fn put(store: &mut Windows, key: &str, start: i64, value: i64) -> PutOutcome {
    store.put(&key.to_owned(), start, Some(value), start).expect("the store takes a put")
}

fn fetch(store: &mut Windows, key: &str, start: i64) -> Option<i64> {
    store.fetch(&key.to_owned(), start).expect("the store reads").map(|found| found.value)
}

/// Oldest first; newest first it must be the same.
fn of_key(store: &mut Windows, key: &str, from: i64, to: i64) -> Vec<(i64, i64)> {
    let (key, mut seen, mut backward) = (key.to_owned(), Vec::new(), Vec::new());
    let visit = |seen: &mut Vec<_>, start, value: &Timestamped<i64>| {
        seen.push((start, value.value));
        ControlFlow::Continue(())
    };
    let one = &mut |start, value: &_| visit(&mut seen, start, value);
    store.fetch_range(&key, from..=to, one).expect("the scan runs");
    let other = &mut |start, value: &_| visit(&mut backward, start, value);
    store.fetch_backward(&key, from..=to, other).expect("the scan runs");
    backward.reverse();
    assert_eq!(backward, seen);
    seen
}

fn of_all(store: &mut Windows, from: i64, to: i64) -> Vec<(String, i64, i64)> {
    let mut seen = Vec::new();
    let visit = &mut |key, start, value: &Timestamped<i64>| {
        seen.push((key, start, value.value));
        ControlFlow::Continue(())
    };
    store.fetch_all(from..=to, visit).expect("the scan runs");
    seen
}

contract! {
    fn windows_of_a_key_come_back_oldest_first_across_segments_and_layers(home) {
        let mut state = home.open(&[window_spec("w", 1_000, 100, false)]);
        let mut store = windows(&state, 0);
        for start in [250, 50, 150] {
            put(&mut store, "k", start, start);
            put(&mut store, "other", start, -1);
        }
        commit(&mut state, &mut [&mut store]);
        put(&mut store, "k", 100, 7);
        put(&mut store, "k", 250, 8);
        assert_eq!(of_key(&mut store, "k", 0, 1_000), [(50, 50), (100, 7), (150, 150), (250, 8)]);
        assert_eq!(of_key(&mut store, "k", 51, 249), [(100, 7), (150, 150)]);
        assert_eq!(of_key(&mut store, "k", i64::MIN, i64::MAX).len(), 4);
        assert_eq!(of_key(&mut store, "k", 249, 51), []);
    }

    fn negative_starts_are_in_time_order_too(home) {
        let mut state = home.open(&[window_spec("w", 1_000, 100, false)]);
        let mut store = windows(&state, 0);
        for start in [-250, 20, -50, -1, 0] {
            assert_eq!(put(&mut store, "k", start, start), PutOutcome::Stored);
        }
        let expected = [(-250, -250), (-50, -50), (-1, -1), (0, 0), (20, 20)];
        assert_eq!(of_key(&mut store, "k", -1_000, 1_000), expected);
        commit(&mut state, &mut [&mut store]);
        assert_eq!(of_key(&mut store, "k", -1_000, 1_000), expected);
        assert_eq!(of_key(&mut windows(&state, 0), "k", -50, 0), expected[1..4]);
    }

    fn a_key_that_begins_another_is_not_mixed_up_with_it(home) {
        let mut state = home.open(&[window_spec("w", 1_000, 1_000, false)]);
        let mut store = windows(&state, 0);
        let longer = "k\0\0\0\0\0\0\0\x05x";
        put(&mut store, "k", 1, 1);
        put(&mut store, longer, 2, 2);
        put(&mut store, "k", 9, 9);
        for _ in 0..2 {
            assert_eq!(of_key(&mut store, "k", 0, 100), [(1, 1), (9, 9)]);
            assert_eq!(of_key(&mut store, longer, 0, 100), [(2, 2)]);
            commit(&mut state, &mut [&mut store]);
        }
    }

    fn rows_are_hidden_and_refused_from_a_retention_behind_the_highest_start(home) {
        let mut state = home.open(&[window_spec("w", 100, 10, false)]);
        let mut store = windows(&state, 0);
        for start in [0, 1, 9] {
            put(&mut store, "k", start, start);
        }
        commit(&mut state, &mut [&mut store]);
        put(&mut store, "j", 101, 0);
        assert_eq!(fetch(&mut store, "k", 1), None, "101 - 100 is hidden");
        assert_eq!(of_key(&mut store, "k", 0, 200), [(9, 9)]);
        assert_eq!(put(&mut store, "k", 1, 5), PutOutcome::Expired);
        assert_eq!(put(&mut store, "k", 2, 5), PutOutcome::Stored);
        assert_eq!((store.refused(), store.observed_time()), (1, 101));
        assert_eq!(of_all(&mut store, 0, 50), [("k".into(), 2, 5), ("k".into(), 9, 9)]);
    }

    fn expired_segments_leave_the_backend_at_the_commit(home) {
        let mut state = home.open(&[window_spec("w", 100, 10, false)]);
        let mut store = windows(&state, 0);
        for start in [0, 9, 10] {
            put(&mut store, "k", start, start);
        }
        commit(&mut state, &mut [&mut store]);
        put(&mut store, "k", 109, 109);
        let logged = commit(&mut state, &mut [&mut store]);
        assert_eq!(logged[0].len(), 1, "an expiry is no change");
        let mut rows = Vec::new();
        let visit = &mut |key: &[u8], _: &[u8]| {
            rows.push(key[7]);
            ControlFlow::Continue(())
        };
        let unbounded = std::ops::Bound::Unbounded;
        state.backend().scan(0, unbounded, unbounded, topo_state::Direction::Forward, visit).unwrap();
        assert_eq!(rows, [1, 10], "segment 0 is gone");
    }

    fn a_row_that_expires_within_its_own_interval_is_logged_and_not_kept(home) {
        let mut state = home.open(&[window_spec("w", 100, 10, false)]);
        let mut store = windows(&state, 0);
        put(&mut store, "k", 0, 1);
        put(&mut store, "k", 10_000, 2);
        assert_eq!(commit(&mut state, &mut [&mut store])[0].len(), 2);
        assert_eq!(of_all(&mut store, i64::MIN, i64::MAX), [("k".into(), 10_000, 2)]);
        assert_eq!(fetch(&mut store, "k", 0), None);
    }

    fn a_discard_turns_observed_time_back_and_shows_the_rows_again(home) {
        let mut state = home.open(&[window_spec("w", 100, 10, false)]);
        let mut store = windows(&state, 0);
        put(&mut store, "k", 5, 5);
        commit(&mut state, &mut [&mut store]);
        put(&mut store, "k", 5_000, 1);
        assert_eq!(fetch(&mut store, "k", 5), None);
        store.discard();
        assert_eq!((fetch(&mut store, "k", 5), store.observed_time()), (Some(5), 5));
        assert_eq!(put(&mut store, "k", 6, 6), PutOutcome::Stored);
    }

    fn each_put_of_a_store_with_duplicates_adds_a_row_also_after_a_restart(home) {
        let mut state = home.open(&[window_spec("w", 1_000, 100, true)]);
        for round in 0..3 {
            let mut store = windows(&state, 0);
            for value in 0..2 {
                put(&mut store, "k", 7, round * 10 + value);
                put(&mut store, "k", 100 + round, value);
            }
            assert_eq!(store.put(&"k".to_owned(), 7, None, 0).unwrap(), PutOutcome::Stored);
            commit(&mut state, &mut [&mut store]);
            drop(store);
            state = home.reopen(state);
        }
        let mut store = windows(&state, 0);
        let values: Vec<_> = of_key(&mut store, "k", 7, 7).into_iter().map(|(_, value)| value).collect();
        assert_eq!(values, [0, 1, 10, 11, 20, 21]);
        assert_eq!(of_key(&mut store, "k", 100, 102).len(), 6);
        assert_eq!(fetch(&mut store, "k", 7), Some(0), "the first one put");
    }

    fn a_discarded_duplicate_leaves_no_gap_and_no_row(home) {
        let mut state = home.open(&[window_spec("w", 1_000, 100, true)]);
        let mut store = windows(&state, 0);
        put(&mut store, "k", 7, 1);
        commit(&mut state, &mut [&mut store]);
        put(&mut store, "k", 7, 2);
        store.discard();
        put(&mut store, "k", 7, 3);
        commit(&mut state, &mut [&mut store]);
        assert_eq!(of_key(&mut store, "k", 7, 7), [(7, 1), (7, 3)]);
    }

    fn a_window_can_be_deleted(home) {
        let mut state = home.open(&[window_spec("w", 1_000, 100, false)]);
        let mut store = windows(&state, 0);
        put(&mut store, "k", 7, 1);
        commit(&mut state, &mut [&mut store]);
        store.put(&"k".to_owned(), 7, None, 9).unwrap();
        assert_eq!(fetch(&mut store, "k", 7), None);
        let logged = commit(&mut state, &mut [&mut store]);
        assert_eq!((&logged[0][0].value, logged[0][0].timestamp), (&None, 9));
        assert_eq!(of_all(&mut windows(&state, 0), 0, 100), []);
    }

    fn a_store_that_is_not_told_its_time_finds_it_in_its_rows(home) {
        let mut state = home.open(&[window_spec("w", 100, 50, false)]);
        let mut store = windows(&state, 0);
        for start in [130, 110, 20] {
            put(&mut store, "k", start, start);
        }
        commit(&mut state, &mut [&mut store]);
        let spec = state.specs()[0].clone();
        let mut untold: Windows = WindowStore::new(spec, 0, state.backend(), utf8(), i64_be());
        assert_eq!(fetch(&mut untold, "k", 110), Some(110));
        assert_eq!(untold.observed_time(), 130);
        assert_eq!(put(&mut untold, "k", 30, 0), PutOutcome::Expired);
    }

    fn the_changelog_key_is_the_window_key_of_kafka_streams(home) {
        let mut state = home.open(&[window_spec("w", 1_000, 100, false)]);
        let mut store = windows(&state, 0);
        put(&mut store, "k", 258, 5);
        let logged = commit(&mut state, &mut [&mut store]).remove(0).remove(0);
        assert_eq!(logged.key, [b'k', 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0]);
        assert_eq!((logged.value, logged.timestamp), (Some(5_i64.to_be_bytes().to_vec()), 258));
    }

    fn windows_of_all_keys_come_in_order_of_time_whatever_the_segments(home) {
        for segment_ms in [1, 100, 1_000] {
            let mut state = home.open(&[window_spec(&format!("w{segment_ms}"), 1_000, segment_ms, false)]);
            let mut store = windows(&state, 0);
            for (key, start) in [("b", 250), ("a", 250), ("b", 50)] {
                put(&mut store, key, start, start);
            }
            commit(&mut state, &mut [&mut store]);
            put(&mut store, "c", 249, 1);
            put(&mut store, "b", 250, 7);
            let seen: Vec<_> = store.in_time_order(50..=250).unwrap().into_iter().map(|it| (it.1, it.0)).collect();
            let expected = [(50, "b"), (249, "c"), (250, "a"), (250, "b")].map(|(at, key)| (at, key.to_owned()));
            assert_eq!(seen, expected);
            assert_eq!(store.in_time_order(51..=249).unwrap().len(), 1);
            assert_eq!(store.in_time_order(i64::MIN..=i64::MAX).unwrap().len(), 4);
        }
    }
}
