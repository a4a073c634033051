//! Where records leave: types become bytes.

use std::any::Any;
use std::marker::PhantomData;
use std::sync::Arc;

use topo_state::CodecRef;

use super::Types;
use crate::data::Data;
use crate::fault::Fault;
use crate::processor::{Emitted, Hop, Node, Punctuation, take};
use crate::record::Record;

/// Encodes records for a topic.
pub(crate) struct Sink<K: Data, V: Data> {
    topic: Arc<str>,
    key: CodecRef<K::Present>,
    value: CodecRef<V::Present>,
    partition: fn(&V) -> Option<i32>,
    unhashed: usize,
    types: Types<(K, V)>,
}

impl<K: Data, V: Data> Sink<K, V> {
    /// A sink whose records go where the hash of their key says.
    pub(crate) fn new(topic: Arc<str>, key: CodecRef<K::Present>, value: CodecRef<V::Present>) -> Self {
        // A name of its own: the shared one's count would travel between the workers' processors with every record.
        let topic = Arc::from(&*topic);
        Self { topic, key, value, partition: |_| None, unhashed: 0, types: PhantomData }
    }

    /// The same, but the window in a key does not matter for its place, as in Kafka Streams' `to`.
    pub(crate) fn hashing_keys_without_windows(mut self) -> Self {
        self.unhashed = self.key.window_bytes();
        self
    }

    /// The same, with a partition that the value knows.
    pub(crate) fn with_partition(mut self, partition: fn(&V) -> Option<i32>) -> Self {
        self.partition = partition;
        self
    }
}

impl<K: Data, V: Data> Node for Sink<K, V> {
    fn init(&mut self, _: Hop<'_>) -> Result<(), Fault> {
        Ok(())
    }

    fn process(&mut self, input: &mut dyn Any, hop: Hop<'_>) -> Result<(), Fault> {
        let record = take::<Record<K, V>>(input)?;
        let partition = (self.partition)(&record.value);
        let key = encode(record.key.as_present(), &self.key)?;
        let value = encode(record.value.as_present(), &self.value)?;
        let (topic, timestamp, headers) = (self.topic.clone(), record.timestamp, record.headers);
        let unhashed = self.unhashed;
        hop.pipeline.env.emitted.push(Emitted { topic, partition, unhashed, key, value, timestamp, headers });
        Ok(())
    }

    fn punctuate(&mut self, _: Punctuation, _: Hop<'_>) -> Result<(), Fault> {
        Ok(())
    }
}

fn encode<T: 'static>(datum: Option<&T>, codec: &CodecRef<T>) -> Result<Option<Vec<u8>>, Fault> {
    let Some(datum) = datum else { return Ok(None) };
    let mut bytes = Vec::new();
    codec
        .encode(datum, &mut bytes)
        .map_err(|error| Fault::poison("UNWRITABLE", format!("a record cannot be written: {error}")))?;
    Ok(Some(bytes))
}
