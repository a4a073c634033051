use std::ops::{Bound, ControlFlow};

use topo_state::{Checkpoint, Direction, NO_TIME, Restorer, Store, TaskState, Window, WriteBatch};

use crate::support::*;

type Rows = Vec<(Vec<u8>, Vec<u8>)>;

/// Every stored byte of a store.
fn rows(state: &TaskState, store: usize) -> Rows {
    let mut rows = Vec::new();
    let visit = &mut |key: &[u8], value: &[u8]| {
        rows.push((key.to_vec(), value.to_vec()));
        ControlFlow::Continue(())
    };
    let unbounded = Bound::Unbounded;
    state.backend().scan(store, unbounded, unbounded, Direction::Forward, visit).expect("the scan runs");
    rows
}

/// Replays a changelog in batches of `size`; gives the state back as a restart finds it, and the observed time.
fn restore(home: &Home, live: &TaskState, log: &[Logged], size: usize) -> (TaskState, i64) {
    let spec = &live.specs()[0];
    let mut state = home.open(live.specs());
    let mut restorer = Restorer::new(spec, 0, NO_TIME);
    let mut offset = 0;
    for records in log.chunks(size) {
        let mut batch = WriteBatch::new();
        for record in records {
            restorer.add(&record.key, record.value.as_deref(), record.timestamp, &mut batch);
        }
        offset += records.len() as i64;
        state.apply_bulk(&batch, checkpoint(&spec.name, offset)).expect("the batch is applied");
    }
    state.settle().expect("the restore ends");
    assert_eq!(restorer.malformed(), 0);
    let state = home.reopen(state);
    assert_eq!(*state.checkpoint(), checkpoint(&spec.name, offset));
    (state, restorer.observed_time())
}

/// Puts and deletes over twenty commits.
fn live_key_values(timestamped: bool) -> (TaskState, Vec<Logged>) {
    let mut live = Home::memory().open(&[key_value_spec("s", timestamped)]);
    let mut log = Vec::new();
    let mut store = key_value(&live, 0);
    for round in 0..20 {
        for key in 0..10 {
            match (key + round) % 4 {
                0 => delete(&mut store, &key.to_string(), round),
                _ => put(&mut store, &key.to_string(), key * round, round),
            }
        }
        log.extend(commit(&mut live, &mut [&mut store]).remove(0));
    }
    (live, log)
}

contract! {
    fn a_restored_key_value_store_equals_the_live_one(home) {
        let (live, log) = live_key_values(true);
        let (state, _) = restore(&home, &live, &log, 7);
        assert_eq!(rows(&state, 0), rows(&live, 0));
        assert!(!rows(&state, 0).is_empty());
    }

    fn a_restored_plain_store_equals_the_live_one(home) {
        let (live, log) = live_key_values(false);
        let (state, _) = restore(&home, &live, &log, 1_000);
        assert_eq!(rows(&state, 0), rows(&live, 0));
    }

    fn a_restored_window_store_equals_the_live_one_and_knows_its_time(home) {
        let mut live = Home::memory().open(&[window_spec("w", 100, 10, false)]);
        let mut log = Vec::new();
        let mut store = windows(&live, 0);
        for round in 0..40_i64 {
            for key in ["a", "b"] {
                let value = (round % 7 != 3).then_some(round);
                store.put(&key.to_owned(), round * 9 - 150 - (round % 5) * 20, value, round).unwrap();
            }
            log.extend(commit(&mut live, &mut [&mut store]).remove(0));
        }
        let (state, observed) = restore(&home, &live, &log, 6);
        assert_eq!(observed, store.observed_time());
        assert_eq!(rows(&state, 0), rows(&live, 0));
        assert!(log.len() > rows(&live, 0).len() && !rows(&live, 0).is_empty());
    }

    fn a_restored_session_store_equals_the_live_one_and_knows_its_time(home) {
        let mut live = Home::memory().open(&[session_spec("s", 100, 10)]);
        let mut log = Vec::new();
        let mut store = sessions(&live, 0);
        for round in 0..40_i64 {
            for key in ["a", "b"] {
                let end = round * 9 - 150 - (round % 5) * 20;
                let value = (round % 7 != 3).then_some(round);
                store.put(&key.to_owned(), Window { start: end - round, end }, value, round).unwrap();
            }
            log.extend(commit(&mut live, &mut [&mut store]).remove(0));
        }
        let (state, observed) = restore(&home, &live, &log, 6);
        assert_eq!(observed, store.observed_time());
        assert_eq!(rows(&state, 0), rows(&live, 0));
        assert!(log.len() > rows(&live, 0).len() && !rows(&live, 0).is_empty());
    }

    fn live_writes_go_on_behind_a_restore(home) {
        let (live, log) = live_key_values(true);
        let spec = live.specs()[0].clone();
        let mut state = home.open(live.specs());
        let mut batch = WriteBatch::new();
        let mut restorer = Restorer::new(&spec, 0, NO_TIME);
        for record in &log {
            restorer.add(&record.key, record.value.as_deref(), record.timestamp, &mut batch);
        }
        // No flush: the commit below must see to it.
        state.apply_bulk(&batch, Checkpoint::default()).unwrap();
        let mut store = key_value(&state, 0);
        put(&mut store, "new", 1, 1);
        commit(&mut state, &mut [&mut store]);
        store.discard();
        drop(store);
        let state = home.reopen(state);
        assert_eq!(rows(&state, 0).len(), rows(&live, 0).len() + 1);
        assert_eq!(get(&mut key_value(&state, 0), "new"), Some((1, 1)));
    }
}
