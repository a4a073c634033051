//! Versions lie by key, then time: byte order is that order, for keys that begin alike, are empty, or look like times, and
//! for times before 1970. A failure prints its seed; `TOPO_TEST_SEED` replays it.

use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};

use rand::Rng;
use rand::rngs::StdRng;
use topo_state::{Direction, StoreKind, StoreSpec, TaskState, VersionedStore, bytes, i64_be};

use crate::model::seeded;
use crate::support::*;

type Versions = VersionedStore<Vec<u8>, i64>;

/// Where nothing expires that is put here.
const EDGE: i64 = 1 << 62;
const BATCHES: usize = 12;
const PUTS: usize = 60;

/// What every key was worth from which time on.
type Past = BTreeMap<Vec<u8>, BTreeMap<i64, Option<i64>>>;

fn key(random: &mut StdRng) -> Vec<u8> {
    let letters = [0x00, 0x01, 0x7f, 0x80, 0xff, b'a'];
    let mut key: Vec<u8> =
        (0..random.random_range(0..4)).map(|_| letters[random.random_range(0..letters.len())]).collect();
    // A key whose end could be taken for the time of a shorter one.
    if random.random_bool(0.2) {
        key.extend_from_slice(&time(random).to_be_bytes());
    }
    key
}

fn time(random: &mut StdRng) -> i64 {
    match random.random_range(0..6) {
        0 => random.random_range(-EDGE..EDGE),
        1 => [-EDGE, EDGE - 1][random.random_range(0..2)],
        _ => random.random_range(-3..3),
    }
}

fn open(state: &TaskState) -> Versions {
    VersionedStore::new(state.specs()[0].clone(), 0, state.backend(), bytes(), i64_be())
}

/// Key and time of all versions, in the order of their rows.
fn rows(state: &TaskState) -> Vec<(Vec<u8>, i64)> {
    let mut rows = Vec::new();
    let visit = &mut |row: &[u8], _: &[u8]| {
        if let [0, rest @ ..] = row {
            let (length, rest) = rest.split_first_chunk::<4>().expect("a length");
            let (key, time) = rest.split_at(u32::from_be_bytes(*length) as usize);
            let time = i64::from_be_bytes(time.try_into().expect("a time")) ^ i64::MIN;
            rows.push((key.to_vec(), time));
        }
        ControlFlow::Continue(())
    };
    state.backend().scan(0, Bound::Unbounded, Bound::Unbounded, Direction::Forward, visit).unwrap();
    rows
}

fn run(home: &Home) {
    let (_announce, mut random) = seeded();
    let kind = StoreKind::Versioned { history_ms: i64::MAX };
    let mut state = home.open(&[StoreSpec::new("s", kind, &*bytes(), &*i64_be())]);
    let mut store = open(&state);
    let mut past = Past::default();
    for value in 0..(BATCHES * PUTS) as i64 {
        let (key, time) = (key(&mut random), time(&mut random));
        let value = random.random_bool(0.8).then_some(value);
        store.put(&key, value, time).unwrap();
        past.entry(key).or_default().insert(time, value);
        let (asked, as_of) = match past.keys().nth(random.random_range(0..past.len())) {
            Some(known) => (known.clone(), self::time(&mut random)),
            None => continue,
        };
        let then = past[&asked].range(..=as_of).next_back();
        let expected = then.and_then(|(since, value)| Some((value.as_ref().copied()?, *since)));
        let found = store.get_as_of(&asked, as_of).unwrap().map(|found| (found.value, found.timestamp));
        assert_eq!(found, expected, "{asked:?} as of {as_of}");
        if random.random_ratio(1, PUTS as u32) {
            commit(&mut state, &mut [&mut store]);
        }
    }
    commit(&mut state, &mut [&mut store]);
    let mut keys: Vec<&Vec<u8>> = past.keys().collect();
    keys.sort_by_key(|key| (key.len(), *key));
    let of = |key: &Vec<u8>| past[key].keys().map(|time| (key.clone(), *time)).collect::<Vec<_>>();
    let expected: Vec<(Vec<u8>, i64)> = keys.into_iter().flat_map(of).collect();
    assert_eq!(rows(&state), expected, "shorter keys first, then by their bytes, then by time");
}

#[test]
fn versions_lie_by_key_then_time_whatever_the_keys_look_like() {
    for _ in 0..20 {
        run(&Home::memory());
    }
    run(&Home::rocks());
}
