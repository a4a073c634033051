//! Where records leave: types become bytes.

use std::any::Any;
use std::sync::Arc;

use topo_state::CodecRef;

use crate::data::Data;
use crate::fault::Fault;
use crate::processor::{Chooser, Emitted, Hop, Node, Punctuation, take};
use crate::record::Record;
use crate::topic::{ChooseTopic, Partitioner};

/// Encodes records for a topic.
pub(crate) struct Sink<K: Data, V: Data> {
    topic: To<K, V>,
    key: CodecRef<K::Present>,
    value: CodecRef<V::Present>,
    partition: fn(&V) -> Option<i32>,
    partitioner: Option<Partitioner<K, V>>,
    unhashed: usize,
}

/// Where a sink writes to.
enum To<K, V> {
    Fixed(Arc<str>),
    Chosen(ChooseTopic<K, V>),
}

impl<K: Data, V: Data> Sink<K, V> {
    /// A sink whose records go where the hash of their key says.
    pub(crate) fn new(topic: Arc<str>, key: CodecRef<K::Present>, value: CodecRef<V::Present>) -> Self {
        // A name of its own: the shared one's count would travel between the workers' processors with every record.
        Self::to(To::Fixed(Arc::from(&*topic)), key, value)
    }

    /// A sink that asks of each record where it goes.
    pub(crate) fn choosing(
        choose: ChooseTopic<K, V>,
        key: CodecRef<K::Present>,
        value: CodecRef<V::Present>,
    ) -> Self {
        Self::to(To::Chosen(choose), key, value)
    }

    fn to(topic: To<K, V>, key: CodecRef<K::Present>, value: CodecRef<V::Present>) -> Self {
        Self { topic, key, value, partition: |_| None, partitioner: None, unhashed: 0 }
    }

    /// The same, with partitions that are chosen per record.
    pub(crate) fn partitioned_by(mut self, partitioner: Option<Partitioner<K, V>>) -> Self {
        self.partitioner = partitioner;
        self
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
        let topic = match &self.topic {
            To::Fixed(topic) => topic.clone(),
            To::Chosen(choose) => choose(&record),
        };
        let Record { key: own_key, value: own_value, timestamp, headers } = record;
        let chooser = self
            .partitioner
            .clone()
            .map(|partitioner| Chooser::new(move |partitions| partitioner(&own_key, &own_value, partitions)));
        let unhashed = self.unhashed;
        let emitted = Emitted { topic, partition, chooser, unhashed, key, value, timestamp, headers };
        hop.pipeline.env.emitted.push(emitted);
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
