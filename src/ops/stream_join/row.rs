//! What the store of waiting records keeps, and its bytes: those of Kafka Streams.
//!
//! A row's key is `timestamp ++ side ++ key` (there `TimestampedKeyAndJoinSide`), so that byte order is time order, and the row
//! holds the values that came for them, in order: a list (`ListSerde`) of values that begin with their side
//! (`LeftOrRightValue`).

use std::sync::Arc;

use topo_state::{Codec, CodecError, CodecRef};

/// One row of the store.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Row<V1, V2> {
    /// Left values without a partner so far.
    Left(Vec<V1>),
    /// Right values without a partner so far.
    Right(Vec<V2>),
}

impl<V1, V2> Row<V1, V2> {
    /// How many values wait in the row.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Left(values) => values.len(),
            Self::Right(values) => values.len(),
        }
    }
}

/// The key of a row that stores had before they were laid out as Kafka Streams', next to all others.
pub(crate) const BEFORE: &[u8] = &[2];

/// Writes the key of a waiting row, or what all those of a time and side begin with. Times are not negative.
pub(crate) fn write_at(at: &mut Vec<u8>, time: i64, side: u8) {
    at.clear();
    at.extend_from_slice(&time.to_be_bytes());
    at.push(side);
}

/// Takes the key of a waiting row apart: when, its side, and the key's bytes.
pub(crate) fn split_at(at: &[u8]) -> Option<(i64, u8, &[u8])> {
    let (time, rest) = at.split_first_chunk::<8>()?;
    let (side, key) = rest.split_first()?;
    Some((i64::from_be_bytes(*time), *side, key))
}

/// The codec of the rows.
pub(crate) fn row_codec<V1: 'static, V2: 'static>(
    left: CodecRef<V1>,
    right: CodecRef<V2>,
) -> CodecRef<Row<V1, V2>> {
    let id = format!("left-or-right({}, {})", left.id(), right.id());
    Arc::new(RowCodec { left, right, id })
}

struct RowCodec<V1, V2> {
    left: CodecRef<V1>,
    right: CodecRef<V2>,
    id: String,
}

const OF_RIGHT: u8 = super::sides::RIGHT;
const OF_LEFT: u8 = super::sides::LEFT;
/// First byte of a list whose values have their length in front of them.
const LIST: u8 = 1;

impl<V1: 'static, V2: 'static> Codec<Row<V1, V2>> for RowCodec<V1, V2> {
    fn encode(&self, row: &Row<V1, V2>, out: &mut Vec<u8>) -> Result<(), CodecError> {
        out.push(LIST);
        out.extend_from_slice(&(row.len() as u32).to_be_bytes());
        match row {
            Row::Left(values) => write_values(OF_LEFT, values, &self.left, out),
            Row::Right(values) => write_values(OF_RIGHT, values, &self.right, out),
        }
    }

    fn decode(&self, bytes: &[u8]) -> Result<Row<V1, V2>, CodecError> {
        let wrong = |why: &str| CodecError::new(&self.id, bytes.len(), why);
        let Some((&LIST, rest)) = bytes.split_first() else {
            return Err(wrong(
                "not a list of waiting values; versions of topo before this layout, which is Kafka Streams', wrote \
                 others: reset the application, or give the join's stores a new name",
            ));
        };
        let (count, rest) = rest.split_first_chunk::<4>().ok_or_else(|| wrong("cut short"))?;
        let count = u32::from_be_bytes(*count);
        match rest.get(4) {
            Some(&OF_LEFT) => read_values(OF_LEFT, count, rest, &self.left, &wrong).map(Row::Left),
            Some(&OF_RIGHT) => read_values(OF_RIGHT, count, rest, &self.right, &wrong).map(Row::Right),
            _ => Err(wrong("values of no side")),
        }
    }

    fn id(&self) -> &str {
        &self.id
    }
}

/// Each value with its side behind the length of both in 4 bytes.
fn write_values<V: 'static>(
    side: u8,
    values: &[V],
    codec: &CodecRef<V>,
    out: &mut Vec<u8>,
) -> Result<(), CodecError> {
    for value in values {
        let at = out.len();
        out.extend_from_slice(&[0, 0, 0, 0, side]);
        codec.encode(value, out)?;
        let length = (out.len() - at - 4) as u32;
        out[at..at + 4].copy_from_slice(&length.to_be_bytes());
    }
    Ok(())
}

fn read_values<V: 'static>(
    side: u8,
    count: u32,
    mut rest: &[u8],
    codec: &CodecRef<V>,
    wrong: &dyn Fn(&str) -> CodecError,
) -> Result<Vec<V>, CodecError> {
    let mut values = Vec::new();
    for _ in 0..count {
        let (length, behind) = rest.split_first_chunk::<4>().ok_or_else(|| wrong("cut short"))?;
        let length = u32::from_be_bytes(*length) as usize;
        let (value, behind) = behind.split_at_checked(length).ok_or_else(|| wrong("cut short"))?;
        let value = value.strip_prefix(&[side]).ok_or_else(|| wrong("values of both sides"))?;
        values.push(codec.decode(value)?);
        rest = behind;
    }
    if rest.is_empty() { Ok(values) } else { Err(wrong("more bytes than values")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use topo_state::{i64_be, utf8};

    #[test]
    fn rows_survive_their_bytes() {
        let codec = row_codec(utf8(), i64_be());
        for row in [Row::Left(vec!["a".to_owned(), String::new()]), Row::Right(vec![1, -1])] {
            let mut bytes = Vec::new();
            codec.encode(&row, &mut bytes).unwrap();
            assert_eq!(codec.decode(&bytes).unwrap(), row);
        }
    }

    #[test]
    fn rows_have_the_bytes_of_kafka_streams() {
        let mut bytes = Vec::new();
        row_codec(utf8(), utf8()).encode(&Row::Left(vec!["dc1".to_owned()]), &mut bytes).unwrap();
        assert_eq!(bytes, [1, 0, 0, 0, 1, 0, 0, 0, 4, 1, b'd', b'c', b'1'], "as recorded");
        write_at(&mut bytes, 349, OF_LEFT);
        assert_eq!(bytes, [0, 0, 0, 0, 0, 0, 1, 0x5d, 1]);
    }

    #[test]
    fn damaged_rows_are_refused_and_those_of_older_versions_named() {
        let codec = row_codec(utf8(), i64_be());
        let (two_sides, no_values) = ([1, 0, 0, 0, 2, 0, 0, 0, 1, 1, 0, 0, 0, 1, 0], [1, 0, 0, 0, 0]);
        let (cut, padded) = ([1, 0, 0, 0, 1, 0, 0, 0, 2, 1], [1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 9]);
        for bytes in [&[][..], &[9], &[0, 0, 0], &two_sides, &no_values, &cut, &padded] {
            assert!(codec.decode(bytes).is_err(), "{bytes:?}");
        }
        for marker in [&[2, 0, 0, 0, 0, 0, 0, 0, 9][..], &[0, 0, 0, 0, 1, b'r']] {
            assert!(codec.decode(marker).unwrap_err().to_string().contains("reset the application"));
        }
    }

    #[test]
    fn byte_order_is_time_order_and_right_comes_before_left() {
        let mut rows: Vec<Vec<u8>> = Vec::new();
        for (time, side, key) in [(3, 1, "a"), (3, 0, "b"), (2, 1, "z"), (9, 0, "a"), (3, 1, "")] {
            let mut at = Vec::new();
            write_at(&mut at, time, side);
            at.extend_from_slice(key.as_bytes());
            rows.push(at);
        }
        rows.sort();
        let order: Vec<_> = rows.iter().filter_map(|row| split_at(row)).collect();
        assert_eq!(order, [(2, 1, &b"z"[..]), (3, 0, b"b"), (3, 1, b""), (3, 1, b"a"), (9, 0, b"a")]);
    }
}
