//! What the store of waiting records keeps, and its bytes.
//!
//! A row's key is `side ++ timestamp ++ key`, so that byte order is time order within a side, and the row holds the values
//! that came for them, in order. One more row, alone under its first byte, is the marker.

use std::sync::Arc;

use topo_state::{Codec, CodecError, CodecRef};

/// One row of the store.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Row<V1, V2> {
    /// Left values without a partner so far.
    Left(Vec<V1>),
    /// Right values without a partner so far.
    Right(Vec<V2>),
    /// When to look for values whose span is over.
    Marker(Marker),
}

impl<V1, V2> Row<V1, V2> {
    /// How many values wait in the row.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Left(values) => values.len(),
            Self::Right(values) => values.len(),
            Self::Marker(_) => 0,
        }
    }
}

/// When it is worth looking for values whose span is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Marker {
    /// The timestamp that the next look waits for; `None` = nothing waits.
    pub(crate) lowest: Option<i64>,
    /// Not before this time of the wall clock.
    pub(crate) due: i64,
}

/// Key of the marker's row.
pub(crate) const MARKER: &[u8] = &[2];

/// The order-preserving bytes of a time.
fn ordered(time: i64) -> [u8; 8] {
    (time as u64 ^ 1 << 63).to_be_bytes()
}

/// Writes the key of a waiting row, or what all those of a side and time begin with (`key` empty).
pub(crate) fn write_at(at: &mut Vec<u8>, side: u8, time: i64) {
    at.clear();
    at.push(side);
    at.extend_from_slice(&ordered(time));
}

/// Takes the key of a waiting row apart: when, and the key's bytes.
pub(crate) fn split_at(at: &[u8]) -> Option<(i64, &[u8])> {
    let (time, key) = at.get(1..)?.split_first_chunk::<8>()?;
    Some(((u64::from_be_bytes(*time) ^ 1 << 63) as i64, key))
}

/// The codec of the rows.
pub(crate) fn row_codec<V1: 'static, V2: 'static>(
    left: CodecRef<V1>,
    right: CodecRef<V2>,
) -> CodecRef<Row<V1, V2>> {
    let id = format!("waiting({}, {})", left.id(), right.id());
    Arc::new(RowCodec { left, right, id })
}

struct RowCodec<V1, V2> {
    left: CodecRef<V1>,
    right: CodecRef<V2>,
    id: String,
}

const OF_RIGHT: u8 = super::sides::RIGHT;
const OF_LEFT: u8 = super::sides::LEFT;
const OF_MARKER: u8 = 2;

impl<V1: 'static, V2: 'static> Codec<Row<V1, V2>> for RowCodec<V1, V2> {
    fn encode(&self, row: &Row<V1, V2>, out: &mut Vec<u8>) -> Result<(), CodecError> {
        match row {
            Row::Left(values) => write_values(OF_LEFT, values, &self.left, out),
            Row::Right(values) => write_values(OF_RIGHT, values, &self.right, out),
            Row::Marker(marker) => {
                out.push(OF_MARKER);
                out.extend_from_slice(&marker.due.to_be_bytes());
                if let Some(lowest) = marker.lowest {
                    out.extend_from_slice(&lowest.to_be_bytes());
                }
                Ok(())
            }
        }
    }

    fn decode(&self, bytes: &[u8]) -> Result<Row<V1, V2>, CodecError> {
        let wrong = |why: &str| CodecError::new(&self.id, bytes.len(), why);
        let (kind, rest) = bytes.split_first().ok_or_else(|| wrong("empty"))?;
        match *kind {
            OF_LEFT => read_values(rest, &self.left, &wrong).map(Row::Left),
            OF_RIGHT => read_values(rest, &self.right, &wrong).map(Row::Right),
            OF_MARKER => {
                let (due, rest) = rest.split_first_chunk::<8>().ok_or_else(|| wrong("cut short"))?;
                let lowest = match rest.split_first_chunk::<8>() {
                    None if rest.is_empty() => None,
                    Some((lowest, [])) => Some(i64::from_be_bytes(*lowest)),
                    _ => return Err(wrong("not the length of a marker")),
                };
                Ok(Row::Marker(Marker { lowest, due: i64::from_be_bytes(*due) }))
            }
            _ => Err(wrong("unknown kind of row")),
        }
    }

    fn id(&self) -> &str {
        &self.id
    }
}

/// Each value behind its length in 4 bytes.
fn write_values<V: 'static>(
    kind: u8,
    values: &[V],
    codec: &CodecRef<V>,
    out: &mut Vec<u8>,
) -> Result<(), CodecError> {
    out.push(kind);
    for value in values {
        let at = out.len();
        out.extend_from_slice(&[0; 4]);
        codec.encode(value, out)?;
        let length = (out.len() - at - 4) as u32;
        out[at..at + 4].copy_from_slice(&length.to_be_bytes());
    }
    Ok(())
}

fn read_values<V: 'static>(
    mut rest: &[u8],
    codec: &CodecRef<V>,
    wrong: &dyn Fn(&str) -> CodecError,
) -> Result<Vec<V>, CodecError> {
    let mut values = Vec::new();
    while !rest.is_empty() {
        let (length, behind) = rest.split_first_chunk::<4>().ok_or_else(|| wrong("cut short"))?;
        let length = u32::from_be_bytes(*length) as usize;
        let (value, behind) = behind.split_at_checked(length).ok_or_else(|| wrong("cut short"))?;
        values.push(codec.decode(value)?);
        rest = behind;
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use topo_state::{i64_be, utf8};

    #[test]
    fn rows_survive_their_bytes() {
        let codec = row_codec(utf8(), i64_be());
        for row in [
            Row::Left(vec!["a".to_owned(), String::new()]),
            Row::Right(vec![1, -1]),
            Row::Marker(Marker { lowest: None, due: 5 }),
            Row::Marker(Marker { lowest: Some(-5), due: i64::MIN }),
        ] {
            let mut bytes = Vec::new();
            codec.encode(&row, &mut bytes).unwrap();
            assert_eq!(codec.decode(&bytes).unwrap(), row);
        }
    }

    #[test]
    fn damaged_rows_are_refused() {
        let codec = row_codec(utf8(), i64_be());
        for bytes in
            [&[][..], &[9], &[1, 0, 0, 0, 2, b'a'], &[0, 0, 0], &[2, 0], &[2, 0, 0, 0, 0, 0, 0, 0, 0, 1]]
        {
            assert!(codec.decode(bytes).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn byte_order_is_time_order_within_a_side_also_before_the_epoch() {
        let mut rows: Vec<Vec<u8>> = Vec::new();
        for (side, time, key) in [(1, 3, "a"), (0, 3, "b"), (1, -2, "z"), (0, 9, "a"), (1, 3, "")] {
            let mut at = Vec::new();
            write_at(&mut at, side, time);
            at.extend_from_slice(key.as_bytes());
            rows.push(at);
        }
        rows.sort();
        let order: Vec<_> = rows.iter().filter_map(|row| split_at(row)).collect();
        assert_eq!(order, [(3, &b"b"[..]), (9, b"a"), (-2, b"z"), (3, b""), (3, b"a")]);
    }
}
