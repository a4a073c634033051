//! How far apart in time two records may be to meet in a join.

use std::ops::RangeInclusive;

/// The span of time of a stream-stream join: a right record meets a left one when its timestamp lies in
/// `[left - before, left + after]`, both ends included. Kafka Streams: `JoinWindows.ofTimeDifferenceAndGrace`.
///
/// ```
/// use topo::JoinWindows;
///
/// let near = JoinWindows::of_ms(5_000).grace_ms(1_000);
/// // A payment up to an hour behind its order, never before it.
/// let paid = JoinWindows::of_ms(0).after_ms(3_600_000);
/// // At least a minute and at most two behind.
/// let delayed = JoinWindows::of_ms(0).before_ms(-60_000).after_ms(120_000);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JoinWindows {
    pub(crate) before_ms: i64,
    pub(crate) after_ms: i64,
    pub(crate) grace_ms: i64,
}

impl JoinWindows {
    /// Records at most this far apart, whichever comes first, without grace.
    /// Kafka Streams: `JoinWindows.ofTimeDifferenceWithNoGrace`.
    pub const fn of_ms(difference_ms: i64) -> Self {
        Self { before_ms: difference_ms, after_ms: difference_ms, grace_ms: 0 }
    }

    /// How far the right record may lie before the left one. Negative: how far behind it must lie at least.
    /// Kafka Streams: `before`.
    pub const fn before_ms(mut self, before_ms: i64) -> Self {
        self.before_ms = before_ms;
        self
    }

    /// How far the right record may lie behind the left one. Negative: how far before it must lie at least.
    /// Kafka Streams: `after`.
    pub const fn after_ms(mut self, after_ms: i64) -> Self {
        self.after_ms = after_ms;
        self
    }

    /// How long after the end of the span, in stream time, late partners are still waited for.
    /// Kafka Streams: `ofTimeDifferenceAndGrace`.
    pub const fn grace_ms(mut self, grace_ms: i64) -> Self {
        self.grace_ms = grace_ms;
        self
    }

    /// How long rows must be kept, milliseconds.
    pub(crate) fn retention_ms(self) -> i64 {
        self.before_ms.saturating_add(self.after_ms).saturating_add(self.grace_ms)
    }

    /// The same span, seen from the right side.
    pub(crate) fn mirrored(self) -> Self {
        Self { before_ms: self.after_ms, after_ms: self.before_ms, ..self }
    }

    /// Where the partners of a left record lie. As in Kafka Streams the end is never before the epoch (it can only be so
    /// with a negative `after`).
    pub(crate) fn partners(self, timestamp: i64) -> RangeInclusive<i64> {
        let end = timestamp.saturating_add(self.after_ms);
        let end = if timestamp >= 0 { end.max(0) } else { end };
        timestamp.saturating_sub(self.before_ms)..=end
    }

    /// What is wrong with these lengths, if anything.
    pub(crate) fn problem(self) -> Option<String> {
        if self.before_ms.saturating_add(self.after_ms) < 0 {
            let (before, after) = (self.before_ms, self.after_ms);
            Some(format!("a span from {before} ms before to {after} ms after ends before it begins"))
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

    #[test]
    fn both_ends_of_the_span_belong_to_it() {
        let windows = JoinWindows::of_ms(10).after_ms(20);
        assert_eq!(windows.partners(100), 90..=120);
        assert_eq!(windows.mirrored().partners(100), 80..=110);
        assert_eq!(windows.grace_ms(5).retention_ms(), 35);
    }

    #[test]
    fn a_span_may_lie_wholly_behind_or_before_the_record() {
        let behind = JoinWindows::of_ms(0).before_ms(-10).after_ms(20);
        assert_eq!(behind.partners(100), 110..=120);
        assert_eq!(behind.mirrored().partners(100), 80..=90);
        assert_eq!(behind.mirrored().partners(5), -15..=0, "the end stays at the epoch");
        assert_eq!(behind.mirrored().partners(-5), -25..=-15);
    }

    #[test]
    fn impossible_lengths_are_named() {
        assert!(JoinWindows::of_ms(0).before_ms(-10).after_ms(9).problem().is_some());
        assert!(JoinWindows::of_ms(0).grace_ms(-1).problem().is_some());
        assert_eq!(JoinWindows::of_ms(0).before_ms(-10).after_ms(10).problem(), None);
    }
}
