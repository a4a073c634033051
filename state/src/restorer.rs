//! Changelog records -> batch entries, without codecs and without a typed store: restores run beside the processing.

use crate::batch::WriteBatch;
use crate::segment::{Segments, segment_bytes};
use crate::spec::{StoreKind, StoreSpec};
use crate::store::NO_TIME;
use crate::version::put_version;

/// Turns the changelog records of one store into the rows that live writes would have made.
#[derive(Debug)]
pub struct Restorer {
    store: usize,
    kind: StoreKind,
    timestamped: bool,
    segments: Option<Segments>,
    /// Of a versioned store.
    history_ms: Option<i64>,
    observed: i64,
    /// Highest timestamp among the records so far.
    seen: i64,
    expired: i64,
    sequence: u32,
    malformed: u64,
}

impl Restorer {
    /// For the store with index `store`; `observed` is the time of its checkpoint ([`NO_TIME`] without one).
    pub fn new(spec: &StoreSpec, store: usize, observed: i64) -> Self {
        let segments = Segments::of(&spec.kind);
        let timestamped = spec.kind.is_timestamped();
        let history_ms = match spec.kind {
            StoreKind::Versioned { history_ms } => Some(history_ms.max(0)),
            _ => None,
        };
        Self {
            store,
            kind: spec.kind.clone(),
            timestamped,
            segments,
            history_ms,
            observed,
            seen: NO_TIME,
            expired: NO_TIME,
            sequence: 0,
            malformed: 0,
        }
    }

    /// Adds one record to the batch. Expired windows are skipped, and removed when time passes them.
    pub fn add(&mut self, key: &[u8], value: Option<&[u8]>, timestamp: i64, batch: &mut WriteBatch) {
        if let Some(history_ms) = self.history_ms {
            self.observed = self.observed.max(timestamp);
            self.seen = self.seen.max(timestamp);
            // A writer may have logged what it refused, by the time it had come to then. By the time of the checkpoint the last
            // version of a key that has not changed for long would be refused too.
            if timestamp >= self.seen.saturating_sub(history_ms) {
                put_version(batch, self.store, key, timestamp, value);
            }
            return;
        }
        let Some(segments) = self.segments else {
            self.push([key, &[]], value, timestamp, batch);
            return;
        };
        let Some(time) = self.kind.time_of(key) else {
            self.malformed += 1;
            return;
        };
        self.observed = self.observed.max(time);
        self.sequence = self.sequence.max(self.kind.sequence_of(key));
        if !segments.is_expired(time, self.observed) {
            self.push([&segment_bytes(segments.segment(time)), key], value, timestamp, batch);
        }
        segments.expire(self.expired, self.observed, self.store, batch);
        self.expired = self.observed;
    }

    /// Highest window start (session: end; versioned: timestamp) so far, for
    /// [`Store::set_observed_time`](crate::Store::set_observed_time).
    pub fn observed_time(&self) -> i64 {
        self.observed
    }

    /// Highest number of a put so far, for [`Store::set_sequence`](crate::Store::set_sequence).
    pub fn sequence(&self) -> u32 {
        self.sequence
    }

    /// Records that were skipped because their key is too short to be a window or session key. Anything but 0 means that the
    /// changelog belongs to another kind of store: do not go on with what was restored.
    pub fn malformed(&self) -> u64 {
        self.malformed
    }

    fn push(&self, key: [&[u8]; 2], value: Option<&[u8]>, timestamp: i64, batch: &mut WriteBatch) {
        let stamp = timestamp.to_be_bytes();
        let stamp = if self.timestamped { &stamp[..] } else { &[] };
        match value {
            Some(value) => batch.put_parts(self.store, key, [stamp, value]),
            None => batch.delete_parts(self.store, key),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::Write;
    use crate::codec::utf8;
    use crate::spec::StoreKind;

    fn restorer(kind: StoreKind) -> Restorer {
        Restorer::new(&StoreSpec::new("s", kind, &*utf8(), &*utf8()), 3, NO_TIME)
    }

    #[test]
    fn a_timestamped_store_gets_the_record_timestamp_in_front_of_the_value() {
        let mut batch = WriteBatch::new();
        restorer(StoreKind::KeyValue { timestamped: true }).add(b"k", Some(b"v"), 1, &mut batch);
        restorer(StoreKind::KeyValue { timestamped: false }).add(b"k", None, 1, &mut batch);
        let value = &[0, 0, 0, 0, 0, 0, 0, 1, b'v'][..];
        let expected = [Write::Put { store: 3, key: b"k", value }, Write::Delete { store: 3, key: b"k" }];
        assert_eq!(batch.iter().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn the_last_version_of_a_key_that_has_not_changed_for_long_is_restored_and_what_was_refused_is_not() {
        let spec = StoreSpec::new("s", StoreKind::Versioned { history_ms: 100 }, &*utf8(), &*utf8());
        let mut restorer = Restorer::new(&spec, 3, 1_000);
        let mut batch = WriteBatch::new();
        for (key, time) in [(b"old", 5), (b"new", 900), (b"lat", 799)] {
            restorer.add(key, Some(b"v"), time, &mut batch);
        }
        assert_eq!((batch.len(), restorer.observed_time()), (4, 1_000), "two rows a version");
    }

    #[test]
    fn a_key_too_short_for_a_window_is_counted_and_not_written() {
        let mut batch = WriteBatch::new();
        let mut restorer = restorer(StoreKind::window(false, 1_000, false));
        restorer.add(b"short", Some(b"v"), 1, &mut batch);
        assert_eq!((restorer.malformed(), batch.len()), (1, 0));
    }
}
