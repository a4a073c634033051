//! Where a row of a window or session store lies, and when it is gone.
//!
//! A row key is `segment (8 bytes) ++ changelog key`; the changelog key is `key ++ start (8) ++ sequence (4)` of a window and
//! `key ++ end (8) ++ start (8)` of a session. The time of a row is its start (session: its end). The segment is `time /
//! segment_ms` rounded down, with its sign bit flipped so that byte order is time order also before 1970. Expiry is one range
//! delete of all segments below the lowest one with a visible row.

use crate::batch::WriteBatch;
use crate::spec::StoreKind;
use crate::store::NO_TIME;

/// Bytes of the segment in front of a row key.
pub(crate) const SEGMENT_PREFIX: usize = 8;

/// The time rules of one window or session store.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segments {
    retention_ms: i64,
    segment_ms: i64,
    pub(crate) retain_duplicates: bool,
}

impl Segments {
    /// The rules of a window or session store; `None` for other kinds.
    pub(crate) fn of(kind: &StoreKind) -> Option<Self> {
        match kind {
            StoreKind::Window { retention_ms, segment_ms, retain_duplicates, .. } => Some(Self {
                retention_ms: (*retention_ms).max(0),
                segment_ms: (*segment_ms).max(1),
                retain_duplicates: *retain_duplicates,
            }),
            StoreKind::Session { retention_ms, segment_ms } => Some(Self {
                retention_ms: (*retention_ms).max(1),
                segment_ms: (*segment_ms).max(1),
                retain_duplicates: false,
            }),
            StoreKind::KeyValue { .. } | StoreKind::Versioned { .. } => None,
        }
    }

    /// Rules under which nothing ever expires.
    pub(crate) fn endless() -> Self {
        Self { retention_ms: i64::MAX, segment_ms: i64::MAX, retain_duplicates: false }
    }

    /// The segment of a time.
    pub(crate) fn segment(&self, time: i64) -> i64 {
        time.div_euclid(self.segment_ms)
    }

    /// The part of `first..=last` that lies in a segment.
    pub(crate) fn clamp(&self, segment: i64, first: i64, last: i64) -> (i64, i64) {
        let begin = segment.saturating_mul(self.segment_ms);
        (first.max(begin), last.min(begin.saturating_add(self.segment_ms - 1)))
    }

    /// Where the rows of the segments of `first..=last` lie: from the first key on, up to the second one (to the end without).
    pub(crate) fn bounds(
        &self,
        first: i64,
        last: i64,
    ) -> ([u8; SEGMENT_PREFIX], Option<[u8; SEGMENT_PREFIX]>) {
        let behind = self.segment(last).checked_add(1).map(segment_bytes);
        (segment_bytes(self.segment(first)), behind)
    }

    /// The lowest time that is still visible.
    pub(crate) fn visible_from(&self, observed: i64) -> i64 {
        if observed == NO_TIME { i64::MIN } else { observed.saturating_sub(self.retention_ms - 1) }
    }

    /// Whether rows of this time are gone. A retention of 0 keeps none, as in Kafka Streams.
    pub(crate) fn is_expired(&self, time: i64, observed: i64) -> bool {
        time < self.visible_from(observed)
    }

    /// Whether a put of this start is refused. With duplicates a row that nobody can see is taken while its segment may
    /// live, as in Kafka Streams: the drop count and the changelog of a join are then the same.
    pub(crate) fn refuses(&self, start: i64, observed: i64) -> bool {
        if !self.retain_duplicates || observed == NO_TIME {
            return self.is_expired(start, observed);
        }
        self.segment(start) < self.segment(observed.saturating_sub(self.retention_ms))
    }

    /// The lowest segment that can hold a visible row.
    pub(crate) fn live_from(&self, observed: i64) -> i64 {
        self.segment(self.visible_from(observed))
    }

    /// Removes every segment that has expired when time goes from `before` to `after`.
    pub(crate) fn expire(&self, before: i64, after: i64, store: usize, batch: &mut WriteBatch) {
        let live = self.live_from(after);
        if after != NO_TIME && (before == NO_TIME || self.live_from(before) < live) {
            batch.delete_range(store, &[], &segment_bytes(live));
        }
    }
}

/// The order-preserving bytes of a segment.
pub(crate) fn segment_bytes(segment: i64) -> [u8; SEGMENT_PREFIX] {
    (segment ^ i64::MIN).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segments(retention_ms: i64, segment_ms: i64) -> Segments {
        let kind =
            StoreKind::Window { timestamped: false, retention_ms, segment_ms, retain_duplicates: false };
        Segments::of(&kind).unwrap()
    }

    #[test]
    fn byte_order_of_segments_is_time_order_also_before_1970() {
        let segments = segments(100, 10);
        let bytes: Vec<_> = [i64::MIN, -11, -10, -1, 0, 9, 10, i64::MAX]
            .map(|start| segment_bytes(segments.segment(start)))
            .into();
        assert!(bytes.is_sorted());
        assert_eq!(segments.segment(-1), -1);
        assert_eq!(segments.segment(-10), -1);
        assert_eq!(segments.segment(-11), -2);
    }

    #[test]
    fn a_row_is_hidden_from_the_moment_it_is_a_whole_retention_old() {
        let segments = segments(100, 10);
        assert!(segments.is_expired(0, 100));
        assert!(!segments.is_expired(1, 100));
        assert!(!segments.is_expired(i64::MIN, NO_TIME));
        assert!(!segments.is_expired(i64::MIN, i64::MIN + 5), "no overflow at the edge of time");
    }

    #[test]
    fn only_segments_without_a_visible_row_are_removed() {
        let segments = segments(100, 10);
        let expired = |before, after| {
            let mut batch = WriteBatch::new();
            segments.expire(before, after, 0, &mut batch);
            batch.iter().next().map(|write| format!("{write:?}"))
        };
        assert_eq!(expired(100, 108), None, "segment 0 still holds the visible start 9");
        assert!(expired(100, 109).is_some());
        assert!(expired(NO_TIME, 5).is_some(), "the first time after an opening removes what is left over");
        assert_eq!(expired(NO_TIME, NO_TIME), None);
    }
}
