//! The record that stands for one that failed: the original untouched, and headers that say what happened to it.
//!
//! Order of headers: those of the original, `__streams.errors.*` as Kafka Streams writes them (the stack trace is left
//! out, there is none), then ours, `dlq.*`. All are text.

use std::sync::Arc;

use crate::fault::Reason;
use crate::processor::{Emitted, Position};
use crate::record::{Headers, RawRecord};

/// Where a record failed; the header `dlq.stage`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Its bytes could not be decoded.
    Deserialization,
    /// A processor refused it.
    Processing,
    /// The broker refused what became of it.
    Production,
}

impl Stage {
    /// The word in the header.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Deserialization => "deserialization",
            Self::Processing => "processing",
            Self::Production => "production",
        }
    }
}

/// What is known about a failure beside its reason. Times are milliseconds since the epoch.
#[derive(Clone, Debug)]
pub(crate) struct Failure<'a> {
    pub(crate) stage: Stage,
    pub(crate) reason: &'a Reason,
    /// Where the record lay; `None` for one that a punctuation made.
    pub(crate) position: Option<&'a Position>,
    /// How often it was tried again before.
    pub(crate) retries: u32,
    pub(crate) first: i64,
    pub(crate) last: i64,
    /// Which process and worker gave up.
    pub(crate) consumer: &'a str,
}

/// The dead letter of a record that was read.
pub(crate) fn of(topic: &Arc<str>, original: &RawRecord, failure: &Failure<'_>) -> Emitted {
    let mut headers = original.headers.clone();
    describe(&mut headers, failure);
    Emitted {
        topic: topic.clone(),
        partition: None,
        chooser: None,
        unhashed: 0,
        key: original.key.as_ref().map(|key| key.to_vec()),
        value: original.value.as_ref().map(|value| value.to_vec()),
        timestamp: original.timestamp,
        headers,
    }
}

/// The dead letter of a record that is too large to be written, perhaps itself a dead letter: all but its value.
pub(crate) fn truncated(topic: &Arc<str>, refused: &Emitted, failure: &Failure<'_>) -> Emitted {
    let mut headers = refused.headers.clone();
    // A dead letter already says what failed first; that must stay true.
    if headers.last(ERROR_TYPE).is_none() || refused.topic != *topic {
        describe(&mut headers, failure);
    }
    headers.push_text("dlq.truncated", "true");
    let timestamp = refused.timestamp;
    Emitted {
        topic: topic.clone(),
        partition: None,
        chooser: None,
        unhashed: 0,
        key: refused.key.clone(),
        value: None,
        timestamp,
        headers,
    }
}

/// The dead letter of an output that can go to no topic, or to no partition of it.
pub(crate) fn refused(topic: &Arc<str>, refused: &Emitted, failure: &Failure<'_>) -> Emitted {
    let mut headers = refused.headers.clone();
    describe(&mut headers, failure);
    Emitted { topic: topic.clone(), partition: None, chooser: None, unhashed: 0, headers, ..refused.clone() }
}

/// Whether a dead letter is about an output.
pub(crate) fn is_of_production(letter: &Emitted) -> bool {
    letter.headers.last("dlq.truncated").is_some()
        || letter.headers.last(STAGE) == Some(Stage::Production.as_str().as_bytes())
}

const ERROR_TYPE: &str = "dlq.error.type";
const STAGE: &str = "dlq.stage";

fn describe(headers: &mut Headers, failure: &Failure<'_>) {
    let Failure { stage, reason, position, retries, first, last, consumer } = failure;
    headers.push_text("__streams.errors.exception", reason.error_type.clone());
    headers.push_text("__streams.errors.message", &reason.message);
    if let Some(Position { topic, partition, offset }) = position {
        headers.push_text("__streams.errors.topic", &**topic);
        headers.push_text("__streams.errors.partition", partition.to_string());
        headers.push_text("__streams.errors.offset", offset.to_string());
    }
    headers.push_text(ERROR_TYPE, reason.error_type.clone());
    headers.push_text(STAGE, stage.as_str());
    headers.push_text("dlq.retry.count", retries.to_string());
    headers.push_text("dlq.first.failure.ts", first.to_string());
    headers.push_text("dlq.last.failure.ts", last.to_string());
    headers.push_text("dlq.consumer.id", *consumer);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure<'a>(reason: &'a Reason, position: &'a Position) -> Failure<'a> {
        let stage = Stage::Deserialization;
        Failure {
            stage,
            reason,
            position: Some(position),
            retries: 2,
            first: 10,
            last: 30,
            consumer: "app-1",
        }
    }

    fn texts(record: &Emitted) -> Vec<(String, String)> {
        let text =
            |bytes: &Option<bytes::Bytes>| String::from_utf8(bytes.clone().unwrap_or_default().to_vec());
        record.headers.iter().map(|header| (header.name.clone(), text(&header.value).unwrap())).collect()
    }

    #[test]
    fn the_original_stays_untouched_and_its_headers_come_first() {
        let reason = Reason { error_type: "MALFORMED_JSON".into(), message: "line 1".into() };
        let position = Position { topic: "in".into(), partition: 3, offset: 7 };
        let mut original = RawRecord { value: Some(vec![0xff].into()), timestamp: 5, ..RawRecord::default() };
        original.headers.push_text("trace", "t");
        let letter = of(&"dead".into(), &original, &failure(&reason, &position));
        assert_eq!((letter.key.clone(), letter.value.clone(), letter.timestamp), (None, Some(vec![0xff]), 5));
        let expected = [
            ("trace", "t"),
            ("__streams.errors.exception", "MALFORMED_JSON"),
            ("__streams.errors.message", "line 1"),
            ("__streams.errors.topic", "in"),
            ("__streams.errors.partition", "3"),
            ("__streams.errors.offset", "7"),
            ("dlq.error.type", "MALFORMED_JSON"),
            ("dlq.stage", "deserialization"),
            ("dlq.retry.count", "2"),
            ("dlq.first.failure.ts", "10"),
            ("dlq.last.failure.ts", "30"),
            ("dlq.consumer.id", "app-1"),
        ];
        assert_eq!(texts(&letter), expected.map(|(name, text)| (name.to_owned(), text.to_owned())));
    }

    #[test]
    fn a_truncated_letter_keeps_the_first_reason_and_loses_only_its_value() {
        let first = Reason { error_type: "BAD".into(), message: String::new() };
        let second = Reason { error_type: "RECORD_TOO_LARGE".into(), message: String::new() };
        let position = Position { topic: "in".into(), partition: 0, offset: 7 };
        let original =
            RawRecord { key: Some(vec![1].into()), value: Some(vec![2].into()), ..RawRecord::default() };
        let dead: Arc<str> = "dead".into();
        let letter = of(&dead, &original, &failure(&first, &position));
        let short = truncated(&dead, &letter, &failure(&second, &position));
        assert_eq!((short.key.as_deref(), short.value.as_deref()), (Some(&[1][..]), None));
        assert_eq!(short.headers.last("dlq.error.type"), Some(&b"BAD"[..]));
        assert_eq!(short.headers.last("dlq.truncated"), Some(&b"true"[..]));

        let output = Emitted { topic: "out".into(), headers: Headers::new(), ..letter };
        let short = truncated(&dead, &output, &failure(&second, &position));
        assert_eq!(short.headers.last("dlq.error.type"), Some(&b"RECORD_TOO_LARGE"[..]));
        assert_eq!(short.headers.last("__streams.errors.offset"), Some(&b"7"[..]));
    }
}
