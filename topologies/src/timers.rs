//! Due dates beside a store: what must be looked at again once a clock has passed a time.
//!
//! A timer is a key of an ordinary store and nothing else: group, due time, subject, in this byte order, so that the
//! due ones of a group are the first ones. Whoever adds a timer decides what it means when it is due; a timer whose
//! subject has moved on is simply let go.

use std::ops::{Bound, ControlFlow};

use topo::state::{Direction, KeyValueStore, StateError};

/// The store of timers: ordered keys, empty values.
pub(crate) type TimerStore = KeyValueStore<Vec<u8>, ()>;

/// Bytes before the subject: group and due time.
const HEAD: usize = 12;

/// Adds a timer. Adding it twice is the same as once.
pub(crate) fn add(timers: &mut TimerStore, group: i32, due: i64, subject: &[u8]) -> Result<(), StateError> {
    timers.put(&key(group, due, subject), (), due.max(0))
}

/// Takes the earliest timer of a group that is due before `now`: its due time and its subject.
pub(crate) fn take_due(
    timers: &mut TimerStore,
    group: i32,
    now: i64,
) -> Result<Option<(i64, Vec<u8>)>, StateError> {
    let mut first = None;
    let (from, to) = (key(group, i64::MIN, &[]), key(group, now, &[]));
    timers.range(Bound::Included(&from), Bound::Excluded(&to), Direction::Forward, &mut |key, _| {
        first = Some(key);
        ControlFlow::Break(())
    })?;
    let Some(found) = first else { return Ok(None) };
    timers.delete(&found, now.max(0))?;
    Ok(split(&found))
}

fn key(group: i32, due: i64, subject: &[u8]) -> Vec<u8> {
    let mut key = Vec::with_capacity(HEAD + subject.len());
    key.extend_from_slice(&group.to_be_bytes());
    key.extend_from_slice(&ordered(due).to_be_bytes());
    key.extend_from_slice(subject);
    key
}

fn split(key: &[u8]) -> Option<(i64, Vec<u8>)> {
    let due: [u8; 8] = key.get(4..HEAD)?.try_into().ok()?;
    Some(((u64::from_be_bytes(due) ^ (1 << 63)) as i64, key.get(HEAD..)?.to_vec()))
}

/// Maps times to unsigned numbers of the same order, so that times before 1970 come first in bytes too.
fn ordered(time: i64) -> u64 {
    (time as u64) ^ (1 << 63)
}
