//! The changes of one commit interval as bytes: one buffer, however many records.

use std::sync::Arc;

use topo_state::Change;

use crate::record::Headers;

/// The changelog records of one commit, in order.
#[derive(Debug, Default)]
pub(crate) struct Changelog {
    partition: i32,
    logs: Vec<Log>,
    /// The headers of a deletion.
    none: Headers,
    bytes: Vec<u8>,
    entries: Vec<Entry>,
}

/// Where the changes of one store go.
#[derive(Debug)]
struct Log {
    store: usize,
    topic: Arc<str>,
    /// The headers of its values: the version of their format, if they have one.
    headers: Headers,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    log: usize,
    begin: usize,
    key_end: usize,
    /// Equal to `key_end` for an empty value and for none.
    end: usize,
    deleted: bool,
    timestamp: i64,
}

/// A record for a changelog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChangelogRecord<'c> {
    /// The store's number in the topology.
    pub(crate) store: usize,
    /// The broker's name of the changelog.
    pub(crate) topic: &'c Arc<str>,
    /// The task's partition; never chosen by key.
    pub(crate) partition: i32,
    pub(crate) key: &'c [u8],
    /// `None` = deleted.
    pub(crate) value: Option<&'c [u8]>,
    pub(crate) timestamp: i64,
    pub(crate) headers: &'c Headers,
}

impl Changelog {
    pub(crate) fn new(partition: i32) -> Self {
        Self { partition, ..Self::default() }
    }

    /// The changes that follow are those of this store, whose values have this version.
    pub(crate) fn begin(&mut self, store: usize, topic: Arc<str>, version: Option<u8>) {
        let mut headers = Headers::new();
        if let Some(version) = version {
            headers.push("v", Some(vec![version]));
        }
        self.logs.push(Log { store, topic, headers });
    }

    pub(crate) fn push(&mut self, change: Change<'_>) {
        let Some(log) = self.logs.len().checked_sub(1) else { return };
        let begin = self.bytes.len();
        self.bytes.extend_from_slice(change.key);
        let key_end = self.bytes.len();
        self.bytes.extend_from_slice(change.value.unwrap_or_default());
        let (end, deleted, timestamp) = (self.bytes.len(), change.value.is_none(), change.timestamp);
        self.entries.push(Entry { log, begin, key_end, end, deleted, timestamp });
    }

    /// How many records there are.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// One of them; a sender that was interrupted goes on where it was.
    pub(crate) fn get(&self, place: usize) -> Option<ChangelogRecord<'_>> {
        let entry = self.entries.get(place)?;
        let Log { store, topic, headers } = self.logs.get(entry.log)?;
        Some(ChangelogRecord {
            store: *store,
            topic,
            partition: self.partition,
            key: &self.bytes[entry.begin..entry.key_end],
            value: (!entry.deleted).then(|| &self.bytes[entry.key_end..entry.end]),
            timestamp: entry.timestamp,
            headers: if entry.deleted { &self.none } else { headers },
        })
    }

    /// All of them in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = ChangelogRecord<'_>> {
        (0..self.len()).filter_map(|place| self.get(place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_out_as_they_went_in_and_empty_is_not_deleted() {
        let mut changelog = Changelog::new(3);
        changelog.begin(7, "a".into(), Some(3));
        changelog.push(Change { key: b"k", value: Some(b"v1"), timestamp: 1 });
        changelog.push(Change { key: b"k", value: Some(b""), timestamp: 2 });
        changelog.begin(8, "b".into(), None);
        changelog.push(Change { key: b"", value: None, timestamp: 3 });
        let seen: Vec<_> =
            changelog.iter().map(|it| (it.store, &**it.topic, it.key, it.value, it.timestamp)).collect();
        let expected = [
            (7, "a", &b"k"[..], Some(&b"v1"[..]), 1),
            (7, "a", &b"k"[..], Some(&b""[..]), 2),
            (8, "b", &b""[..], None, 3),
        ];
        assert_eq!(seen, expected);
        assert_eq!(changelog.get(0).map(|it| it.partition), Some(3));
        let versions: Vec<_> = changelog.iter().map(|it| it.headers.last("v")).collect();
        assert_eq!(versions, [Some(&[3][..]), Some(&[3]), None]);
        assert_eq!(changelog.get(3), None);
    }
}
