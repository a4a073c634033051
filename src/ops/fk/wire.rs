//! What travels between the two sides of a foreign-key join, in the bytes of Kafka Streams.
//!
//! A subscription: version 1, instruction, hash of the left row, left key, left partition in 4 bytes. An answer: version 0,
//! hash, right row. Without a left row there is no hash, and the highest bit of the version says so. An answer without bytes
//! behind the hash has no right row; a row that has no bytes is ours alone: its answer has version 1, which Kafka Streams
//! refuses where its own form would take the row for absent.

use std::sync::Arc;

use topo_state::{Codec, CodecError, CodecRef};

use super::hash::Hash;
use crate::data::Data;

/// Set in the version when there is no hash.
const WITHOUT_HASH: u8 = 0x80;
/// The version of subscriptions: they name the left partition.
const WITH_PARTITION: u8 = 1;
/// The version of answers.
const ANSWER: u8 = 0;
/// The version of answers whose right row is there and has no bytes.
const ANSWER_OF_NO_BYTES: u8 = 1;

/// What the right side does with a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Instruction {
    /// Forget it.
    Delete,
    /// Forget it, and answer with nothing so that the result is deleted.
    DeleteAndAnswer,
    /// Remember it, and answer whether or not there is a right row.
    AnswerAlways,
    /// Remember it, and answer if there is a right row.
    AnswerIfPresent,
}

/// A left row's wish to hear of a foreign key.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Subscription<K> {
    pub(crate) instruction: Instruction,
    /// Hash of the left row; `None` = it was deleted.
    pub(crate) hash: Option<Hash>,
    pub(crate) key: K,
    /// The left task's partition, where the answer must go.
    pub(crate) partition: i32,
}

/// The right row for one left row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Response<V> {
    pub(crate) hash: Option<Hash>,
    pub(crate) row: Option<V>,
    /// Where the answer goes; it is not written, so one that was read has [`ARRIVED`].
    pub(crate) partition: i32,
}

/// The partition of an answer that has reached its task.
pub(crate) const ARRIVED: i32 = -1;

crate::data!(<K: Data> Subscription<K>);
crate::data!(<V: Data> Response<V>);

pub(crate) fn subscription_codec<K: Send + Sync + 'static>(key: CodecRef<K>) -> CodecRef<Subscription<K>> {
    let id = format!("fk-subscription({})", key.id());
    Arc::new(Wire { inner: key, id })
}

pub(crate) fn response_codec<V: Send + Sync + 'static>(row: CodecRef<V>) -> CodecRef<Response<V>> {
    let id = format!("fk-response({})", row.id());
    Arc::new(Wire { inner: row, id })
}

struct Wire<T> {
    inner: CodecRef<T>,
    id: String,
}

impl<T: Send + Sync + 'static> Codec<Subscription<T>> for Wire<T> {
    fn encode(&self, subscription: &Subscription<T>, out: &mut Vec<u8>) -> Result<(), CodecError> {
        let hash = subscription.hash.as_ref();
        out.extend_from_slice(&[version(WITH_PARTITION, hash), subscription.instruction as u8]);
        out.extend_from_slice(hash.map_or(&[], |hash| hash));
        self.inner.encode(&subscription.key, out)?;
        out.extend_from_slice(&subscription.partition.to_be_bytes());
        Ok(())
    }

    fn decode(&self, bytes: &[u8]) -> Result<Subscription<T>, CodecError> {
        let mut reader = Reader { rest: bytes, id: &self.id, length: bytes.len() };
        let version = reader.byte()?;
        if version & !WITHOUT_HASH != WITH_PARTITION {
            return Err(reader.wrong("unknown version of a subscription"));
        }
        let instruction = match reader.byte()? {
            0 => Instruction::Delete,
            1 => Instruction::DeleteAndAnswer,
            2 => Instruction::AnswerAlways,
            3 => Instruction::AnswerIfPresent,
            _ => return Err(reader.wrong("unknown instruction")),
        };
        let hash = reader.hash(version)?;
        let (key, partition) =
            reader.rest.split_last_chunk().ok_or_else(|| reader.wrong("no left partition"))?;
        let partition = i32::from_be_bytes(*partition);
        Ok(Subscription { instruction, hash, key: self.inner.decode(key)?, partition })
    }

    fn id(&self) -> &str {
        &self.id
    }
}

impl<T: Send + Sync + 'static> Codec<Response<T>> for Wire<T> {
    fn encode(&self, response: &Response<T>, out: &mut Vec<u8>) -> Result<(), CodecError> {
        let (hash, first) = (response.hash.as_ref(), out.len());
        out.push(version(ANSWER, hash));
        out.extend_from_slice(hash.map_or(&[], |hash| hash));
        let Some(row) = &response.row else { return Ok(()) };
        let before = out.len();
        self.inner.encode(row, out)?;
        if out.len() == before {
            out[first] = version(ANSWER_OF_NO_BYTES, hash);
        }
        Ok(())
    }

    fn decode(&self, bytes: &[u8]) -> Result<Response<T>, CodecError> {
        let mut reader = Reader { rest: bytes, id: &self.id, length: bytes.len() };
        let version = reader.byte()?;
        let hash = reader.hash(version)?;
        let row = match version & !WITHOUT_HASH {
            ANSWER if reader.rest.is_empty() => None,
            ANSWER => Some(self.inner.decode(reader.rest)?),
            ANSWER_OF_NO_BYTES => Some(self.inner.decode(&[])?),
            _ => return Err(reader.wrong("unknown version of an answer")),
        };
        Ok(Response { hash, row, partition: ARRIVED })
    }

    fn id(&self) -> &str {
        &self.id
    }
}

fn version(version: u8, hash: Option<&Hash>) -> u8 {
    if hash.is_some() { version } else { version | WITHOUT_HASH }
}

struct Reader<'a> {
    rest: &'a [u8],
    id: &'a str,
    length: usize,
}

impl Reader<'_> {
    fn wrong(&self, why: &str) -> CodecError {
        CodecError::new(self.id, self.length, why)
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], CodecError> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or_else(|| self.wrong("cut short"))?;
        self.rest = rest;
        Ok(*taken)
    }

    fn byte(&mut self) -> Result<u8, CodecError> {
        self.take::<1>().map(|[byte]| byte)
    }

    fn hash(&mut self, version: u8) -> Result<Option<Hash>, CodecError> {
        if version & WITHOUT_HASH == 0 { self.take().map(Some) } else { Ok(None) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use topo_state::utf8;

    #[test]
    fn subscriptions_and_answers_survive_their_bytes() {
        let codec = subscription_codec(utf8());
        let instructions = [
            Instruction::Delete,
            Instruction::DeleteAndAnswer,
            Instruction::AnswerAlways,
            Instruction::AnswerIfPresent,
        ];
        for (instruction, hash) in instructions.into_iter().zip([None, Some([7; 16])].into_iter().cycle()) {
            let subscription = Subscription { instruction, hash, key: "left".to_owned(), partition: 3 };
            let mut bytes = Vec::new();
            codec.encode(&subscription, &mut bytes).unwrap();
            assert_eq!(codec.decode(&bytes).unwrap(), subscription);
        }
        let codec = response_codec(utf8());
        for row in [None, Some(String::new()), Some("row".to_owned())] {
            let response = Response { hash: Some([1; 16]), row, partition: ARRIVED };
            let mut bytes = Vec::new();
            codec.encode(&response, &mut bytes).unwrap();
            assert_eq!(codec.decode(&bytes).unwrap(), response);
        }
    }

    #[test]
    fn bytes_of_another_version_or_too_few_are_refused() {
        let codec = subscription_codec(utf8());
        for bytes in [
            &[][..],
            &[2, 0, 0, 0, 0, 0, 0],
            &[1],
            &[0x81, 9, 0, 0, 0, 0],
            &[1, 0, 1, 5],
            &[0x81, 0, 0, 0, 0],
        ] {
            assert!(codec.decode(bytes).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn the_bytes_are_those_of_kafka_streams() {
        let hash = Some([7; 16]);
        let key = "k2".to_owned();
        let subscription =
            Subscription { instruction: Instruction::AnswerIfPresent, hash, key, partition: 1 };
        let mut out = Vec::new();
        subscription_codec(utf8()).encode(&subscription, &mut out).unwrap();
        assert_eq!(out, [&[1, 3][..], &[7; 16], b"k2", &[0, 0, 0, 1]].concat());

        let answers =
            [(None, Some("row"), &b"\x80row"[..]), (None, None, b"\x80"), (None, Some(""), b"\x81")];
        for (hash, row, bytes) in answers {
            let response = Response { hash, row: row.map(str::to_owned), partition: 3 };
            let mut out = Vec::new();
            response_codec(utf8()).encode(&response, &mut out).unwrap();
            assert_eq!(out, bytes);
        }
    }
}
