//! Sessions: windows as long as their records make them.

use topo_state::Window;

/// Sessions of activity: records of a key that follow one another within `gap` are in one session. A session holds both
/// its ends, the timestamps of its first and last record. Kafka Streams: `SessionWindows.ofInactivityGapAndGrace`.
///
/// ```
/// let visits = topo::Session::gap_ms(30 * 60_000).grace_ms(60_000);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    pub(crate) gap_ms: i64,
    pub(crate) grace_ms: i64,
}

impl Session {
    /// Sessions that end after this much time without a record, without grace. Without a gap (0) only records of one time
    /// share a session.
    /// Kafka Streams: `SessionWindows.ofInactivityGapWithNoGrace`.
    pub const fn gap_ms(gap_ms: i64) -> Self {
        Self { gap_ms, grace_ms: 0 }
    }

    /// How long after a session's end and gap, in stream time, records for it are still taken.
    /// Kafka Streams: `ofInactivityGapAndGrace`.
    pub const fn grace_ms(mut self, grace_ms: i64) -> Self {
        self.grace_ms = grace_ms;
        self
    }

    /// Stored sessions that a record at `timestamp` belongs to end here or later.
    pub(crate) fn earliest_end(self, timestamp: i64) -> i64 {
        timestamp.saturating_sub(self.gap_ms)
    }

    /// Stored sessions that a record at `timestamp` belongs to begin here or earlier.
    pub(crate) fn latest_start(self, timestamp: i64) -> i64 {
        timestamp.saturating_add(self.gap_ms)
    }

    /// At a stream time, every session that ends here or earlier is closed.
    pub(crate) fn closed_until(self, stream_time: i64) -> i64 {
        stream_time.saturating_sub(self.waits_ms()).saturating_sub(1)
    }

    /// How far stream time must be beyond a session's end before nothing can be added to it any more.
    pub(crate) fn waits_ms(self) -> i64 {
        self.gap_ms.saturating_add(self.grace_ms)
    }

    /// How long rows must be kept, milliseconds.
    pub(crate) fn retention_ms(self) -> i64 {
        self.waits_ms()
    }

    /// What is wrong with these lengths, if anything.
    pub(crate) fn problem(self) -> Option<String> {
        if self.gap_ms < 0 {
            Some(format!("a gap of {} ms is negative", self.gap_ms))
        } else if self.grace_ms < 0 {
            Some(format!("a grace of {} ms is negative", self.grace_ms))
        } else {
            None
        }
    }
}

/// The session of one record.
pub(crate) fn alone(timestamp: i64) -> Window {
    Window { start: timestamp, end: timestamp }
}

/// The session that holds both.
pub(crate) fn union(one: Window, other: Window) -> Window {
    Window { start: one.start.min(other.start), end: one.end.max(other.end) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sessions as a store would have them: a record takes in every session within the gap.
    fn sessions(gap_ms: i64, timestamps: &[i64]) -> Vec<(Window, usize)> {
        let windows = Session::gap_ms(gap_ms);
        let mut sessions: Vec<(Window, usize)> = Vec::new();
        for &timestamp in timestamps {
            let (earliest, latest) = (windows.earliest_end(timestamp), windows.latest_start(timestamp));
            let touches = |window: &Window| window.end >= earliest && window.start <= latest;
            let (taken, kept): (Vec<_>, Vec<_>) = sessions.drain(..).partition(|(window, _)| touches(window));
            sessions = kept;
            let merged = taken.iter().fold(alone(timestamp), |merged, (window, _)| union(merged, *window));
            sessions.push((merged, 1 + taken.iter().map(|(_, count)| count).sum::<usize>()));
        }
        sessions.sort_by_key(|(window, _)| window.start);
        sessions
    }

    #[test]
    fn a_record_exactly_a_gap_away_still_belongs_to_the_session() {
        assert_eq!(sessions(10, &[0, 10]), [(Window { start: 0, end: 10 }, 2)]);
        assert_eq!(sessions(10, &[0, 11]).len(), 2);
    }

    #[test]
    fn without_a_gap_only_equal_times_share_a_session() {
        assert_eq!(sessions(0, &[5, 5, 6]).iter().map(|it| it.1).collect::<Vec<_>>(), [2, 1]);
    }

    #[test]
    fn a_record_between_two_sessions_makes_them_one() {
        assert_eq!(sessions(10, &[0, 20, 10]), [(Window { start: 0, end: 20 }, 3)]);
    }

    #[test]
    fn a_session_is_closed_once_stream_time_is_beyond_its_end_gap_and_grace() {
        let windows = Session::gap_ms(10).grace_ms(5);
        assert!(windows.closed_until(15) < 0, "a session that ends at 0 is still open");
        assert!(windows.closed_until(16) >= 0);
        assert!(windows.closed_until(i64::MIN) <= i64::MIN + 1, "no overflow at the edge of time");
    }

    #[test]
    fn impossible_lengths_are_named() {
        assert!(Session::gap_ms(-1).problem().is_some());
        assert!(Session::gap_ms(1).grace_ms(-1).problem().is_some());
        assert!(Session::gap_ms(0).problem().is_none());
    }

    proptest::proptest! {
        #[test]
        fn sessions_are_what_lies_between_gaps_in_whatever_order_records_come(
            gap in 0_i64..12, timestamps in proptest::collection::vec(0_i64..200, 0..60),
        ) {
            let mut sorted = timestamps.clone();
            sorted.sort_unstable();
            let expected: Vec<(Window, usize)> = sorted
                .chunk_by(|one, next| next - one <= gap)
                .map(|run| (Window { start: run[0], end: run[run.len() - 1] }, run.len()))
                .collect();
            proptest::prop_assert_eq!(sessions(gap, &timestamps), expected);
        }
    }
}
