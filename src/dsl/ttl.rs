//! How long rows stay.

use crate::processor::Clock;

/// How long the rows of a table stay after their timestamp, and by which clock; for [`KeyValue::ttl`](crate::KeyValue::ttl).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ttl {
    pub(crate) ms: i64,
    pub(crate) clock: Clock,
}

impl Ttl {
    /// A row is over when the task's stream time, the highest timestamp of its records, is this far past the row's timestamp:
    /// the same however fast records are processed, and nothing expires while none come.
    pub const fn stream_ms(ms: i64) -> Self {
        Self { ms, clock: Clock::Stream }
    }

    /// A row is over when the wall clock is this far past its timestamp: also while no records come, and at once when old records
    /// are processed again.
    pub const fn wall_ms(ms: i64) -> Self {
        Self { ms, clock: Clock::Wall }
    }
}
