//! Topics of one form, known by what their names look like.

use std::sync::Arc;
use std::time::Duration;

use topo_state::CodecRef;

use super::{TimestampExtractor, Topic};
use crate::data::Data;

/// Topics whose names match a regular expression, for [`Builder::stream_matching`](crate::Builder::stream_matching). As with
/// Kafka Streams the whole name must match, and `\d`, `\w`, `\s` are ASCII; look-around and back references are not known.
///
/// Where they begin and where time comes from is said once for all of them. Kafka Streams: a `Pattern` with `Consumed`.
pub struct TopicPattern<K: Data, V: Data>(pub(crate) Topic<K, V>);

impl<K: Data, V: Data> TopicPattern<K, V> {
    /// The topics whose names match `pattern`, all written by the same codecs.
    pub fn new(pattern: impl Into<Arc<str>>, key: CodecRef<K::Present>, value: CodecRef<V::Present>) -> Self {
        Self(Topic::new(pattern, key, value))
    }

    /// As [`Topic::from_latest`]; a topic that is found later begins behind what it holds then.
    #[must_use]
    pub fn from_latest(self) -> Self {
        Self(self.0.from_latest())
    }

    /// As [`Topic::from_duration`].
    #[must_use]
    pub fn from_duration(self, age: Duration) -> Self {
        Self(self.0.from_duration(age))
    }

    /// As [`Topic::from_committed`]: a topic that is found later, of which nothing can be committed yet, ends the application.
    #[must_use]
    pub fn from_committed(self) -> Self {
        Self(self.0.from_committed())
    }

    /// As [`Topic::timestamps`].
    #[must_use]
    pub fn timestamps(self, extractor: TimestampExtractor<K, V>) -> Self {
        Self(self.0.timestamps(extractor))
    }
}

impl<K: Data, V: Data> Clone for TopicPattern<K, V> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}
