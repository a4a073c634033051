//! Sliding windows: a window wherever the set of records within `diff` of one another changes.
//!
//! A record at `t` has a left window `[t - diff, t]`, which it ends, and a right window `[t + 1, t + 1 + diff]`, which exists
//! only once a record falls into it. Both ends belong to a window. No window begins before the epoch: early records share the
//! window `[0, diff]`.

use std::ops::RangeInclusive;

/// Windows of one length, aligned to the records: two records share a window if their timestamps differ by at most `diff`.
///
/// Kafka Streams: `SlidingWindows.ofTimeDifferenceAndGrace` (KIP-450).
///
/// ```
/// let last_ten_minutes = topo::Sliding::of_ms(10 * 60_000).grace_ms(30_000);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sliding {
    pub(crate) diff_ms: i64,
    pub(crate) grace_ms: i64,
}

/// A window that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) start: i64,
    /// The highest timestamp among its records.
    pub(crate) newest: i64,
}

/// One window that a record changes or makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Touch {
    pub(crate) start: i64,
    /// The known window whose aggregate it begins with; for a window that is there already, that one itself.
    pub(crate) from: Option<usize>,
    /// Whether the record itself goes in. Its own right window only takes over what lies behind it.
    pub(crate) adds: bool,
}

impl Sliding {
    /// Windows that hold records up to `diff_ms` apart, without grace.
    /// Kafka Streams: `SlidingWindows.ofTimeDifferenceWithNoGrace` (KIP-450).
    pub const fn of_ms(diff_ms: i64) -> Self {
        Self { diff_ms, grace_ms: 0 }
    }

    /// How long after a window's end, in stream time, records for it are still taken.
    /// Kafka Streams: `ofTimeDifferenceAndGrace`.
    pub const fn grace_ms(mut self, grace_ms: i64) -> Self {
        self.grace_ms = grace_ms;
        self
    }

    /// The last instant of the window that begins at `start`.
    pub(crate) fn end(self, start: i64) -> i64 {
        start.saturating_add(self.diff_ms)
    }

    /// At a stream time, every window that ends here or earlier is closed.
    pub(crate) fn closed_until(self, stream_time: i64) -> i64 {
        stream_time.saturating_sub(self.grace_ms).saturating_sub(1)
    }

    /// Where windows that matter to a record begin: those that hold it, its own right one, and those before, which tell what
    /// lies in its left one.
    pub(crate) fn looked_at(self, timestamp: i64) -> RangeInclusive<i64> {
        let first = timestamp.saturating_sub(self.diff_ms).saturating_sub(self.diff_ms).max(0);
        first..=timestamp.saturating_add(1)
    }

    /// The windows that a record changes or makes. `known` are the key's windows that begin within
    /// [`looked_at`](Self::looked_at), ascending.
    pub(crate) fn touches(self, timestamp: i64, known: &[Known], touches: &mut Vec<Touch>) {
        touches.clear();
        if timestamp < self.diff_ms {
            self.early(timestamp, known, touches)
        } else {
            self.late(timestamp, known, touches)
        }
    }

    /// A record whose left window would begin before the epoch.
    fn early(self, timestamp: i64, known: &[Known], touches: &mut Vec<Touch>) {
        let first = known.first().filter(|window| window.start == 0).map(|_| 0);
        let mut behind = first.filter(|at| known[*at].newest > timestamp);
        for (at, window) in known.iter().enumerate() {
            if (1..=timestamp).contains(&window.start) {
                behind = Some(at);
                touches.push(Touch { start: window.start, from: Some(at), adds: true });
            }
        }
        self.right(timestamp, known, behind, touches);
        if let Some(previous) = first.map(|at| known[at].newest).filter(|newest| *newest < timestamp) {
            make(previous + 1, known, touches);
        }
        touches.push(Touch { start: 0, from: first, adds: true });
    }

    fn late(self, timestamp: i64, known: &[Known], touches: &mut Vec<Touch>) {
        let left_start = timestamp - self.diff_ms;
        // The latest window that holds the record: what lies in it behind the record is what its right window begins with.
        let mut behind = None;
        let (mut before, mut previous, mut has_left) = (None, None, false);
        for (at, window) in known.iter().enumerate().rev().filter(|(_, window)| window.start <= timestamp) {
            if window.start < left_start {
                (before, previous) = (Some(at), Some(window.newest));
                break;
            }
            touches.push(Touch { start: window.start, from: Some(at), adds: true });
            if window.start > left_start {
                behind = behind.or(Some(at));
            } else {
                has_left = true;
                if window.newest >= timestamp {
                    // A record of this very time made all windows there are to make.
                    return;
                }
                previous = Some(window.newest);
            }
        }
        if let Some(previous) = previous.filter(|previous| self.end(previous + 1) >= timestamp) {
            make(previous + 1, known, touches);
        }
        if !has_left {
            let from = before.filter(|at| known[*at].newest >= left_start);
            touches.push(Touch { start: left_start, from, adds: true });
        }
        self.right(timestamp, known, behind, touches);
    }

    /// The record's own right window, if it is missing and something lies in it.
    fn right(self, timestamp: i64, known: &[Known], behind: Option<usize>, touches: &mut Vec<Touch>) {
        let start = timestamp.saturating_add(1);
        let exists = known.last().is_some_and(|window| window.start == start);
        if let Some(at) = behind.filter(|at| !exists && known[*at].newest > timestamp) {
            touches.push(Touch { start, from: Some(at), adds: false });
        }
    }

    /// How long rows must be kept, milliseconds.
    pub(crate) fn retention_ms(self) -> i64 {
        self.diff_ms.saturating_mul(2).saturating_add(self.grace_ms)
    }

    /// What is wrong with these lengths, if anything.
    pub(crate) fn problem(self) -> Option<String> {
        if self.diff_ms < 0 {
            Some(format!("records cannot be {} ms apart", self.diff_ms))
        } else if self.grace_ms < 0 {
            Some(format!("a grace of {} ms is negative", self.grace_ms))
        } else {
            None
        }
    }
}

/// The right window of an earlier record, for the record in hand alone, unless it is there.
fn make(start: i64, known: &[Known], touches: &mut Vec<Touch>) {
    if !known.iter().any(|window| window.start == start) {
        touches.push(Touch { start, from: None, adds: true });
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Count and newest record per window start.
    type Counts = BTreeMap<i64, (usize, i64)>;

    fn counted(windows: Sliding, timestamps: &[i64]) -> Counts {
        let mut counts = Counts::new();
        let mut touches = Vec::new();
        for &timestamp in timestamps {
            let (known, values): (Vec<_>, Vec<_>) = counts
                .range(windows.looked_at(timestamp))
                .map(|(start, (count, newest))| (Known { start: *start, newest: *newest }, *count))
                .unzip();
            windows.touches(timestamp, &known, &mut touches);
            for touch in &touches {
                let (count, newest) = touch.from.map_or((0, timestamp), |at| (values[at], known[at].newest));
                let added = if touch.adds { (count + 1, newest.max(timestamp)) } else { (count, newest) };
                counts.insert(touch.start, added);
            }
        }
        counts
    }

    /// By definition: the windows of all records, and what lies in them.
    fn defined(windows: Sliding, timestamps: &[i64]) -> Counts {
        let mut counts = Counts::new();
        for &timestamp in timestamps {
            for start in [(timestamp - windows.diff_ms).max(0), timestamp + 1] {
                let held: Vec<i64> = timestamps
                    .iter()
                    .copied()
                    .filter(|it| (start..=windows.end(start)).contains(it))
                    .collect();
                if let Some(newest) = held.iter().max() {
                    counts.insert(start, (held.len(), *newest));
                }
            }
        }
        counts
    }

    #[test]
    fn a_record_ends_its_left_window_and_the_next_one_makes_its_right() {
        let windows = Sliding::of_ms(10);
        assert_eq!(counted(windows, &[50]), [(40, (1, 50))].into());
        assert_eq!(counted(windows, &[50, 55]), [(40, (1, 50)), (45, (2, 55)), (51, (1, 55))].into());
        assert_eq!(counted(windows, &[50, 60]), [(40, (1, 50)), (50, (2, 60)), (51, (1, 60))].into());
        assert_eq!(counted(windows, &[50, 61]), [(40, (1, 50)), (51, (1, 61))].into());
    }

    #[test]
    fn early_records_share_the_window_that_begins_at_the_epoch() {
        let windows = Sliding::of_ms(10);
        assert_eq!(counted(windows, &[3, 7]), [(0, (2, 7)), (4, (1, 7))].into());
        assert_eq!(counted(windows, &[7, 3]), [(0, (2, 7)), (4, (1, 7))].into());
    }

    #[test]
    fn windows_of_no_length_hold_equal_times() {
        assert_eq!(counted(Sliding::of_ms(0), &[0, 5, 5, 6]), [(0, (1, 0)), (5, (2, 5)), (6, (1, 6))].into());
    }

    #[test]
    fn the_end_belongs_to_a_window_so_it_closes_one_later() {
        let windows = Sliding::of_ms(10).grace_ms(5);
        assert!(windows.end(0) > windows.closed_until(15));
        assert!(windows.end(0) <= windows.closed_until(16));
    }

    #[test]
    fn impossible_lengths_are_named() {
        assert!(Sliding::of_ms(-1).problem().is_some());
        assert!(Sliding::of_ms(1).grace_ms(-1).problem().is_some());
        assert!(Sliding::of_ms(0).problem().is_none());
    }

    proptest::proptest! {
        #[test]
        fn windows_hold_what_they_should_in_whatever_order_records_come(
            diff in 0_i64..15, timestamps in proptest::collection::vec(0_i64..60, 0..40),
        ) {
            let windows = Sliding::of_ms(diff);
            proptest::prop_assert_eq!(counted(windows, &timestamps), defined(windows, &timestamps));
        }
    }
}
