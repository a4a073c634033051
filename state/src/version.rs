//! How versions lie in a store, and how they are written.
//!
//! Two kinds of rows share it. `0 ++ key length (4 bytes) ++ key ++ timestamp (8)` is one version; `1 ++ timestamp (8) ++ key`
//! says that this key has a version of this time, so that what it has replaced can be found once nobody can ask for it any
//! more. Timestamps have their sign bit flipped: byte order is time order, also before 1970. A version's value begins with
//! a byte that tells a value from a deletion: a deleted key has a version too.
//!
//! Each changelog record stands for one version row and one row of the second kind, whatever was there before, so that a
//! restore need not read.

use std::ops::{Bound, ControlFlow};
use std::sync::Arc;

use crate::backend::{Backend, Direction};
use crate::batch::WriteBatch;
use crate::codec::{Codec, CodecError, CodecRef};
use crate::error::StateError;

const VERSION: u8 = 0;
const REPLACES: u8 = 1;

const DELETED: u8 = 0;
const VALUE: u8 = 1;

/// Order-preserving bytes of a timestamp.
fn time_bytes(timestamp: i64) -> [u8; 8] {
    (timestamp ^ i64::MIN).to_be_bytes()
}

fn time_of(bytes: [u8; 8]) -> i64 {
    i64::from_be_bytes(bytes) ^ i64::MIN
}

/// What all versions of a key begin with.
pub(crate) fn versions_of(key: &[u8]) -> Vec<u8> {
    // A key of more than 4 GiB does not fit into any record.
    let length = u32::try_from(key.len()).unwrap_or(u32::MAX);
    let mut row = Vec::with_capacity(key.len() + 13);
    row.push(VERSION);
    row.extend_from_slice(&length.to_be_bytes());
    row.extend_from_slice(key);
    row
}

/// The row of one version: `versions_of(key)` with its time behind.
pub(crate) fn version_at(mut versions: Vec<u8>, timestamp: i64) -> Vec<u8> {
    versions.extend_from_slice(&time_bytes(timestamp));
    versions
}

/// Key and timestamp of a version row; `None` for the other kind.
pub(crate) fn split_version(row: &[u8]) -> Option<(&[u8], i64)> {
    let (rest, time) = row.split_last_chunk::<8>()?;
    let (kind, rest) = rest.split_first()?;
    let key = rest.get(4..)?;
    (*kind == VERSION).then(|| (key, time_of(*time)))
}

/// The row that says which key has a version of this time.
fn replaces(key: &[u8], timestamp: i64) -> Vec<u8> {
    [&[REPLACES][..], &time_bytes(timestamp), key].concat()
}

/// Time and key of such a row.
pub(crate) fn split_replaces(row: &[u8]) -> Option<(i64, &[u8])> {
    let (time, key) = row.strip_prefix(&[REPLACES])?.split_first_chunk::<8>()?;
    Some((time_of(*time), key))
}

/// First row of the second kind, and the first one later than `timestamp`.
pub(crate) fn replaces_until(timestamp: i64) -> (Vec<u8>, Vec<u8>) {
    let end = match timestamp.checked_add(1) {
        Some(behind) => replaces(&[], behind),
        None => vec![REPLACES + 1],
    };
    (vec![REPLACES], end)
}

/// Whether a row of either kind says nothing that can still be asked for at the horizon: a version that was replaced by then,
/// or the note of a time before it. The versions that may have replaced it lie in any of these stores.
pub(crate) fn is_replaced(
    row: &[u8],
    horizon: i64,
    stores: &[(&dyn Backend, usize)],
) -> Result<bool, StateError> {
    if let Some((time, _)) = split_replaces(row) {
        return Ok(time <= horizon);
    }
    let Some((key, time)) = split_version(row).filter(|(_, time)| *time < horizon) else { return Ok(false) };
    let (from, to) = (version_at(versions_of(key), time), version_at(versions_of(key), horizon));
    let mut replaced = false;
    for (backend, store) in stores {
        let (from, to) = (Bound::Excluded(&from[..]), Bound::Included(&to[..]));
        backend.scan(*store, from, to, Direction::Forward, &mut |_, _| {
            replaced = true;
            ControlFlow::Break(())
        })?;
    }
    Ok(replaced)
}

/// Adds a version to a batch: both of its rows. `value` is what a changelog has, without the byte in front.
pub(crate) fn put_version(
    batch: &mut WriteBatch,
    store: usize,
    key: &[u8],
    timestamp: i64,
    value: Option<&[u8]>,
) {
    let mark = [if value.is_some() { VALUE } else { DELETED }];
    let row = version_at(versions_of(key), timestamp);
    batch.put_parts(store, [&row, &[]], [&mark, value.unwrap_or_default()]);
    batch.put(store, &replaces(key, timestamp), &[]);
}

/// The codec of a version: a value or a deletion.
pub(crate) fn version_codec<V: 'static>(value: CodecRef<V>) -> CodecRef<Option<V>> {
    Arc::new(VersionCodec(value))
}

struct VersionCodec<V>(CodecRef<V>);

impl<V: 'static> Codec<Option<V>> for VersionCodec<V> {
    fn encode(&self, version: &Option<V>, out: &mut Vec<u8>) -> Result<(), CodecError> {
        match version {
            Some(value) => {
                out.push(VALUE);
                self.0.encode(value, out)
            }
            None => {
                out.push(DELETED);
                Ok(())
            }
        }
    }

    fn decode(&self, bytes: &[u8]) -> Result<Option<V>, CodecError> {
        match bytes.split_first() {
            Some((&VALUE, value)) => self.0.decode(value).map(Some),
            Some((&DELETED, [])) => Ok(None),
            _ => Err(CodecError::new(self.id(), bytes.len(), "not a version")),
        }
    }

    fn id(&self) -> &str {
        self.0.id()
    }
}

/// What follows the byte in front of an encoded version; `None` = deleted.
pub(crate) fn bare_value(encoded: &[u8]) -> Option<&[u8]> {
    encoded.strip_prefix(&[VALUE])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::utf8;

    #[test]
    fn versions_of_a_key_lie_together_in_time_order_also_before_1970() {
        let row = |key: &[u8], time| version_at(versions_of(key), time);
        let rows = [
            row(b"a", i64::MIN),
            row(b"a", -1),
            row(b"a", 0),
            row(b"a", i64::MAX),
            row(b"b", -5),
            row(b"aa", 0),
        ];
        assert!(rows.is_sorted());
        assert!(rows.iter().all(|row| !row.starts_with(&[REPLACES])));
        assert_eq!(split_version(&rows[1]), Some((&b"a"[..], -1)));
        assert_eq!(split_version(&replaces(b"key longer than eight", 5)), None);
    }

    #[test]
    fn what_replaces_something_comes_in_time_order() {
        let rows = [replaces(b"z", -3), replaces(b"", 7), replaces(b"a", 7), replaces(b"b", 8)];
        assert!(rows.is_sorted());
        assert_eq!(split_replaces(&rows[2]), Some((7, &b"a"[..])));
        let (from, to) = replaces_until(7);
        assert_eq!(rows.iter().filter(|row| **row >= from && **row < to).count(), 3);
        let (_, end) = replaces_until(i64::MAX);
        assert!(replaces(&[0xff; 9], i64::MAX) < end);
    }

    #[test]
    fn a_deletion_is_a_version_too_and_an_empty_value_is_none() {
        let codec = version_codec(utf8());
        for version in [Some("v".to_owned()), Some(String::new()), None] {
            let mut bytes = Vec::new();
            codec.encode(&version, &mut bytes).unwrap();
            assert_eq!(bare_value(&bytes), version.as_ref().map(String::as_bytes));
            assert_eq!(codec.decode(&bytes), Ok(version));
        }
        assert!(codec.decode(b"").is_err() && codec.decode(&[0, 1]).is_err() && codec.decode(&[2]).is_err());
    }
}
