//! How long `suppress` may hold updates back.

/// Limits of [`Table::suppress`](crate::Table::suppress) and what happens when the buffer is full.
///
/// Kafka Streams: `Suppressed.untilTimeLimit` with a `BufferConfig`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suppress {
    pub(crate) limit_ms: i64,
    pub(crate) max_records: Option<u64>,
    pub(crate) max_bytes: Option<u64>,
    pub(crate) shut_down: bool,
}

impl Suppress {
    /// Holds the updates of a key back until the first of them is this old in stream time; only the newest goes on.
    /// Kafka Streams: `untilTimeLimit` (KIP-328). (Example: [`Table::suppress`](crate::Table::suppress).)
    pub const fn time_limit_ms(limit_ms: i64) -> Self {
        Self { limit_ms, max_records: None, max_bytes: None, shut_down: false }
    }

    /// Holds at most this many keys back; beyond that the oldest goes on early.
    /// Kafka Streams: `BufferConfig.maxRecords`.
    pub const fn max_records(mut self, max_records: u64) -> Self {
        self.max_records = Some(max_records);
        self
    }

    /// Holds at most this many bytes back, counted as Kafka Streams does: the key, the rows before and after, headers, and
    /// the position of the record that caused the update; beyond that the oldest goes on early.
    pub const fn max_bytes(mut self, max_bytes: u64) -> Self {
        self.max_bytes = Some(max_bytes);
        self
    }

    /// Stops the task when more would be held back than is allowed, instead of letting the oldest go early.
    /// Kafka Streams: `shutDownWhenFull`.
    pub const fn shut_down_when_full(mut self) -> Self {
        self.shut_down = true;
        self
    }
}
