//! Which rows of recent times each key has: spares a window or session store the scans that would find little or nothing.
//!
//! A scan of the backend costs many times what the read of one row costs: it looks into every table file. The index knows every
//! row, committed or not, of the time `since` or later, and none before, which are scanned for. It begins with the first
//! search, behind the store's time of that moment, and forgets the older half of what it knows when it outgrows its bound.

use rustc_hash::FxHashMap;

use crate::store::NO_TIME;

/// Bytes that the index of one store may take.
const BOUND_BYTES: usize = 8 << 20;
/// Below this it is not looked through for what is gone.
const WORTH_BYTES: usize = 64 << 10;
/// Memory of a key beside its bytes, and of a row.
const KEY_BYTES: usize = 96;
const PLACE_BYTES: usize = size_of::<Place>();

/// What tells the rows of one key apart: the bytes behind it in the row's key, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// The row's time.
    pub(crate) time: i64,
    /// What follows it: a sequence number, or a session's start.
    pub(crate) rest: u64,
}

/// The index of one store.
pub(crate) struct Recent {
    /// `None`: nobody has searched yet, and nothing is noted.
    since: Option<i64>,
    keys: FxHashMap<Box<[u8]>, Vec<Place>>,
    bytes: usize,
    /// At how many bytes it is looked through again.
    full_at: usize,
    bound: usize,
}

impl Recent {
    pub(crate) fn new() -> Self {
        Self::within(BOUND_BYTES)
    }

    fn within(bound: usize) -> Self {
        Self { since: None, keys: FxHashMap::default(), bytes: 0, full_at: WORTH_BYTES.min(bound), bound }
    }

    /// From which time on all rows are known, if a search has begun it.
    pub(crate) fn since(&self) -> Option<i64> {
        self.since
    }

    /// Begins, unless it has: rows up to the store's time are not known.
    pub(crate) fn begin(&mut self, observed: i64) {
        self.since.get_or_insert(behind(observed));
    }

    /// Begins anew where a store has gone back to its last commit.
    pub(crate) fn restart(&mut self, observed: i64) {
        if self.since.is_some() {
            *self = Self { since: Some(behind(observed)), ..Self::within(self.bound) };
        }
    }

    /// Notes a row. `true`: it was not there before. Rows before `visible_from` are gone.
    pub(crate) fn add(&mut self, key: &[u8], place: Place, visible_from: i64) -> bool {
        if self.since.is_none_or(|since| place.time < since) {
            return false;
        }
        let Some(places) = self.keys.get_mut(key) else {
            self.keys.insert(key.into(), vec![place]);
            self.bytes += KEY_BYTES + key.len() + PLACE_BYTES;
            self.look_through(visible_from);
            return true;
        };
        let at = places.partition_point(|other| *other < place);
        if places.get(at) == Some(&place) {
            return false;
        }
        if places.len() == places.capacity() && places.len() < 4 {
            // Most keys have one row or two; a vector would take room for four.
            places.reserve_exact(1);
        }
        places.insert(at, place);
        self.bytes += PLACE_BYTES;
        let gone = places.partition_point(|other| other.time < visible_from);
        if gone * 2 > places.len() {
            places.drain(..gone);
            self.bytes -= gone * PLACE_BYTES;
        }
        self.look_through(visible_from);
        true
    }

    /// Forgets a row.
    pub(crate) fn remove(&mut self, key: &[u8], place: Place) {
        if let Some(places) = self.keys.get_mut(key)
            && let Ok(at) = places.binary_search(&place)
        {
            places.remove(at);
            self.bytes -= PLACE_BYTES;
        }
    }

    /// The rows of a key within two times, of which the first is not before [`since`](Self::since), in order.
    pub(crate) fn between(&self, key: &[u8], first: i64, last: i64) -> &[Place] {
        let places = self.keys.get(key).map_or(&[][..], Vec::as_slice);
        let from = places.partition_point(|place| place.time < first);
        let behind = places.partition_point(|place| place.time <= last);
        places.get(from..behind).unwrap_or_default()
    }

    fn look_through(&mut self, visible_from: i64) {
        if self.bytes <= self.full_at {
            return;
        }
        self.keep_from(visible_from);
        if self.bytes > self.bound / 2 {
            let mut times: Vec<i64> = self.keys.values().flatten().map(|place| place.time).collect();
            let middle = times.len() / 2;
            if middle < times.len() {
                let (_, middle, _) = times.select_nth_unstable(middle);
                let since = behind(*middle);
                self.since = Some(since);
                self.keep_from(since);
            }
        }
        self.full_at = (self.bytes * 2).max(WORTH_BYTES).min(self.bound);
    }

    fn keep_from(&mut self, from: i64) {
        let mut bytes = 0;
        self.keys.retain(|key, places| {
            let gone = places.partition_point(|place| place.time < from);
            if gone > 0 {
                places.drain(..gone);
                places.shrink_to_fit();
            }
            bytes += KEY_BYTES + key.len() + places.len() * PLACE_BYTES;
            if places.is_empty() {
                bytes -= KEY_BYTES + key.len();
            }
            !places.is_empty()
        });
        self.bytes = bytes;
    }
}

/// The first time that is later; a store without a time has no rows at all.
fn behind(time: i64) -> i64 {
    if time == NO_TIME { i64::MIN } else { time.saturating_add(1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(time: i64, rest: u64) -> Place {
        Place { time, rest }
    }

    #[test]
    fn rows_of_a_key_come_in_order_once_each_and_go_again() {
        let mut recent = Recent::new();
        assert!(!recent.add(b"k", place(1, 0), i64::MIN), "nobody searches");
        recent.begin(NO_TIME);
        for (time, rest) in [(5, 2), (5, 1), (-3, 0), (9, 0)] {
            assert!(recent.add(b"k", place(time, rest), i64::MIN));
        }
        assert!(!recent.add(b"k", place(5, 1), i64::MIN), "it is there");
        recent.add(b"other", place(5, 7), i64::MIN);
        assert_eq!(recent.between(b"k", -3, 5), [place(-3, 0), place(5, 1), place(5, 2)]);
        recent.remove(b"k", place(5, 1));
        recent.remove(b"k", place(6, 1));
        assert_eq!(recent.between(b"k", 0, 100), [place(5, 2), place(9, 0)]);
        assert_eq!(recent.between(b"nobody", 0, 100), []);
    }

    #[test]
    fn rows_up_to_the_time_of_the_first_search_are_not_known() {
        let mut recent = Recent::new();
        recent.begin(10);
        assert!(!recent.add(b"k", place(10, 0), i64::MIN));
        assert!(recent.add(b"k", place(11, 0), i64::MIN));
        recent.begin(NO_TIME);
        assert_eq!(recent.since(), Some(11), "it begins once");
        recent.restart(20);
        assert_eq!((recent.since(), recent.between(b"k", 0, 100)), (Some(21), &[][..]));
    }

    #[test]
    fn rows_that_are_gone_leave_and_a_full_index_forgets_its_older_half() {
        let mut recent = Recent::within(WORTH_BYTES);
        recent.begin(NO_TIME);
        for time in 0..10_000_i64 {
            recent.add(&(time % 3_000).to_be_bytes(), place(time, 0), time - 50);
        }
        assert_eq!(recent.since(), Some(i64::MIN), "what is visible fits");
        assert!(recent.bytes <= WORTH_BYTES && recent.keys.len() < 700);
        for time in 10_000..20_000_i64 {
            recent.add(&time.to_be_bytes(), place(time, 0), 0);
        }
        let since = recent.since().unwrap();
        assert!(recent.bytes <= WORTH_BYTES && since > 10_000, "{since}");
        for time in since..20_000 {
            assert_eq!(recent.between(&time.to_be_bytes(), since, 20_000), [place(time, 0)]);
        }
    }

    #[test]
    fn the_old_rows_of_a_busy_key_leave_too() {
        let mut recent = Recent::new();
        recent.begin(NO_TIME);
        for time in 0..10_000 {
            recent.add(b"k", place(time, 0), time - 9);
        }
        assert!(recent.between(b"k", i64::MIN, i64::MAX).len() <= 20);
    }
}
