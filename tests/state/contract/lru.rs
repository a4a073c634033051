use topo_state::{LruStore, Store, TaskState, i64_be, utf8};

use crate::support::*;

type Lru = LruStore<String, i64>;

fn lru(state: &TaskState, capacity: usize) -> Lru {
    LruStore::new(state.specs()[0].clone(), 0, state.backend(), utf8(), i64_be(), capacity)
}

fn put(store: &mut Lru, key: &str, value: i64) {
    store.put(&key.to_owned(), value, value).expect("the store takes a put");
}

fn has(store: &mut Lru, key: &str) -> bool {
    store.peek(&key.to_owned()).expect("the store reads").is_some()
}

/// Which of these keys are there.
fn there(store: &mut Lru, keys: &str) -> String {
    keys.chars().filter(|key| has(store, &key.to_string())).collect()
}

contract! {
    fn the_key_that_was_not_used_for_the_longest_time_makes_room(home) {
        let mut state = home.open(&[key_value_spec("s", true)]);
        let mut store = lru(&state, 3);
        for (value, key) in ["a", "b", "c"].into_iter().enumerate() {
            put(&mut store, key, value as i64);
        }
        assert_eq!(store.get(&"a".to_owned()).unwrap().map(|row| row.value), Some(0));
        put(&mut store, "d", 3);
        assert_eq!(there(&mut store, "abcd"), "acd");
        assert_eq!(store.len().unwrap(), 3);
        let log = commit(&mut state, &mut [&mut store]).remove(0);
        let deleted: Vec<_> = log.iter().filter(|it| it.value.is_none()).map(|it| it.key.clone()).collect();
        assert_eq!(deleted, [b"b"], "the changelog knows");

        // Over committed rows too, and a deleted one leaves room.
        store.delete(&"c".to_owned(), 4).unwrap();
        put(&mut store, "e", 5);
        assert_eq!(there(&mut store, "acde"), "ade");
        put(&mut store, "f", 6);
        assert_eq!(there(&mut store, "adef"), "def");
    }

    fn a_discard_brings_back_what_had_made_room(home) {
        let mut state = home.open(&[key_value_spec("s", true)]);
        let mut store = lru(&state, 2);
        put(&mut store, "a", 1);
        put(&mut store, "b", 2);
        commit(&mut state, &mut [&mut store]);
        put(&mut store, "c", 3);
        assert_eq!(there(&mut store, "abc"), "bc");
        store.discard();
        assert_eq!(there(&mut store, "abc"), "ab");
        put(&mut store, "d", 4);
        assert_eq!(there(&mut store, "abd"), "bd");
    }

    fn after_a_restart_the_oldest_makes_room_first_and_a_smaller_capacity_holds(home) {
        let mut state = home.open(&[key_value_spec("s", true)]);
        let mut store = lru(&state, 4);
        for (key, time) in [("a", 9), ("b", 2), ("c", 7), ("d", 4)] {
            put(&mut store, key, time);
        }
        commit(&mut state, &mut [&mut store]);
        drop(store);
        let state = home.reopen(state);
        let mut store = lru(&state, 3);
        assert_eq!(store.len().unwrap(), 4);
        put(&mut store, "e", 10);
        assert_eq!(there(&mut store, "abcde"), "ace");
        assert!(!store.is_empty().unwrap());
    }
}
