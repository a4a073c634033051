use std::ops::{Bound, ControlFlow};

use topo_state::Direction;

use crate::support::*;

/// Three committed keys; then one overwritten, one deleted, two added and one deleted that never was.
fn layered(home: &Home) -> (topo_state::TaskState, KeyValue) {
    let mut state = home.open(&[key_value_spec("s", true)]);
    let mut store = key_value(&state, 0);
    for key in ["b", "d", "f"] {
        put(&mut store, key, 1, 1);
    }
    commit(&mut state, &mut [&mut store]);
    put(&mut store, "d", 2, 2);
    delete(&mut store, "f", 2);
    put(&mut store, "g", 2, 2);
    put(&mut store, "a", 2, 2);
    delete(&mut store, "c", 2);
    (state, store)
}

fn range(
    store: &mut KeyValue,
    from: Bound<&str>,
    to: Bound<&str>,
    direction: Direction,
) -> Vec<(String, i64)> {
    let (from, to) = (from.map(str::to_owned), to.map(str::to_owned));
    let mut seen = Vec::new();
    let visit = &mut |key, value: &topo_state::Timestamped<i64>| {
        seen.push((key, value.value));
        ControlFlow::Continue(())
    };
    store.range(from.as_ref(), to.as_ref(), direction, visit).expect("the scan runs");
    seen
}

fn named(rows: &[(&str, i64)]) -> Vec<(String, i64)> {
    rows.iter().map(|(key, value)| ((*key).to_owned(), *value)).collect()
}

contract! {
    fn a_scan_merges_own_writes_with_committed_rows_in_byte_order(home) {
        let (_state, mut store) = layered(&home);
        let all = [("a", 2), ("b", 1), ("d", 2), ("g", 2)];
        let forward = range(&mut store, Bound::Unbounded, Bound::Unbounded, Direction::Forward);
        assert_eq!(forward, named(&all));
        let mut reverse = range(&mut store, Bound::Unbounded, Bound::Unbounded, Direction::Reverse);
        reverse.reverse();
        assert_eq!(reverse, named(&all));
    }

    fn bounds_are_kept_on_both_sides_and_in_both_directions(home) {
        let (_state, mut store) = layered(&home);
        for direction in [Direction::Forward, Direction::Reverse] {
            let mut seen = |from, to| {
                let mut rows = range(&mut store, from, to, direction);
                rows.sort();
                rows
            };
            assert_eq!(seen(Bound::Included("a"), Bound::Included("d")), named(&[("a", 2), ("b", 1), ("d", 2)]));
            assert_eq!(seen(Bound::Excluded("a"), Bound::Excluded("d")), named(&[("b", 1)]));
            assert_eq!(seen(Bound::Excluded("b"), Bound::Unbounded), named(&[("d", 2), ("g", 2)]));
            assert_eq!(seen(Bound::Included("z"), Bound::Included("a")), [], "turned round");
            assert_eq!(seen(Bound::Excluded("d"), Bound::Excluded("d")), [], "nothing between");
        }
    }

    fn a_write_after_a_scan_is_seen_by_the_next_one(home) {
        let (mut state, mut store) = layered(&home);
        range(&mut store, Bound::Unbounded, Bound::Unbounded, Direction::Forward);
        put(&mut store, "e", 3, 3);
        delete(&mut store, "b", 3);
        let expected = named(&[("a", 2), ("d", 2), ("e", 3), ("g", 2)]);
        let mut seen = || range(&mut store, Bound::Unbounded, Bound::Unbounded, Direction::Forward);
        assert_eq!(seen(), expected);
        commit(&mut state, &mut [&mut store]);
        let mut seen = || range(&mut store, Bound::Unbounded, Bound::Unbounded, Direction::Forward);
        assert_eq!(seen(), expected);
        topo_state::Store::discard(&mut store);
        assert_eq!(range(&mut store, Bound::Unbounded, Bound::Unbounded, Direction::Forward), expected);
    }

    fn a_prefix_scan_shows_the_keys_that_begin_with_it(home) {
        let mut state = home.open(&[key_value_spec("s", true)]);
        let mut store = key_value(&state, 0);
        for key in ["a", "aa", "aaz", "ab", "b"] {
            put(&mut store, key, 1, 1);
        }
        commit(&mut state, &mut [&mut store]);
        put(&mut store, "aab", 2, 2);
        delete(&mut store, "aa", 2);
        let mut seen = Vec::new();
        let visit = &mut |key: String, _: &_| {
            seen.push(key);
            ControlFlow::Continue(())
        };
        store.prefix(b"aa", visit).unwrap();
        assert_eq!(seen, ["aab", "aaz"]);
    }

    fn a_scan_stops_when_the_visitor_breaks(home) {
        let (_state, mut store) = layered(&home);
        for stop_after in 1..=4 {
            let mut seen = 0;
            let visit = &mut |_, _: &_| {
                seen += 1;
                if seen == stop_after { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            };
            store.all(visit).unwrap();
            assert_eq!(seen, stop_after);
        }
    }
}
