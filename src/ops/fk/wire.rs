//! What travels between the two sides of a foreign-key join, and its bytes.
//!
//! Both forms begin with the version 1. A subscription: version, instruction, hash (see below), left partition in 4 bytes, left
//! key. An answer: version, hash, left partition, 1 ++ right row or 0. A hash is 1 ++ 16 bytes, or 0 when there is no row.

use std::sync::Arc;

use topo_state::{Codec, CodecError, CodecRef};

use super::hash::Hash;
use crate::data::Data;

const VERSION: u8 = 1;

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
    pub(crate) partition: i32,
}

macro_rules! never_null {
    ($($name:ident),+) => {$(
        impl<T: Clone + Send + Sync + 'static> Data for $name<T> {
            type Present = Self;
            fn present(self) -> Option<Self> {
                Some(self)
            }
            fn as_present(&self) -> Option<&Self> {
                Some(self)
            }
            fn null() -> Option<Self> {
                None
            }
            fn of(present: Self) -> Self {
                present
            }
        }
    )+};
}

never_null!(Subscription, Response);

pub(crate) fn subscription_codec<K: Send + Sync + 'static>(key: CodecRef<K>) -> CodecRef<Subscription<K>> {
    let id = format!("subscription({})", key.id());
    Arc::new(Wire { inner: key, id })
}

pub(crate) fn response_codec<V: Send + Sync + 'static>(row: CodecRef<V>) -> CodecRef<Response<V>> {
    let id = format!("response({})", row.id());
    Arc::new(Wire { inner: row, id })
}

struct Wire<T> {
    inner: CodecRef<T>,
    id: String,
}

impl<T: Send + Sync + 'static> Codec<Subscription<T>> for Wire<T> {
    fn encode(&self, subscription: &Subscription<T>, out: &mut Vec<u8>) -> Result<(), CodecError> {
        out.extend_from_slice(&[VERSION, subscription.instruction as u8]);
        write_hash(subscription.hash.as_ref(), out);
        out.extend_from_slice(&subscription.partition.to_be_bytes());
        self.inner.encode(&subscription.key, out)
    }

    fn decode(&self, bytes: &[u8]) -> Result<Subscription<T>, CodecError> {
        let mut reader = Reader { rest: bytes, id: &self.id, length: bytes.len() };
        reader.version()?;
        let instruction = match reader.take::<1>()?[0] {
            0 => Instruction::Delete,
            1 => Instruction::DeleteAndAnswer,
            2 => Instruction::AnswerAlways,
            3 => Instruction::AnswerIfPresent,
            _ => return Err(reader.wrong("unknown instruction")),
        };
        let hash = reader.hash()?;
        let partition = i32::from_be_bytes(reader.take()?);
        Ok(Subscription { instruction, hash, key: self.inner.decode(reader.rest)?, partition })
    }

    fn id(&self) -> &str {
        &self.id
    }
}

impl<T: Send + Sync + 'static> Codec<Response<T>> for Wire<T> {
    fn encode(&self, response: &Response<T>, out: &mut Vec<u8>) -> Result<(), CodecError> {
        out.push(VERSION);
        write_hash(response.hash.as_ref(), out);
        out.extend_from_slice(&response.partition.to_be_bytes());
        out.push(u8::from(response.row.is_some()));
        response.row.as_ref().map_or(Ok(()), |row| self.inner.encode(row, out))
    }

    fn decode(&self, bytes: &[u8]) -> Result<Response<T>, CodecError> {
        let mut reader = Reader { rest: bytes, id: &self.id, length: bytes.len() };
        reader.version()?;
        let hash = reader.hash()?;
        let partition = i32::from_be_bytes(reader.take()?);
        let row = match reader.take::<1>()?[0] {
            0 => None,
            _ => Some(self.inner.decode(reader.rest)?),
        };
        Ok(Response { hash, row, partition })
    }

    fn id(&self) -> &str {
        &self.id
    }
}

fn write_hash(hash: Option<&Hash>, out: &mut Vec<u8>) {
    out.push(u8::from(hash.is_some()));
    out.extend_from_slice(hash.map_or(&[], |hash| hash));
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

    fn version(&mut self) -> Result<(), CodecError> {
        match self.take::<1>()?[0] {
            VERSION => Ok(()),
            _ => Err(self.wrong("unknown version: it was written by a newer release")),
        }
    }

    fn hash(&mut self) -> Result<Option<Hash>, CodecError> {
        match self.take::<1>()?[0] {
            0 => Ok(None),
            _ => Ok(Some(self.take()?)),
        }
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
            let response = Response { hash: Some([1; 16]), row, partition: 0 };
            let mut bytes = Vec::new();
            codec.encode(&response, &mut bytes).unwrap();
            assert_eq!(codec.decode(&bytes).unwrap(), response);
        }
    }

    #[test]
    fn bytes_of_another_version_or_too_few_are_refused() {
        let codec = subscription_codec(utf8());
        for bytes in [&[][..], &[2, 0, 0, 0, 0, 0, 0], &[1], &[1, 9, 0, 0, 0, 0, 0], &[1, 0, 1, 5]] {
            assert!(codec.decode(bytes).is_err(), "{bytes:?}");
        }
    }
}
