//! A topic as a topology names it: its name, and how its bytes become keys and values.

use std::sync::Arc;

use topo_state::CodecRef;

use crate::data::Data;

/// A topic's name and the codecs of its keys and values.
///
/// Codecs see only non-null bytes; a null payload becomes `None` of a nullable type, and is a poison record for a
/// type that is not nullable.
pub struct Topic<K: Data, V: Data> {
    pub(crate) name: Arc<str>,
    pub(crate) key: CodecRef<K::Present>,
    pub(crate) value: CodecRef<V::Present>,
    pub(crate) reset: OffsetReset,
}

impl<K: Data, V: Data> Topic<K, V> {
    /// Declares a topic.
    pub fn new(name: impl Into<Arc<str>>, key: CodecRef<K::Present>, value: CodecRef<V::Present>) -> Self {
        Self { name: name.into(), key, value, reset: OffsetReset::Earliest }
    }

    /// A source of this topic begins behind the newest record when its group has committed nothing yet; otherwise it begins
    /// at the oldest. Kafka Streams: `Consumed.withOffsetResetPolicy(latest)`.
    #[must_use]
    pub fn from_latest(mut self) -> Self {
        self.reset = OffsetReset::Latest;
        self
    }

    /// The topic's name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl<K: Data, V: Data> Clone for Topic<K, V> {
    fn clone(&self) -> Self {
        Self { name: self.name.clone(), key: self.key.clone(), value: self.value.clone(), reset: self.reset }
    }
}

/// Where a source begins when its group has committed nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum OffsetReset {
    /// At the oldest record.
    #[default]
    Earliest,
    /// Behind the newest record.
    Latest,
}
