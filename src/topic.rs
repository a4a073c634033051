//! A topic as a topology names it: its name, and how its bytes become keys and values.

mod decode;
mod extractor;
mod pattern;
mod reset;
mod topics;

use std::sync::Arc;
use std::time::Duration;

use topo_state::CodecRef;

use crate::data::Data;
use crate::record::Placement;

pub(crate) use decode::decoded;
pub use extractor::{InvalidTimestamp, TimestampExtractor};
pub(crate) use extractor::{Moment, Stamp, Stamper, invalid_timestamp};
pub use pattern::TopicPattern;
pub(crate) use reset::OffsetReset;
pub(crate) use topics::ChooseTopic;
pub use topics::Topics;

/// Chooses among so many partitions.
pub(crate) type Partitioner<K, V> = Arc<dyn Fn(&K, &V, i32) -> Placement + Send + Sync>;

/// A topic's name and the codecs of its keys and values, and what is special about reading or writing it.
///
/// Codecs see only non-null bytes; a null payload becomes `None` of a nullable type, and is a poison record for a
/// type that is not nullable. Kafka Streams: `Consumed` and `Produced`.
pub struct Topic<K: Data, V: Data> {
    pub(crate) name: Arc<str>,
    pub(crate) key: CodecRef<K::Present>,
    pub(crate) value: CodecRef<V::Present>,
    pub(crate) reset: OffsetReset,
    pub(crate) extractor: Option<TimestampExtractor<K, V>>,
    pub(crate) partitioner: Option<Partitioner<K, V>>,
}

impl<K: Data, V: Data> Topic<K, V> {
    /// Declares a topic.
    pub fn new(name: impl Into<Arc<str>>, key: CodecRef<K::Present>, value: CodecRef<V::Present>) -> Self {
        let (reset, extractor, partitioner) = (OffsetReset::Earliest, None, None);
        Self { name: name.into(), key, value, reset, extractor, partitioner }
    }

    /// A source of this topic begins behind the newest record when its group has committed nothing yet; otherwise it begins
    /// at the oldest. Kafka Streams: `Consumed.withOffsetResetPolicy(latest)`.
    #[must_use]
    pub fn from_latest(mut self) -> Self {
        self.reset = OffsetReset::Latest;
        self
    }

    /// A source of this topic begins at the first record that is at most this old, by record timestamp and the wall clock of
    /// the process, when its group has committed nothing yet; behind the newest if there is none. Kafka Streams:
    /// `Consumed.withOffsetResetPolicy(AutoOffsetReset.byDuration(..))` (KIP-1106).
    #[must_use]
    pub fn from_duration(mut self, age: Duration) -> Self {
        self.reset = OffsetReset::Ago(i64::try_from(age.as_millis()).unwrap_or(i64::MAX));
        self
    }

    /// A source of this topic begins only where its group has committed: when it has committed nothing the application ends
    /// and says so. Kafka Streams: `Consumed.withOffsetResetPolicy(AutoOffsetReset.none())`.
    #[must_use]
    pub fn from_committed(mut self) -> Self {
        self.reset = OffsetReset::Committed;
        self
    }

    /// Sources of this topic take the time of records from here instead of from their timestamps. Kafka Streams:
    /// `Consumed.withTimestampExtractor`.
    #[must_use]
    pub fn timestamps(mut self, extractor: TimestampExtractor<K, V>) -> Self {
        self.extractor = Some(extractor);
        self
    }

    /// Records written to this topic go where `place(key, value, number of partitions)` says instead of where the hash of
    /// their key says. A partition that is not there is a fault of production. Kafka Streams:
    /// `Produced.withStreamPartitioner` (KIP-837 for several partitions and none).
    ///
    /// ```
    /// # use topo::{Builder, Placement, Topic, state::{i64_be, utf8}, testkit::Driver};
    /// let readings: Topic<String, i64> = Topic::new("readings", utf8(), i64_be());
    /// let alarms = Topic::<String, i64>::new("alarms", utf8(), i64_be()).partitioned_by(|sensor, level, _| {
    ///     match (*level, sensor.as_str()) {
    ///         (100.., _) => Placement::All,
    ///         (..0, _) => Placement::Nowhere,
    ///         (_, "attic") => Placement::One(3),
    ///         _ => Placement::ByKey,
    ///     }
    /// });
    /// let app = Builder::new("doc");
    /// app.stream("read", &readings).to("write", &alarms);
    ///
    /// let mut driver = Driver::builder(app.build()?).partitions("alarms", 4).build()?;
    /// driver.pipe(&readings, "attic".to_owned(), 20, 0)?;
    /// driver.pipe(&readings, "attic".to_owned(), 100, 1)?;
    /// driver.pipe(&readings, "attic".to_owned(), -1, 2)?;
    /// assert_eq!(driver.placed("alarms"), [3, 0, 1, 2, 3]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn partitioned_by(
        mut self,
        place: impl Fn(&K, &V, i32) -> Placement + Send + Sync + 'static,
    ) -> Self {
        self.partitioner = Some(Arc::new(place));
        self
    }

    /// The topic's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What says the time of this topic's records, unless it is their timestamp.
    pub(crate) fn stamper(&self) -> Option<Stamper> {
        let extractor = self.extractor.as_ref()?;
        extractor.stamper(self.key.clone(), self.value.clone())
    }
}

impl<K: Data, V: Data> Clone for Topic<K, V> {
    fn clone(&self) -> Self {
        Self {
            name: self.name.clone(),
            key: self.key.clone(),
            value: self.value.clone(),
            reset: self.reset,
            extractor: self.extractor.clone(),
            partitioner: self.partitioner.clone(),
        }
    }
}
