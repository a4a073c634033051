//! Where records enter: bytes become types.

use std::any::Any;
use std::marker::PhantomData;

use bytes::Bytes;
use topo_state::{CodecError, CodecRef};

use super::Types;
use crate::data::Data;
use crate::fault::Fault;
use crate::processor::{Hop, Node, Punctuation, take};
use crate::record::{RawRecord, Record};

/// Decodes a topic's records. What cannot be read, and a null of a type that has none, is poison.
pub(crate) struct Source<K: Data, V: Data> {
    key: CodecRef<K::Present>,
    value: CodecRef<V::Present>,
    types: Types<(K, V)>,
}

impl<K: Data, V: Data> Source<K, V> {
    pub(crate) fn new(key: CodecRef<K::Present>, value: CodecRef<V::Present>) -> Self {
        Self { key, value, types: PhantomData }
    }
}

impl<K: Data, V: Data> Node for Source<K, V> {
    fn init(&mut self, _: Hop<'_>) -> Result<(), Fault> {
        Ok(())
    }

    fn process(&mut self, input: &mut dyn Any, mut hop: Hop<'_>) -> Result<(), Fault> {
        let RawRecord { key, value, timestamp, headers } = take::<RawRecord>(input)?;
        let key = decode::<K>(key, &self.key, Part::Key)?;
        let value = decode::<V>(value, &self.value, Part::Value)?;
        hop.forward(Record { key, value, timestamp, headers })
    }

    fn punctuate(&mut self, _: Punctuation, _: Hop<'_>) -> Result<(), Fault> {
        Ok(())
    }
}

#[derive(Clone, Copy)]
enum Part {
    Key,
    Value,
}

fn decode<D: Data>(bytes: Option<Bytes>, codec: &CodecRef<D::Present>, part: Part) -> Result<D, Fault> {
    let present = match bytes {
        Some(bytes) => Some(codec.decode(&bytes).map_err(|error| unreadable(&error, part))?),
        None => None,
    };
    D::from_present(present).ok_or_else(|| match part {
        Part::Key => Fault::poison("NULL_KEY", "the key is null, but this topic's keys may not be"),
        Part::Value => Fault::poison("NULL_VALUE", "the value is null, but this topic's values may not be"),
    })
}

fn unreadable(error: &CodecError, part: Part) -> Fault {
    let (name, kind) = match part {
        Part::Key => ("key", "MALFORMED_KEY"),
        Part::Value if error.codec() == "json" => ("value", "MALFORMED_JSON"),
        Part::Value => ("value", "MALFORMED_VALUE"),
    };
    Fault::poison(kind, format!("the {name} cannot be read: {error}"))
}
