//! Which of two events about the same row is the later one.

use serde::{Deserialize, Serialize};

/// Place of an event in the history of its row.
///
/// `scn` is the commit SCN when it is present and not below the change's own SCN (old connectors stamp an
/// earlier commit), else the change's SCN. Inside one SCN the position in the transaction decides; where the
/// connector gives no `txSeq`, the later Kafka offset wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// SCN the row version belongs to; 0 when the event carries none, so that only the offset counts.
    pub scn: u64,
    /// `txSeq`, else the transaction's `total_order`, else 0; [`i64::MAX`] for an incremental snapshot.
    pub sequence: i64,
    /// True when `sequence` is a `txSeq`: then an equal version is the same event once more.
    pub exact: bool,
    /// Kafka offset of the event; compared only between events of the same row, thus of one partition.
    pub offset: i64,
}

/// How an event relates to what is stored for its row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// Later than what is stored: apply it.
    Newer,
    /// The same event again: skip and count.
    Duplicate,
    /// Older than what is stored: skip and count.
    Stale,
}

impl Version {
    /// Compares an event with the version stored for its row.
    pub fn against(&self, stored: &Version) -> Freshness {
        let by_place = (self.scn, self.sequence).cmp(&(stored.scn, stored.sequence));
        let by_offset = self.offset.cmp(&stored.offset);
        let both_exact = self.exact && stored.exact;
        match if both_exact { by_place } else { by_place.then(by_offset) } {
            std::cmp::Ordering::Greater => Freshness::Newer,
            std::cmp::Ordering::Equal => Freshness::Duplicate,
            std::cmp::Ordering::Less => Freshness::Stale,
        }
    }
}

/// Where the version of an event comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ordering {
    /// SCN and position in the transaction; the offset only breaks ties.
    #[default]
    Scn,
    /// The Kafka offset alone: for connectors up to 2.5, whose commit SCN is not reliable.
    KafkaOffset,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(scn: u64, sequence: i64, exact: bool, offset: i64) -> Version {
        Version { scn, sequence, exact, offset }
    }

    #[test]
    fn a_later_commit_wins_whatever_its_offset() {
        assert_eq!(version(11, 1, true, 5).against(&version(10, 9, true, 90)), Freshness::Newer);
        assert_eq!(version(9, 9, true, 95).against(&version(10, 1, true, 90)), Freshness::Stale);
    }

    #[test]
    fn the_same_place_in_a_transaction_is_a_duplicate_at_any_offset() {
        assert_eq!(version(10, 2, true, 95).against(&version(10, 2, true, 90)), Freshness::Duplicate);
        assert_eq!(version(10, 3, true, 95).against(&version(10, 2, true, 90)), Freshness::Newer);
    }

    #[test]
    fn without_a_sequence_the_later_offset_wins() {
        assert_eq!(version(10, 0, false, 95).against(&version(10, 0, false, 90)), Freshness::Newer);
        assert_eq!(version(10, 0, false, 90).against(&version(10, 0, false, 90)), Freshness::Duplicate);
        assert_eq!(version(10, 0, false, 80).against(&version(10, 0, false, 90)), Freshness::Stale);
    }

    #[test]
    fn an_incremental_snapshot_sorts_after_every_change_of_its_scn() {
        let snapshot = version(10, i64::MAX, false, 80);
        assert_eq!(snapshot.against(&version(10, 7_000, true, 90)), Freshness::Newer);
        assert_eq!(version(10, 7_001, true, 95).against(&snapshot), Freshness::Stale);
        assert_eq!(version(11, 1, true, 95).against(&snapshot), Freshness::Newer);
    }
}
