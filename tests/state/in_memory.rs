//! Stores that are declared in memory, beside others in a directory.

use topo_state::{MemoryBudget, StoreSpec, TaskState};

use crate::support::*;

/// The first in memory or not, the second on disk.
fn specs(in_memory: bool) -> Vec<StoreSpec> {
    vec![key_value_spec("fast", true).in_memory(in_memory), key_value_spec("kept", true)]
}

/// Puts the same row into both and commits.
fn put_both(state: &mut TaskState, key: &str, value: i64) {
    let (mut fast, mut kept) = (key_value(state, 0), key_value(state, 1));
    put(&mut fast, key, value, value);
    put(&mut kept, key, value, value);
    commit(state, &mut [&mut fast, &mut kept]);
}

fn read_to(state: &TaskState) -> [Option<i64>; 2] {
    ["fast", "kept"].map(|name| state.checkpoint().changelog.get(name).copied())
}

#[test]
fn after_a_restart_a_store_in_memory_wants_its_whole_changelog_and_its_neighbour_nothing() {
    let home = Home::rocks();
    let mut state = home.open(&specs(true));
    put_both(&mut state, "a", 1);
    put_both(&mut state, "b", 2);
    assert_eq!(read_to(&state), [Some(2), Some(2)]);
    assert_eq!(state.backend().checkpoint().unwrap(), *state.checkpoint());
    drop(state);

    let mut state = home.open(&specs(true));
    assert_eq!(read_to(&state), [None, Some(2)]);
    assert_eq!(get(&mut key_value(&state, 0), "a"), None);
    assert_eq!(get(&mut key_value(&state, 1), "a"), Some((1, 1)));
    put_both(&mut state, "c", 3);
    drop(state);

    let (_, looked) = TaskState::look(home.dir(), &MemoryBudget::new(8 << 20)).unwrap().unwrap();
    assert_eq!(looked.specs(), [key_value_spec("kept", true)], "the directory knows nothing of the other");
    assert_eq!(read_to(&looked), [None, Some(3)]);
}

#[test]
fn a_store_that_was_in_memory_for_a_while_goes_on_where_the_directory_has_it() {
    let home = Home::rocks();
    let mut state = home.open(&specs(false));
    put_both(&mut state, "a", 1);
    drop(state);

    let mut state = home.open(&specs(true));
    assert_eq!(read_to(&state), [None, Some(1)], "memory has nothing of it");
    assert_eq!(get(&mut key_value(&state, 0), "a"), None);
    put_both(&mut state, "b", 2);
    put_both(&mut state, "c", 3);
    drop(state);

    // What the directory has of it is as of the first commit: the changelog is wanted from there on, not from its end.
    let state = home.open(&specs(false));
    assert_eq!(read_to(&state), [Some(1), Some(3)]);
    let mut fast = key_value(&state, 0);
    assert_eq!((get(&mut fast, "a"), get(&mut fast, "b")), (Some((1, 1)), None));
}

#[test]
fn a_large_restore_reaches_the_stores_in_both_places() {
    let home = Home::rocks();
    let mut state = home.open(&specs(true));
    let mut batch = topo_state::WriteBatch::new();
    for row in 0..20_000_u32 {
        for store in [0, 1] {
            batch.put(store, &row.to_be_bytes(), &[7; 60]);
        }
    }
    assert!(batch.bytes() > 2 << 20, "it goes in as a sorted run");
    let mut checkpoint = checkpoint("fast", 20_000);
    checkpoint.changelog.insert("kept".into(), 20_000);
    state.apply_bulk(&batch, checkpoint).unwrap();
    assert_eq!(read_to(&state), [Some(20_000), Some(20_000)]);
    let backend = state.backend();
    for store in [0, 1] {
        assert!(
            backend.get(store, &19_999_u32.to_be_bytes(), &mut |value| assert_eq!(value, [7; 60])).unwrap()
        );
    }
    drop((state, backend));
    assert_eq!(read_to(&home.open(&specs(true))), [None, Some(20_000)]);
}
