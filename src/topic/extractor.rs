//! Where the time of records comes from.

use std::fmt;
use std::sync::Arc;

use topo_state::CodecRef;

use super::decode::decoded;
use crate::data::Data;
use crate::fault::Fault;
use crate::record::{RawRecord, Record};

/// Where a source takes the time of its records from; give it to [`Topic::timestamps`](crate::Topic::timestamps). That time
/// orders the task's inputs, moves stream time and goes on with the record. Kafka Streams: `TimestampExtractor`.
///
/// A negative time is invalid; what becomes of its record says [`on_invalid`](Self::on_invalid), for every kind of extractor.
/// (Kafka Streams skips a record whose own extractor answers so.)
///
/// ```
/// # use topo::{Builder, InvalidTimestamp, TimestampExtractor, Topic, state::{i64_be, utf8}, testkit::Driver};
/// /// The value is the time at which it was measured, or -1.
/// let measured: Topic<String, i64> = Topic::new("measured", utf8(), i64_be())
///     .timestamps(TimestampExtractor::from(|record| record.value).on_invalid(InvalidTimestamp::Skip));
/// let out: Topic<String, i64> = Topic::new("out", utf8(), i64_be());
/// let app = Builder::new("doc");
/// app.stream("read", &measured).to("write", &out);
///
/// let mut driver = Driver::new(app.build()?)?;
/// driver.pipe(&measured, "a".to_owned(), 70, 1_000)?;
/// driver.pipe(&measured, "b".to_owned(), -1, 1_001)?;
/// let out = driver.read(&out)?;
/// assert_eq!((out.len(), out[0].timestamp, driver.dropped()), (1, 70, 1));
/// assert_eq!(driver.stream_time(), Some(70));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct TimestampExtractor<K, V> {
    origin: Origin<K, V>,
    invalid: InvalidTimestamp,
}

type FromRecord<K, V> = dyn Fn(&Record<K, V>) -> i64 + Send + Sync;

enum Origin<K, V> {
    Timestamp,
    WallClock,
    Record(Arc<FromRecord<K, V>>),
}

/// What becomes of a record without a valid time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InvalidTimestamp {
    /// It is poison, type `INVALID_TIMESTAMP`: a dead letter, or what the policy of deserialisation says. Kafka Streams:
    /// `FailOnInvalidTimestamp`.
    #[default]
    Fail,
    /// It is dropped and counted. Kafka Streams: `LogAndSkipOnInvalidTimestamp`.
    Skip,
    /// It gets the highest time of its partition so far, also across restarts; before there is one it is poison. Kafka Streams:
    /// `UsePartitionTimeOnInvalidTimestamp`.
    PartitionTime,
}

impl<K: Data, V: Data> TimestampExtractor<K, V> {
    /// The record's timestamp: what sources do without being told. Kafka Streams: `FailOnInvalidTimestamp`,
    /// `LogAndSkipOnInvalidTimestamp`, `UsePartitionTimeOnInvalidTimestamp`, by [`on_invalid`](Self::on_invalid).
    pub fn timestamp() -> Self {
        Self { origin: Origin::Timestamp, invalid: InvalidTimestamp::Fail }
    }

    /// The wall clock of the process when the record's turn comes: processing time. A record that is processed again after a
    /// crash has another time. Kafka Streams: `WallclockTimestampExtractor`.
    pub fn wall_clock() -> Self {
        Self { origin: Origin::WallClock, invalid: InvalidTimestamp::Fail }
    }

    /// What `time` says of the record, milliseconds since the epoch. The record is decoded once more for it. Kafka Streams: an
    /// implementation of `TimestampExtractor`.
    pub fn from(time: impl Fn(&Record<K, V>) -> i64 + Send + Sync + 'static) -> Self {
        Self { origin: Origin::Record(Arc::new(time)), invalid: InvalidTimestamp::Fail }
    }

    /// What becomes of a record whose time is negative.
    #[must_use]
    pub fn on_invalid(mut self, invalid: InvalidTimestamp) -> Self {
        self.invalid = invalid;
        self
    }

    /// The extractor without its types; `None` where the record's timestamp will do.
    pub(crate) fn stamper(&self, key: CodecRef<K::Present>, value: CodecRef<V::Present>) -> Option<Stamper> {
        if matches!((&self.origin, self.invalid), (Origin::Timestamp, InvalidTimestamp::Fail)) {
            return None;
        }
        let Self { origin, invalid } = self.clone();
        Some(Stamper(Arc::new(move |record, moment| {
            let time = match &origin {
                Origin::Timestamp => record.timestamp,
                Origin::WallClock => moment.wall_clock,
                Origin::Record(time) => time(&decoded::<K, V>(record.clone(), &key, &value)?),
            };
            match (time, invalid, moment.partition_time) {
                (0.., ..) => Ok(Some(time)),
                (_, InvalidTimestamp::Skip, _) => Ok(None),
                (_, InvalidTimestamp::PartitionTime, known @ Some(_)) => Ok(known),
                (..0, ..) => Err(invalid_timestamp(time)),
            }
        })))
    }
}

/// The fault of a record whose time is negative.
pub(crate) fn invalid_timestamp(time: i64) -> Fault {
    Fault::poison("INVALID_TIMESTAMP", format!("its time, {time}, is negative"))
}

impl<K, V> Clone for TimestampExtractor<K, V> {
    fn clone(&self) -> Self {
        let origin = match &self.origin {
            Origin::Timestamp => Origin::Timestamp,
            Origin::WallClock => Origin::WallClock,
            Origin::Record(time) => Origin::Record(time.clone()),
        };
        Self { origin, invalid: self.invalid }
    }
}

/// When a record's turn comes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    /// Highest time of the partition's records so far.
    pub(crate) partition_time: Option<i64>,
    /// Milliseconds since the epoch.
    pub(crate) wall_clock: i64,
}

/// The time of a record; `None` = skip it.
pub(crate) type Stamp = Result<Option<i64>, Fault>;

/// Says the time of records as they lie in a topic.
#[derive(Clone)]
pub(crate) struct Stamper(Arc<Say>);

type Say = dyn Fn(&RawRecord, Moment) -> Stamp + Send + Sync;

impl Stamper {
    pub(crate) fn stamp(&self, record: &RawRecord, moment: Moment) -> Stamp {
        (self.0)(record, moment)
    }
}

impl fmt::Debug for Stamper {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Stamper")
    }
}

#[cfg(test)]
mod tests {
    use topo_state::{i64_be, utf8};

    use super::*;

    fn stamps(
        extractor: &TimestampExtractor<Option<String>, i64>,
        partition_time: Option<i64>,
    ) -> Vec<Stamp> {
        let stamper = extractor.stamper(utf8(), i64_be()).unwrap();
        let moment = Moment { partition_time, wall_clock: 99 };
        let record = |timestamp, value: i64| RawRecord {
            timestamp,
            value: Some(value.to_be_bytes().to_vec().into()),
            ..RawRecord::default()
        };
        [record(5, 7), record(-1, -2)].iter().map(|record| stamper.stamp(record, moment)).collect()
    }

    #[test]
    fn time_comes_from_the_timestamp_the_clock_or_the_record_and_a_negative_one_is_dealt_with() {
        type Own = TimestampExtractor<Option<String>, i64>;
        let skip = |extractor: Own| extractor.on_invalid(InvalidTimestamp::Skip);
        assert_eq!(stamps(&skip(Own::timestamp()), None), [Ok(Some(5)), Ok(None)]);
        assert_eq!(stamps(&Own::wall_clock(), None), [Ok(Some(99)), Ok(Some(99))]);
        let own = Own::from(|record| record.value);
        assert_eq!(stamps(&own, None), [Ok(Some(7)), Err(invalid_timestamp(-2))]);
        let partition = own.on_invalid(InvalidTimestamp::PartitionTime);
        assert_eq!(stamps(&partition, Some(40)), [Ok(Some(7)), Ok(Some(40))]);
        assert_eq!(stamps(&partition, None), [Ok(Some(7)), Err(invalid_timestamp(-2))]);
        assert!(Own::timestamp().stamper(utf8(), i64_be()).is_none(), "that is what sources do anyway");
    }

    #[test]
    fn a_record_that_cannot_be_read_has_no_time() {
        let own = TimestampExtractor::<String, i64>::from(|record| record.value);
        let moment = Moment { partition_time: None, wall_clock: 0 };
        let stamp = own.stamper(utf8(), i64_be()).unwrap().stamp(&RawRecord::default(), moment);
        assert_eq!(stamp.unwrap_err().reason().error_type, "NULL_KEY");
    }
}
