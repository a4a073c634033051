//! Windows in time that are aligned to the epoch: tumbling and hopping ones.

use topo_state::{Window, WindowSize};

/// Windows of equal length that begin every `advance` milliseconds, at multiples of it; a window holds its start, not its
/// end. Made of [`Tumbling`] or [`Hopping`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeWindows {
    pub(crate) size_ms: i64,
    pub(crate) advance_ms: i64,
    pub(crate) grace_ms: i64,
}

/// Windows side by side: every instant lies in exactly one. Kafka Streams: `TimeWindows.ofSizeAndGrace`.
///
/// ```
/// let five_minutes = topo::Tumbling::of_ms(5 * 60_000).grace_ms(30_000);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tumbling {
    size_ms: i64,
    grace_ms: i64,
}

/// Windows that overlap: a new one begins every `advance`. Kafka Streams: `TimeWindows.advanceBy`.
///
/// ```
/// let hourly_every_minute = topo::Hopping::of_ms(3_600_000, 60_000).grace_ms(10_000);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hopping {
    size_ms: i64,
    advance_ms: i64,
    grace_ms: i64,
}

impl Tumbling {
    /// Windows of this length, without grace.
    /// Kafka Streams: `TimeWindows.ofSizeWithNoGrace`.
    pub const fn of_ms(size_ms: i64) -> Self {
        Self { size_ms, grace_ms: 0 }
    }

    /// How long after a window's end, in stream time, records for it are still taken.
    /// Kafka Streams: `ofSizeAndGrace`.
    pub const fn grace_ms(mut self, grace_ms: i64) -> Self {
        self.grace_ms = grace_ms;
        self
    }
}

impl Hopping {
    /// Windows of length `size_ms`, one beginning every `advance_ms` (at most the length), without grace.
    /// Kafka Streams: `ofSizeWithNoGrace(..).advanceBy(..)`.
    pub const fn of_ms(size_ms: i64, advance_ms: i64) -> Self {
        Self { size_ms, advance_ms, grace_ms: 0 }
    }

    /// How long after a window's end, in stream time, records for it are still taken.
    /// Kafka Streams: `ofSizeAndGrace(..).advanceBy(..)`.
    pub const fn grace_ms(mut self, grace_ms: i64) -> Self {
        self.grace_ms = grace_ms;
        self
    }
}

impl From<Tumbling> for TimeWindows {
    fn from(windows: Tumbling) -> Self {
        Self { size_ms: windows.size_ms, advance_ms: windows.size_ms, grace_ms: windows.grace_ms }
    }
}

impl From<Hopping> for TimeWindows {
    fn from(windows: Hopping) -> Self {
        Self { size_ms: windows.size_ms, advance_ms: windows.advance_ms, grace_ms: windows.grace_ms }
    }
}

impl TimeWindows {
    /// The starts of the windows that hold `timestamp`, ascending. None begins before the epoch.
    pub(crate) fn starts(self, timestamp: i64) -> impl Iterator<Item = i64> {
        let first = timestamp.saturating_sub(self.size_ms).saturating_add(self.advance_ms).max(0);
        let first = first / self.advance_ms * self.advance_ms;
        std::iter::successors(Some(first), move |start| start.checked_add(self.advance_ms))
            .take_while(move |start| *start <= timestamp)
    }

    /// The window of this length that begins at `start`.
    pub(crate) fn window(self, start: i64) -> Window {
        Window::starting_at(start, WindowSize::millis(self.size_ms))
    }

    /// At a stream time, every window that ends here or earlier is closed.
    pub(crate) fn closed_until(self, stream_time: i64) -> i64 {
        stream_time.saturating_sub(self.grace_ms)
    }

    /// Whether a window begins within `first..=last`.
    pub(crate) fn any_start(self, first: i64, last: i64) -> bool {
        last >= 0 && last / self.advance_ms * self.advance_ms >= first
    }

    /// How long rows must be kept, milliseconds.
    pub(crate) fn retention_ms(self) -> i64 {
        self.size_ms.saturating_add(self.grace_ms)
    }

    /// What is wrong with these lengths, if anything.
    pub(crate) fn problem(self) -> Option<String> {
        if self.size_ms <= 0 {
            Some(format!("a window of {} ms has no length", self.size_ms))
        } else if self.advance_ms <= 0 || self.advance_ms > self.size_ms {
            Some(format!(
                "windows of {} ms cannot advance by {} ms: it takes 1 to {0} ms",
                self.size_ms, self.advance_ms
            ))
        } else if self.grace_ms < 0 {
            Some(format!("a grace of {} ms is negative", self.grace_ms))
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn starts(windows: impl Into<TimeWindows>, timestamp: i64) -> Vec<i64> {
        windows.into().starts(timestamp).collect()
    }

    #[test]
    fn a_tumbling_window_holds_its_start_and_not_its_end() {
        assert_eq!(starts(Tumbling::of_ms(10), 9), [0]);
        assert_eq!(starts(Tumbling::of_ms(10), 10), [10]);
    }

    #[test]
    fn hopping_windows_come_in_ascending_order_and_never_before_the_epoch() {
        assert_eq!(starts(Hopping::of_ms(10, 3), 4), [0, 3]);
        assert_eq!(starts(Hopping::of_ms(10, 3), 20), [12, 15, 18]);
        assert_eq!(starts(Hopping::of_ms(10, 3), 19), [12, 15, 18]);
        assert_eq!(starts(Hopping::of_ms(10, 3), 18), [9, 12, 15, 18]);
    }

    #[test]
    fn a_timestamp_before_the_epoch_is_in_no_window() {
        assert_eq!(starts(Tumbling::of_ms(10), -1), Vec::<i64>::new());
    }

    #[test]
    fn a_window_is_closed_once_stream_time_is_a_grace_behind_its_end() {
        let windows = TimeWindows::from(Tumbling::of_ms(10).grace_ms(5));
        assert!(windows.window(0).end > windows.closed_until(14));
        assert!(windows.window(0).end <= windows.closed_until(15));
    }

    #[test]
    fn a_range_knows_whether_a_window_begins_in_it() {
        let windows = TimeWindows::from(Hopping::of_ms(10, 4));
        assert!(windows.any_start(3, 4) && windows.any_start(4, 7) && windows.any_start(i64::MIN, 0));
        assert!(!windows.any_start(5, 7) && !windows.any_start(-9, -1) && !windows.any_start(9, 8));
    }

    proptest::proptest! {
        #[test]
        fn the_windows_of_a_time_are_all_that_hold_it(
            size in 1_i64..40, advance in 1_i64..40, timestamp in -20_i64..400,
        ) {
            proptest::prop_assume!(advance <= size);
            let windows = TimeWindows::from(Hopping::of_ms(size, advance));
            let holding: Vec<i64> = (0..400)
                .filter(|start| start % advance == 0 && (*start..start + size).contains(&timestamp))
                .collect();
            proptest::prop_assert_eq!(windows.starts(timestamp).collect::<Vec<_>>(), holding);
        }
    }

    #[test]
    fn impossible_lengths_are_named() {
        assert!(TimeWindows::from(Tumbling::of_ms(0)).problem().is_some());
        assert!(TimeWindows::from(Hopping::of_ms(10, 11)).problem().is_some());
        assert!(TimeWindows::from(Tumbling::of_ms(10).grace_ms(-1)).problem().is_some());
        assert!(TimeWindows::from(Hopping::of_ms(10, 10)).problem().is_none());
    }
}
