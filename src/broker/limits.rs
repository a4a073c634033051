//! What a topic takes: size and time of a record.

use super::{BrokerError, Outgoing};

/// The limits of one topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    /// The largest sum of key and value, in bytes.
    pub(super) bytes: usize,
    /// How far a record may lie behind the clock, milliseconds (`message.timestamp.before.max.ms`).
    pub(super) before_ms: i64,
    /// How far it may lie ahead of the clock, milliseconds (`message.timestamp.after.max.ms`).
    pub(super) after_ms: i64,
}

impl Limits {
    /// Everything goes.
    pub(super) const NONE: Self = Self { bytes: usize::MAX, before_ms: i64::MAX, after_ms: i64::MAX };

    /// What the settings of a topic say; what they do not say has no limit.
    pub(super) fn of<'a>(setting: impl Fn(&str) -> Option<&'a str>) -> Self {
        let number = |name: &str| setting(name).and_then(|text| text.parse::<i64>().ok());
        // The broker replaces the time of every record then.
        let stamped = setting("message.timestamp.type") == Some("LogAppendTime");
        let time = |name: &str| number(name).filter(|_| !stamped).unwrap_or(i64::MAX);
        Self {
            bytes: number("max.message.bytes").and_then(|it| usize::try_from(it).ok()).unwrap_or(usize::MAX),
            before_ms: time("message.timestamp.before.max.ms"),
            after_ms: time("message.timestamp.after.max.ms"),
        }
    }

    /// Refuses what the broker would refuse; looks at the clock only when time has a limit.
    pub(super) fn check(
        &self,
        record: &Outgoing<'_>,
        now_ms: impl FnOnce() -> i64,
    ) -> Result<(), BrokerError> {
        let topic = || record.topic.to_owned();
        let bytes = record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len);
        if bytes > self.bytes {
            let detail = format!("max.message.bytes of the topic leaves room for {}", self.bytes);
            return Err(BrokerError::RecordTooLarge { topic: topic(), bytes, detail });
        }
        if self.before_ms == i64::MAX && self.after_ms == i64::MAX {
            return Ok(());
        }
        let now_ms = now_ms();
        let ahead = record.timestamp.saturating_sub(now_ms);
        let (name, limit) = if ahead > self.after_ms {
            ("message.timestamp.after.max.ms", self.after_ms)
        } else if record.timestamp >= 0 && ahead.saturating_neg() > self.before_ms {
            ("message.timestamp.before.max.ms", self.before_ms)
        } else {
            return Ok(());
        };
        let detail = format!(
            "{name} of the topic is {limit}, and it is {now_ms} now; raise it, or mend the clock that stamped the record"
        );
        Err(BrokerError::TimestampRefused { topic: topic(), timestamp: record.timestamp, detail })
    }
}
