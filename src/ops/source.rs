//! Where records enter: bytes become types.

use std::any::Any;
use std::marker::PhantomData;

use topo_state::CodecRef;

use super::Types;
use crate::data::Data;
use crate::fault::Fault;
use crate::processor::{Hop, Node, Punctuation, take};
use crate::record::RawRecord;
use crate::topic::{decoded, invalid_timestamp};

/// Decodes a topic's records. What cannot be read, a null of a type that has none, and a negative time is poison.
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
        let record = take::<RawRecord>(input)?;
        if record.timestamp < 0 {
            return Err(invalid_timestamp(record.timestamp));
        }
        hop.forward(decoded::<K, V>(record, &self.key, &self.value)?)
    }

    fn punctuate(&mut self, _: Punctuation, _: Hop<'_>) -> Result<(), Fault> {
        Ok(())
    }
}
