//! Where the changelog of a window or session store may begin: before the first record of its oldest live segment lie only
//! records that have expired.
//!
//! Kept in the checkpoint beside the rows it belongs to, as metadata `first:<store>`: per live segment its number and an
//! offset at or before its first record, 8 bytes each, big endian.

use std::collections::BTreeMap;

use crate::segment::Segments;
use crate::spec::{StoreKind, StoreSpec};
use crate::store::NO_TIME;

/// The first changelog offset of each segment that is alive.
#[derive(Clone, Debug)]
pub struct Firsts {
    kind: StoreKind,
    segments: Segments,
    offsets: BTreeMap<i64, i64>,
}

impl Firsts {
    /// For a store that forgets; `None` for the others. `noted` is what the checkpoint has of it, `next` the next changelog
    /// offset there, `observed` the store's time: rows that were written before anything was noted may lie anywhere
    /// before `next`.
    pub fn new(spec: &StoreSpec, noted: Option<&[u8]>, next: Option<i64>, observed: i64) -> Option<Self> {
        let segments = Segments::of(&spec.kind)?;
        let mut firsts = Self { kind: spec.kind.clone(), segments, offsets: BTreeMap::new() };
        match noted.and_then(decode) {
            Some(offsets) => firsts.offsets = offsets,
            None if next.is_some_and(|next| next > 0) && observed != NO_TIME => {
                firsts.offsets.insert(segments.segment(observed), 0);
            }
            None => {}
        }
        Some(firsts)
    }

    /// The name of this in a checkpoint.
    pub fn name(store: &str) -> String {
        format!("first:{store}")
    }

    /// The segment of a changelog record; `None` when its key has no time.
    pub fn segment_of(&self, key: &[u8]) -> Option<i64> {
        self.kind.time_of(key).map(|time| self.segments.segment(time))
    }

    /// A record of this segment lies at `offset` or behind it.
    pub fn note(&mut self, segment: i64, offset: i64) {
        self.offsets.entry(segment).or_insert(offset);
    }

    /// Time has come to `observed`: forgets the segments that are gone. Returns the offset before which the changelog holds
    /// nothing but expired records, as far as there is a live segment to tell.
    pub fn expire(&mut self, observed: i64) -> Option<i64> {
        if observed != NO_TIME {
            self.offsets = self.offsets.split_off(&self.segments.live_from(observed));
        }
        self.first()
    }

    /// What [`expire`](Self::expire) said last.
    pub fn first(&self) -> Option<i64> {
        self.offsets.values().min().copied()
    }

    /// The bytes for the checkpoint.
    pub fn encode(&self) -> Vec<u8> {
        self.offsets
            .iter()
            .flat_map(|(segment, offset)| [segment.to_be_bytes(), offset.to_be_bytes()])
            .flatten()
            .collect()
    }
}

/// `None` when the bytes are none of ours: then nothing is known.
fn decode(bytes: &[u8]) -> Option<BTreeMap<i64, i64>> {
    let number = |bytes: &[u8]| bytes.try_into().ok().map(i64::from_be_bytes);
    let pair = |pair: &[u8]| Some((number(pair.get(..8)?)?, number(pair.get(8..)?)?));
    bytes.chunks(16).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::utf8;

    /// Segments of 10 ms; a row is gone when it is 20 ms old.
    fn firsts(noted: Option<&[u8]>, next: Option<i64>, observed: i64) -> Firsts {
        let kind = StoreKind::Window {
            timestamped: false,
            retention_ms: 20,
            segment_ms: 10,
            retain_duplicates: false,
        };
        Firsts::new(&StoreSpec::new("s", kind, &*utf8(), &*utf8()), noted, next, observed).unwrap()
    }

    fn key(start: i64) -> Vec<u8> {
        [b"k".as_slice(), &start.to_be_bytes(), &[0; 4]].concat()
    }

    #[test]
    fn the_first_record_of_the_oldest_live_segment_decides_not_the_oldest_record() {
        let mut firsts = firsts(None, None, NO_TIME);
        for (start, offset) in [(5, 0), (13, 4), (8, 7), (25, 9), (12, 11)] {
            let segment = firsts.segment_of(&key(start)).unwrap();
            firsts.note(segment, offset);
        }
        assert_eq!(firsts.expire(25), Some(0), "segment 0 holds the visible start 6");
        assert_eq!(firsts.expire(29), Some(4));
        assert_eq!(firsts.expire(60), None, "nothing is alive that was noted");
    }

    #[test]
    fn a_late_record_of_an_old_segment_holds_back_the_others() {
        let mut firsts = firsts(None, None, NO_TIME);
        firsts.note(2, 3);
        firsts.note(1, 5);
        assert_eq!(firsts.expire(25), Some(3), "segment 2 begins before segment 1");
        assert_eq!(firsts.expire(39), Some(3));
        assert_eq!(firsts.expire(49), None);
    }

    #[test]
    fn rows_from_before_anything_was_noted_hold_back_all_until_they_are_gone() {
        let mut old = firsts(None, Some(100), 25);
        old.note(3, 120);
        assert_eq!(old.expire(38), Some(0));
        assert_eq!(old.expire(49), Some(120));
        assert_eq!(firsts(None, Some(0), NO_TIME).expire(5), None);
    }

    #[test]
    fn what_is_noted_survives_the_checkpoint_and_what_is_not_ours_counts_as_nothing() {
        let mut before = firsts(None, None, NO_TIME);
        before.note(-1, 5);
        before.note(3, 1 << 40);
        let again = firsts(Some(&before.encode()), Some(9), 25);
        assert_eq!(again.offsets, before.offsets);
        assert_eq!(firsts(Some(b"too short"), Some(9), 25).offsets, BTreeMap::from([(2, 0)]));
        assert!(firsts(Some(&[]), Some(9), 25).offsets.is_empty(), "noted, and nothing is alive");
        let spec = StoreSpec::new("s", StoreKind::KeyValue { timestamped: true }, &*utf8(), &*utf8());
        assert!(Firsts::new(&spec, None, None, NO_TIME).is_none());
    }
}
