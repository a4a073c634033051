//! What the buffer of `suppress` keeps, and its bytes.
//!
//! Two kinds of rows share a store. `0 ++ key` says when the key's update is due and what the row was before; `1 ++ due ++
//! key` is the update itself, so that byte order is the order of going out. `2` alone counts the updates.

use std::sync::Arc;

use topo_state::{Codec, CodecError, CodecRef};

use crate::ops::headers::{Reader, write_headers};
use crate::record::Headers;

/// One row of the buffer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Row<V> {
    /// When the update of a key is due, and the row before it was held back.
    Held { due: i64, old: Option<V> },
    /// The newest update of a key, with the old row it came with.
    Update { old: Option<V>, new: Option<V>, timestamp: i64, headers: Headers },
    /// How many updates are held back.
    Count(u64),
}

pub(crate) const COUNT: &[u8] = &[2];

/// The order-preserving bytes of a time.
fn ordered(time: i64) -> [u8; 8] {
    (time as u64 ^ 1 << 63).to_be_bytes()
}

pub(crate) fn held_at(key: &[u8]) -> Vec<u8> {
    [&[0], key].concat()
}

pub(crate) fn update_at(due: i64, key: &[u8]) -> Vec<u8> {
    [&[1][..], &ordered(due), key].concat()
}

/// The range of all updates.
pub(crate) const UPDATES: &[u8] = &[1];

/// Takes the key of an update apart: when it is due, and the key's bytes.
pub(crate) fn split_update(at: &[u8]) -> Option<(i64, &[u8])> {
    let (due, key) = at.get(1..)?.split_first_chunk::<8>()?;
    Some(((u64::from_be_bytes(*due) ^ 1 << 63) as i64, key))
}

pub(crate) fn row_codec<V: Send + Sync + 'static>(value: CodecRef<V>) -> CodecRef<Row<V>> {
    let id = format!("suppressed({})", value.id());
    Arc::new(RowCodec { value, id })
}

struct RowCodec<V> {
    value: CodecRef<V>,
    id: String,
}

const HELD: u8 = 0;
const UPDATE: u8 = 1;
const COUNTED: u8 = 2;

impl<V: Send + Sync + 'static> RowCodec<V> {
    fn write_value(&self, value: Option<&V>, out: &mut Vec<u8>) -> Result<(), CodecError> {
        out.push(u8::from(value.is_some()));
        value.map_or(Ok(()), |value| self.value.encode(value, out))
    }

    fn read_value(&self, reader: &mut Reader<'_>) -> Result<Option<V>, CodecError> {
        match reader.take::<1>()?[0] {
            0 => Ok(None),
            _ => self.value.decode(reader.rest).map(Some),
        }
    }
}

impl<V: Send + Sync + 'static> Codec<Row<V>> for RowCodec<V> {
    fn encode(&self, row: &Row<V>, out: &mut Vec<u8>) -> Result<(), CodecError> {
        match row {
            Row::Held { due, old } => {
                out.push(HELD);
                out.extend_from_slice(&due.to_be_bytes());
                self.write_value(old.as_ref(), out)
            }
            Row::Update { old, new, timestamp, headers } => {
                out.push(UPDATE);
                out.extend_from_slice(&timestamp.to_be_bytes());
                write_headers(headers, out);
                let mut bytes = Vec::new();
                self.write_value(old.as_ref(), &mut bytes)?;
                out.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
                out.extend_from_slice(&bytes);
                self.write_value(new.as_ref(), out)
            }
            Row::Count(count) => {
                out.push(COUNTED);
                out.extend_from_slice(&count.to_be_bytes());
                Ok(())
            }
        }
    }

    fn decode(&self, bytes: &[u8]) -> Result<Row<V>, CodecError> {
        let mut reader = Reader::new(bytes, &self.id);
        match reader.take::<1>()?[0] {
            HELD => {
                let due = i64::from_be_bytes(reader.take()?);
                Ok(Row::Held { due, old: self.read_value(&mut reader)? })
            }
            UPDATE => {
                let timestamp = i64::from_be_bytes(reader.take()?);
                let headers = reader.headers()?;
                let length = u32::from_be_bytes(reader.take()?) as usize;
                let before = reader.bytes(length)?;
                let old = self.read_value(&mut Reader::new(before, &self.id))?;
                Ok(Row::Update { old, new: self.read_value(&mut reader)?, timestamp, headers })
            }
            COUNTED => Ok(Row::Count(u64::from_be_bytes(reader.take()?))),
            _ => Err(reader.wrong("unknown kind of row")),
        }
    }

    fn id(&self) -> &str {
        &self.id
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use topo_state::utf8;

    #[test]
    fn rows_survive_their_bytes_with_all_headers() {
        let mut headers = Headers::new();
        headers.push_text("name", "value");
        headers.push("name", None::<Vec<u8>>);
        let rows = [
            Row::Held { due: -5, old: None },
            Row::Held { due: 5, old: Some("before".to_owned()) },
            Row::Update { old: Some("old".to_owned()), new: Some(String::new()), timestamp: 7, headers },
            Row::Update { old: None, new: None, timestamp: -1, headers: Headers::new() },
            Row::Count(3),
        ];
        let codec = row_codec(utf8());
        for row in rows {
            let mut bytes = Vec::new();
            codec.encode(&row, &mut bytes).unwrap();
            assert_eq!(codec.decode(&bytes).unwrap(), row);
        }
    }

    #[test]
    fn damaged_rows_are_refused() {
        let codec = row_codec(utf8());
        for bytes in [&[][..], &[9], &[0, 1], &[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0]] {
            assert!(codec.decode(bytes).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn byte_order_is_the_order_of_going_out_also_before_the_epoch() {
        let mut rows = [update_at(3, b"a"), update_at(-2, b"z"), update_at(3, b"0"), update_at(0, b"m")];
        rows.sort();
        let order: Vec<_> = rows.iter().filter_map(|row| split_update(row)).collect();
        assert_eq!(order, [(-2, &b"z"[..]), (0, b"m"), (3, b"0"), (3, b"a")]);
    }
}
