use std::ops::{Bound, ControlFlow};

use topo_state::{
    Direction, NO_TIME, Restorer, Store, StoreKind, StoreSpec, TaskState, VersionOutcome, VersionedStore,
    WriteBatch, i64_be, utf8,
};

use crate::support::*;

const HISTORY: i64 = 100;

fn home_of_versions(home: &Home) -> TaskState {
    home.open(&[versioned_spec("s", HISTORY)])
}

fn put(store: &mut Versions, key: &str, value: impl Into<Option<i64>>, timestamp: i64) -> VersionOutcome {
    store.put(&key.to_owned(), value.into(), timestamp).unwrap()
}

fn get(store: &mut Versions, key: &str) -> Option<(i64, i64)> {
    store.get(&key.to_owned()).unwrap().map(|found| (found.value, found.timestamp))
}

fn as_of(store: &mut Versions, key: &str, time: i64) -> Option<(i64, i64)> {
    store.get_as_of(&key.to_owned(), time).unwrap().map(|found| (found.value, found.timestamp))
}

fn row_count(state: &TaskState) -> usize {
    let (mut rows, all) = (0, Bound::Unbounded);
    let count = &mut |_: &[u8], _: &[u8]| {
        rows += 1;
        ControlFlow::Continue(())
    };
    state.backend().scan(0, all, all, Direction::Forward, count).unwrap();
    rows
}

contract! {
    fn a_version_counts_until_the_next_one_of_its_key_whatever_the_order_of_puts(home) {
        let mut state = home_of_versions(&home);
        let mut store = versions(&state, 0);
        assert_eq!(put(&mut store, "k", 3, 30), VersionOutcome::Newest);
        assert_eq!(put(&mut store, "k", 1, 10), VersionOutcome::Older);
        commit(&mut state, &mut [&mut store]);
        assert_eq!(put(&mut store, "k", None, 20), VersionOutcome::Older);
        assert_eq!(put(&mut store, "kk", 9, 15), VersionOutcome::Newest);
        let answers = [9, 10, 19, 20, 29, 30, 1_000].map(|time| as_of(&mut store, "k", time));
        let (first, last) = (Some((1, 10)), Some((3, 30)));
        assert_eq!(answers, [None, first, first, None, None, last, last]);
        assert_eq!((get(&mut store, "k"), get(&mut store, "kk"), get(&mut store, "")), (last, Some((9, 15)), None));
    }

    fn a_deleted_key_has_no_value_from_then_on(home) {
        let mut state = home_of_versions(&home);
        let mut store = versions(&state, 0);
        put(&mut store, "k", 1, 10);
        assert_eq!(put(&mut store, "k", None, 20), VersionOutcome::Newest);
        commit(&mut state, &mut [&mut store]);
        assert_eq!((get(&mut store, "k"), as_of(&mut store, "k", 19)), (None, Some((1, 10))));
        assert_eq!(put(&mut store, "k", 5, 15), VersionOutcome::Older);
        assert_eq!((get(&mut store, "k"), as_of(&mut store, "k", 17)), (None, Some((5, 15))));
    }

    fn a_put_of_the_same_time_replaces(home) {
        let mut state = home_of_versions(&home);
        let mut store = versions(&state, 0);
        put(&mut store, "k", 1, 10);
        commit(&mut state, &mut [&mut store]);
        assert_eq!(put(&mut store, "k", 2, 10), VersionOutcome::Newest);
        assert_eq!(get(&mut store, "k"), Some((2, 10)));
        assert_eq!(put(&mut store, "k", None, 10), VersionOutcome::Newest);
        assert_eq!((get(&mut store, "k"), as_of(&mut store, "k", 10)), (None, None));
    }

    fn beyond_the_history_puts_are_refused_and_only_the_newest_version_answers(home) {
        let state = home_of_versions(&home);
        let mut store = versions(&state, 0);
        put(&mut store, "old", 1, 0);
        put(&mut store, "moving", 1, 0);
        put(&mut store, "moving", 2, 50);
        put(&mut store, "other", 1, HISTORY + 10);
        assert_eq!(put(&mut store, "k", 1, 9), VersionOutcome::Expired);
        assert_eq!((put(&mut store, "k", 1, 10), store.refused()), (VersionOutcome::Newest, 1));
        assert_eq!(as_of(&mut store, "old", 0), Some((1, 0)), "the newest version answers at any time");
        assert_eq!(as_of(&mut store, "moving", 9), None);
        assert_eq!(as_of(&mut store, "moving", 10), Some((1, 0)), "it counted still at the edge of history");
    }

    fn versions_that_can_answer_nobody_are_removed_and_the_newest_never_is(home) {
        let mut state = home_of_versions(&home);
        let mut store = versions(&state, 0);
        for time in 0..50 {
            put(&mut store, "k", time, time * 10);
            put(&mut store, &format!("once {time}"), time, time * 10);
            commit(&mut state, &mut [&mut store]);
        }
        put(&mut store, "k", 50, 10_000);
        commit(&mut state, &mut [&mut store]);
        commit(&mut state, &mut [&mut store]);
        // One version of each key, the one of `k` before it, and the note that the newest one has replaced others.
        assert_eq!(row_count(&state), 50 + 2 + 1);
        for time in 0..50 {
            let key = format!("once {time}");
            assert_eq!(as_of(&mut store, &key, time * 10), Some((time, time * 10)));
        }
        assert_eq!(as_of(&mut store, "k", 9_999), Some((49, 490)));
        put(&mut store, "k", 51, 10_101);
        commit(&mut state, &mut [&mut store]);
        assert_eq!(row_count(&state), 50 + 2 + 1, "the one before was replaced out of reach");
    }

    fn an_abort_takes_versions_and_time_back(home) {
        let mut state = home_of_versions(&home);
        let mut store = versions(&state, 0);
        put(&mut store, "k", 1, 10);
        commit(&mut state, &mut [&mut store]);
        put(&mut store, "k", 2, 1_000);
        drain(&mut store, &mut WriteBatch::new());
        store.discard();
        assert_eq!((store.observed_time(), get(&mut store, "k")), (10, Some((1, 10))));
        assert_eq!(put(&mut store, "k", 3, 5), VersionOutcome::Older);
        commit(&mut state, &mut [&mut store]);
        drop(store);
        let state = home.reopen(state);
        let mut store = versions(&state, 0);
        assert_eq!(as_of(&mut store, "k", 7), Some((3, 5)));
        assert_eq!(store.observed_time(), 10);
    }

    fn the_observed_time_is_found_in_the_rows_when_nobody_tells_it(home) {
        let mut state = home_of_versions(&home);
        let mut store = versions(&state, 0);
        put(&mut store, "a", 1, 500);
        put(&mut store, "b", 1, 450);
        commit(&mut state, &mut [&mut store]);
        let spec = state.specs()[0].clone();
        let mut untold: Versions = VersionedStore::new(spec, 0, state.backend(), utf8(), i64_be());
        assert_eq!(put(&mut untold, "c", 1, 399), VersionOutcome::Expired);
        assert_eq!(put(&mut untold, "c", 1, 400), VersionOutcome::Newest);
    }

    fn a_changelog_record_is_a_bare_value_with_the_time_of_its_version_and_restores_the_store(home) {
        let mut live = home_of_versions(&Home::memory());
        let mut store = versions(&live, 0);
        let mut log = Vec::new();
        for round in 0..30_i64 {
            put(&mut store, "a", round, round * 7);
            put(&mut store, "b", (round % 3 > 0).then_some(round), 200 - round);
            put(&mut store, "a", -round, round * 7 - 20);
            log.extend(commit(&mut live, &mut [&mut store]).remove(0));
        }
        assert_eq!(log[0], Logged { key: b"a".to_vec(), value: Some(0_i64.to_be_bytes().to_vec()), timestamp: 0 });
        assert_eq!(log[1], Logged { key: b"b".to_vec(), value: None, timestamp: 200 });

        let mut restored = home_of_versions(&home);
        let mut restorer = Restorer::new(&live.specs()[0], 0, NO_TIME);
        for records in log.chunks(7) {
            let mut batch = WriteBatch::new();
            for record in records {
                restorer.add(&record.key, record.value.as_deref(), record.timestamp, &mut batch);
            }
            restored.apply_bulk(&batch, checkpoint("s", 0)).unwrap();
        }
        restored.flush().unwrap();
        assert_eq!(restorer.observed_time(), store.observed_time());
        let mut again = versions(&restored, 0);
        again.set_observed_time(restorer.observed_time());
        for key in ["a", "b"] {
            for time in -30..250 {
                assert_eq!(as_of(&mut again, key, time), as_of(&mut store, key, time), "{key} at {time}");
            }
        }
    }

    fn what_another_writer_logged_although_it_was_expired_is_not_restored(home) {
        let mut state = home_of_versions(&home);
        let mut restorer = Restorer::new(&state.specs()[0].clone(), 0, NO_TIME);
        let mut batch = WriteBatch::new();
        restorer.add(b"k", Some(&1_i64.to_be_bytes()), 1_000, &mut batch);
        restorer.add(b"k", Some(&2_i64.to_be_bytes()), 899, &mut batch);
        restorer.add(b"k", Some(&3_i64.to_be_bytes()), 900, &mut batch);
        state.apply_bulk(&batch, checkpoint("s", 3)).unwrap();
        let mut store = versions(&state, 0);
        store.set_observed_time(restorer.observed_time());
        assert_eq!(as_of(&mut store, "k", 950), Some((3, 900)));
        assert_eq!(as_of(&mut store, "k", 899), None);
    }

    fn a_store_of_another_history_reads_the_same_rows(home) {
        let mut state = home_of_versions(&home);
        let mut store = versions(&state, 0);
        put(&mut store, "k", 1, 10);
        commit(&mut state, &mut [&mut store]);
        drop(store);
        if matches!(home, ref it if it.is_on_disk()) {
            drop(state);
            let state = home.open(&[versioned_spec("s", HISTORY * 2)]);
            assert_eq!(get(&mut versions(&state, 0), "k"), Some((1, 10)));
            drop(state);
            let plain = StoreSpec::new("s", StoreKind::KeyValue { timestamped: true }, &*utf8(), &*i64_be());
            assert!(home.try_open(&identity(), &[plain]).is_err());
        }
    }
}
