use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use topo_state::{Codec, CodecError, KeyValueStore, Store, WriteBatch, i64_be, utf8};

use crate::support::*;

/// Counts how often a value is encoded.
struct Counting(Arc<AtomicUsize>);

impl Codec<i64> for Counting {
    fn encode(&self, value: &i64, out: &mut Vec<u8>) -> Result<(), CodecError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        i64_be().encode(value, out)
    }

    fn decode(&self, bytes: &[u8]) -> Result<i64, CodecError> {
        i64_be().decode(bytes)
    }

    fn id(&self) -> &str {
        "i64-be"
    }
}

contract! {
    fn a_read_sees_own_writes_before_and_after_the_commit(home) {
        let mut state = home.open(&[key_value_spec("s", true)]);
        let mut store = key_value(&state, 0);
        assert_eq!(get(&mut store, "a"), None);
        put(&mut store, "a", 1, 10);
        assert_eq!(get(&mut store, "a"), Some((1, 10)));
        commit(&mut state, &mut [&mut store]);
        assert_eq!(get(&mut store, "a"), Some((1, 10)));
        delete(&mut store, "a", 11);
        assert_eq!(get(&mut store, "a"), None);
        commit(&mut state, &mut [&mut store]);
        assert_eq!(get(&mut store, "a"), None);
        assert_eq!(get(&mut key_value(&state, 0), "a"), None);
    }

    fn nothing_uncommitted_reaches_the_backend(home) {
        let state = home.open(&[key_value_spec("s", true)]);
        let mut store = key_value(&state, 0);
        put(&mut store, "a", 1, 10);
        drain(&mut store, &mut WriteBatch::new());
        assert_eq!(get(&mut key_value(&state, 0), "a"), None);
        drop(store);
        let state = home.reopen(state);
        assert_eq!(get(&mut key_value(&state, 0), "a"), None);
    }

    fn a_discard_brings_the_committed_values_back(home) {
        let mut state = home.open(&[key_value_spec("s", true)]);
        let mut store = key_value(&state, 0);
        put(&mut store, "a", 1, 10);
        commit(&mut state, &mut [&mut store]);
        put(&mut store, "a", 2, 20);
        put(&mut store, "b", 3, 30);
        drain(&mut store, &mut WriteBatch::new());
        delete(&mut store, "a", 40);
        store.discard();
        assert_eq!((get(&mut store, "a"), get(&mut store, "b")), (Some((1, 10)), None));
        assert_eq!(store.dirty_bytes(), 0);
        assert_eq!(commit(&mut state, &mut [&mut store]), [vec![]]);
    }

    fn changes_leave_in_the_order_of_their_first_write(home) {
        let mut state = home.open(&[key_value_spec("s", true)]);
        let mut store = key_value(&state, 0);
        for (key, value, timestamp) in [("z", 1, 1), ("a", 2, 2), ("m", 3, 3), ("z", 4, 4)] {
            put(&mut store, key, value, timestamp);
        }
        delete(&mut store, "a", 5);
        let logged = |key: &str, value: Option<i64>, timestamp| Logged {
            key: key.into(),
            value: value.map(|value| value.to_be_bytes().to_vec()),
            timestamp,
        };
        let expected = vec![logged("z", Some(4), 4), logged("a", None, 5), logged("m", Some(3), 3)];
        assert_eq!(commit(&mut state, &mut [&mut store]), [expected]);
    }

    fn a_hot_key_is_encoded_once_per_commit(home) {
        let mut state = home.open(&[key_value_spec("s", true)]);
        let encoded = Arc::new(AtomicUsize::new(0));
        let codec = Arc::new(Counting(encoded.clone()));
        let mut store =
            KeyValueStore::new(state.specs()[0].clone(), 0, state.backend(), utf8(), codec);
        for round in 1..=3 {
            for value in 0..1_000 {
                put(&mut store, "hot", value, value);
            }
            commit(&mut state, &mut [&mut store]);
            assert_eq!(encoded.load(Ordering::Relaxed), round);
        }
    }

    fn a_write_during_the_commit_belongs_to_the_next_one(home) {
        let mut state = home.open(&[key_value_spec("s", true)]);
        let mut store = key_value(&state, 0);
        put(&mut store, "a", 1, 1);
        let mut batch = WriteBatch::new();
        drain(&mut store, &mut batch);
        put(&mut store, "a", 2, 2);
        put(&mut store, "b", 3, 3);
        state.apply(batch, checkpoint("s", 1)).unwrap();
        store.committed();
        assert_eq!(get(&mut store, "a"), Some((2, 2)));
        assert_eq!(get(&mut key_value(&state, 0), "a"), Some((1, 1)));
        assert_eq!(commit(&mut state, &mut [&mut store])[0].len(), 2);
        assert_eq!(get(&mut key_value(&state, 0), "a"), Some((2, 2)));
    }

    fn all_stores_and_the_checkpoint_change_together(home) {
        let mut state = home.open(&[key_value_spec("s", true), key_value_spec("t", true)]);
        for offset in 1..=3 {
            let (mut s, mut t) = (key_value(&state, 0), key_value(&state, 1));
            put(&mut s, "k", offset, offset);
            put(&mut t, "k", -offset, offset);
            let mut batch = WriteBatch::new();
            drain(&mut s, &mut batch);
            drain(&mut t, &mut batch);
            let mut next = checkpoint("s", offset);
            next.metadata.insert("note".into(), vec![offset as u8]);
            state.apply(batch, next.clone()).unwrap();
            drop((s, t));
            state = home.reopen(state);
            assert_eq!(*state.checkpoint(), next);
            assert_eq!(get(&mut key_value(&state, 0), "k"), Some((offset, offset)));
            assert_eq!(get(&mut key_value(&state, 1), "k"), Some((-offset, offset)));
        }
    }

    fn a_batch_for_an_unknown_store_changes_nothing(home) {
        let mut state = home.open(&[key_value_spec("s", true)]);
        let mut batch = WriteBatch::new();
        batch.put(0, b"a", &[0; 16]);
        batch.put(1, b"a", &[0; 16]);
        let refused = state.apply(batch, checkpoint("s", 9)).unwrap_err();
        assert!(matches!(refused, topo_state::StateError::UnknownStore { index: 1, count: 1 }), "{refused}");
        let state = home.reopen(state);
        assert_eq!(get(&mut key_value(&state, 0), "a"), None);
        assert!(state.checkpoint().changelog.is_empty());
    }

    fn a_plain_store_forgets_timestamps_at_the_commit_and_not_at_random(home) {
        let mut state = home.open(&[key_value_spec("s", false)]);
        let mut store = key_value(&state, 0);
        put(&mut store, "a", 1, 10);
        assert_eq!(get(&mut store, "a"), Some((1, 10)));
        commit(&mut state, &mut [&mut store]);
        assert_eq!(get(&mut store, "a"), Some((1, -1)));
        assert_eq!(get(&mut key_value(&state, 0), "a"), Some((1, -1)));
    }

    fn a_store_without_cache_still_reads_right(home) {
        let mut state = home.open(&[key_value_spec("s", true)]);
        let mut store = key_value(&state, 0).with_cache_bytes(0);
        for round in 0..3 {
            for key in 0..100 {
                put(&mut store, &key.to_string(), key + round, round);
            }
            commit(&mut state, &mut [&mut store]);
            for key in 0..100 {
                assert_eq!(get(&mut store, &key.to_string()), Some((key + round, round)));
            }
        }
    }
}
