//! A table's update on a repartition topic, in the bytes of Kafka Streams.
//!
//! `new ++ 0x01`, `old ++ 0x00`, or, when one record carries both, `length of new (zigzag varint) ++ new ++ old ++ 0x02`:
//! so the last byte says which form it is.

use std::sync::Arc;

use topo_state::{Codec, CodecError, CodecRef};

use crate::data::Change;

const OLD: u8 = 0;
const NEW: u8 = 1;
const BOTH: u8 = 2;

/// Writes updates of rows that `row` writes.
pub(crate) fn change_codec<V: Send + Sync + 'static>(row: CodecRef<V>) -> CodecRef<Change<V>> {
    let id = format!("change({})", row.id());
    Arc::new(ChangeCodec { row, id })
}

struct ChangeCodec<V> {
    row: CodecRef<V>,
    id: String,
}

impl<V> ChangeCodec<V> {
    fn wrong(&self, bytes: usize, why: &str) -> CodecError {
        CodecError::new(self.id.clone(), bytes, why)
    }
}

impl<V: Send + Sync + 'static> Codec<Change<V>> for ChangeCodec<V> {
    fn encode(&self, change: &Change<V>, out: &mut Vec<u8>) -> Result<(), CodecError> {
        match (&change.old, &change.new) {
            (Some(old), Some(new)) => {
                let mut bytes = Vec::new();
                self.row.encode(new, &mut bytes)?;
                write_varint(bytes.len(), out);
                out.extend_from_slice(&bytes);
                self.row.encode(old, out)?;
                out.push(BOTH);
            }
            (Some(old), None) => {
                self.row.encode(old, out)?;
                out.push(OLD);
            }
            (None, Some(new)) => {
                self.row.encode(new, out)?;
                out.push(NEW);
            }
            (None, None) => return Err(self.wrong(0, "an update from nothing to nothing has no form")),
        }
        Ok(())
    }

    fn decode(&self, bytes: &[u8]) -> Result<Change<V>, CodecError> {
        let (form, rest) = bytes.split_last().ok_or_else(|| self.wrong(0, "no bytes"))?;
        match *form {
            OLD => Ok(Change { old: Some(self.row.decode(rest)?), new: None }),
            NEW => Ok(Change { old: None, new: Some(self.row.decode(rest)?) }),
            BOTH => {
                let (length, rest) = read_varint(rest).ok_or_else(|| self.wrong(bytes.len(), "no length"))?;
                let (new, old) = rest
                    .split_at_checked(length)
                    .ok_or_else(|| self.wrong(bytes.len(), "the new row is cut short"))?;
                Ok(Change { old: Some(self.row.decode(old)?), new: Some(self.row.decode(new)?) })
            }
            _ => Err(self.wrong(bytes.len(), "unknown form of an update")),
        }
    }

    fn id(&self) -> &str {
        &self.id
    }
}

/// Twice the number, seven bits a byte, lowest first; the high bit says that more follow.
fn write_varint(number: usize, out: &mut Vec<u8>) {
    let mut number = number << 1;
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn read_varint(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut number = 0;
    for (nth, byte) in bytes.iter().enumerate().take(5) {
        number |= usize::from(byte & 0x7f) << (7 * nth);
        if byte & 0x80 == 0 {
            return Some((number >> 1, &bytes[nth + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use topo_state::utf8;

    fn bytes(old: Option<&str>, new: Option<&str>) -> Vec<u8> {
        let change = Change { old: old.map(str::to_owned), new: new.map(str::to_owned) };
        let mut out = Vec::new();
        let codec = change_codec(utf8());
        codec.encode(&change, &mut out).unwrap();
        assert_eq!(codec.decode(&out).unwrap(), change);
        out
    }

    #[test]
    fn updates_have_the_bytes_of_kafka_streams() {
        assert_eq!(bytes(None, Some("n")), b"n\x01");
        assert_eq!(bytes(Some("o"), None), b"o\x00");
        assert_eq!(bytes(Some("old"), Some("n")), b"\x02nold\x02");
    }

    #[test]
    fn a_long_row_has_a_length_of_several_bytes() {
        let long = "x".repeat(300);
        assert_eq!(bytes(Some("o"), Some(&long))[..2], [0xd8, 0x04]);
    }

    #[test]
    fn bytes_that_are_no_update_are_refused() {
        let codec = change_codec(utf8());
        for bytes in [&b""[..], b"x\x07", b"\x09short\x02", b"\xff\xff\xff\xff\xff\x02"] {
            assert!(codec.decode(bytes).is_err(), "{bytes:?}");
        }
    }
}
