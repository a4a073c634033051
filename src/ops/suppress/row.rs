//! What the buffer of `suppress` keeps for a key, in the bytes of Kafka Streams (version 3 of its buffer's changelog).
//!
//! In order: timestamp, source offset, source topic, source partition, headers, the row before anything was held back, the
//! old row and the new row of the newest update, and when it is due. Numbers are big endian; a text or a row has its length
//! in 4 bytes before it, -1 = null, and -2 in the old row's place = the same bytes as the row before.

use std::sync::Arc;

use topo_state::{Codec, CodecError, CodecRef};

use crate::processor::Position;
use crate::record::{Header, Headers};

/// The newest update of a key.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Held<V> {
    /// The row before the first update that was held back: what everybody behind `suppress` knows.
    pub(crate) prior: Option<V>,
    /// The old row that the newest update came with.
    pub(crate) old: Option<V>,
    pub(crate) new: Option<V>,
    pub(crate) timestamp: i64,
    pub(crate) headers: Headers,
    /// Where the record lay that caused the update; `None` for a punctuation.
    pub(crate) source: Option<Position>,
    /// Set by the first update that was held back.
    pub(crate) due: i64,
}

/// The version that Kafka Streams puts into the header `v` of such a changelog record.
const VERSION: u8 = 3;
const NULL: i32 = -1;
const AS_BEFORE: i32 = -2;

pub(crate) fn held_codec<V: Send + Sync + 'static>(value: CodecRef<V>) -> CodecRef<Held<V>> {
    let id = format!("held({})", value.id());
    Arc::new(HeldCodec { value, id })
}

struct HeldCodec<V> {
    value: CodecRef<V>,
    id: String,
}

impl<V: Send + Sync + 'static> HeldCodec<V> {
    /// Appends a row with its length; returns where its bytes are.
    fn write_row(&self, row: Option<&V>, out: &mut Vec<u8>) -> Result<std::ops::Range<usize>, CodecError> {
        let begin = out.len() + 4;
        out.extend_from_slice(&NULL.to_be_bytes());
        if let Some(row) = row {
            self.value.encode(row, out)?;
            let length = (out.len() - begin) as i32;
            out[begin - 4..begin].copy_from_slice(&length.to_be_bytes());
        }
        Ok(begin..out.len())
    }

    fn read_row(&self, bytes: Option<&[u8]>) -> Result<Option<V>, CodecError> {
        bytes.map(|bytes| self.value.decode(bytes)).transpose()
    }
}

impl<V: Send + Sync + 'static> Codec<Held<V>> for HeldCodec<V> {
    fn encode(&self, held: &Held<V>, out: &mut Vec<u8>) -> Result<(), CodecError> {
        let nowhere = Position { topic: Arc::from(""), partition: -1, offset: -1 };
        let source = held.source.as_ref().unwrap_or(&nowhere);
        out.extend_from_slice(&held.timestamp.to_be_bytes());
        out.extend_from_slice(&source.offset.to_be_bytes());
        write_bytes(Some(source.topic.as_bytes()), out);
        out.extend_from_slice(&source.partition.to_be_bytes());
        write_headers(&held.headers, out);
        let prior = self.write_row(held.prior.as_ref(), out)?;
        let old = self.write_row(held.old.as_ref(), out)?;
        if held.old.is_some() && held.prior.is_some() && out[old.clone()] == out[prior] {
            out.truncate(old.start - 4);
            out.extend_from_slice(&AS_BEFORE.to_be_bytes());
        }
        self.write_row(held.new.as_ref(), out)?;
        out.extend_from_slice(&held.due.to_be_bytes());
        Ok(())
    }

    fn decode(&self, bytes: &[u8]) -> Result<Held<V>, CodecError> {
        let mut reader = Reader::new(bytes, &self.id);
        let timestamp = i64::from_be_bytes(reader.take()?);
        let offset = i64::from_be_bytes(reader.take()?);
        let topic = reader.text()?;
        let partition = i32::from_be_bytes(reader.take()?);
        let headers = reader.headers()?;
        let prior = reader.nullable()?;
        let old = match reader.length()? {
            AS_BEFORE => prior,
            length => reader.bytes(length)?,
        };
        let new = reader.nullable()?;
        let due = i64::from_be_bytes(reader.take()?);
        if !reader.rest.is_empty() {
            return Err(reader.wrong("bytes behind the end"));
        }
        Ok(Held {
            prior: self.read_row(prior)?,
            old: self.read_row(old)?,
            new: self.read_row(new)?,
            timestamp,
            headers,
            source: (partition >= 0).then(|| Position { topic: topic.into(), partition, offset }),
            due,
        })
    }

    fn version(&self) -> Option<u8> {
        Some(VERSION)
    }

    fn id(&self) -> &str {
        &self.id
    }
}

fn write_bytes(bytes: Option<&[u8]>, out: &mut Vec<u8>) {
    let length = bytes.map_or(NULL, |bytes| bytes.len() as i32);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(bytes.unwrap_or_default());
}

pub(crate) fn write_headers(headers: &Headers, out: &mut Vec<u8>) {
    out.extend_from_slice(&(headers.len() as u32).to_be_bytes());
    for header in headers {
        write_bytes(Some(header.name.as_bytes()), out);
        write_bytes(header.value.as_deref(), out);
    }
}

/// Reads from the front of a row.
pub(crate) struct Reader<'a> {
    pub(crate) rest: &'a [u8],
    id: &'a str,
    length: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8], id: &'a str) -> Self {
        Self { rest: bytes, id, length: bytes.len() }
    }

    fn wrong(&self, why: &str) -> CodecError {
        CodecError::new(self.id, self.length, why)
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], CodecError> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or_else(|| self.wrong("cut short"))?;
        self.rest = rest;
        Ok(*taken)
    }

    fn length(&mut self) -> Result<i32, CodecError> {
        Ok(i32::from_be_bytes(self.take()?))
    }

    fn bytes(&mut self, length: i32) -> Result<Option<&'a [u8]>, CodecError> {
        let Ok(length) = usize::try_from(length) else {
            return if length == NULL { Ok(None) } else { Err(self.wrong("an impossible length")) };
        };
        let (taken, rest) = self.rest.split_at_checked(length).ok_or_else(|| self.wrong("cut short"))?;
        self.rest = rest;
        Ok(Some(taken))
    }

    fn nullable(&mut self) -> Result<Option<&'a [u8]>, CodecError> {
        let length = self.length()?;
        self.bytes(length)
    }

    fn text(&mut self) -> Result<String, CodecError> {
        Ok(String::from_utf8_lossy(self.nullable()?.unwrap_or_default()).into_owned())
    }

    pub(crate) fn headers(&mut self) -> Result<Headers, CodecError> {
        // Very old versions of Kafka Streams wrote -1 for none.
        (0..self.length()?).map(|_| self.header()).collect()
    }

    fn header(&mut self) -> Result<Header, CodecError> {
        Ok(Header { name: self.text()?, value: self.nullable()?.map(|value| value.to_vec().into()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use topo_state::{i64_be, utf8};

    fn held(prior: Option<&str>, old: Option<&str>, new: Option<&str>) -> Held<String> {
        let text = |row: Option<&str>| row.map(str::to_owned);
        let source = Some(Position { topic: "in".into(), partition: 3, offset: 9 });
        let (prior, old, new) = (text(prior), text(old), text(new));
        Held { prior, old, new, timestamp: 7, headers: Headers::new(), source, due: -5 }
    }

    #[test]
    fn rows_survive_their_bytes_with_all_headers() {
        let mut headers = Headers::new();
        headers.push_text("name", "value");
        headers.push("name", None::<Vec<u8>>);
        let rows = [
            Held { headers, ..held(Some("before"), Some("old"), Some("new")) },
            held(Some("before"), Some("before"), Some("")),
            held(None, Some(""), None),
            Held { source: None, ..held(Some(""), None, None) },
        ];
        let codec = held_codec(utf8());
        for row in rows {
            let mut bytes = Vec::new();
            codec.encode(&row, &mut bytes).unwrap();
            assert_eq!(codec.decode(&bytes).unwrap(), row);
            assert!((0..bytes.len()).all(|length| codec.decode(&bytes[..length]).is_err()));
        }
    }

    #[test]
    fn the_bytes_are_those_that_kafka_streams_was_recorded_with() {
        let source = Some(Position { topic: "in".into(), partition: 0, offset: 0 });
        let first = Held {
            prior: Some(0),
            old: Some(0),
            new: Some(1),
            timestamp: 0,
            headers: Headers::new(),
            source,
            due: 16_000,
        };
        let mut bytes = Vec::new();
        held_codec(i64_be()).encode(&first, &mut bytes).unwrap();
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let recorded = "0000000000000000000000000000000000000002696e0000000000000000000000080000000000000000fffffffe\
                        0000000800000000000000010000000000003e80";
        assert_eq!(hex, recorded);
    }
}
