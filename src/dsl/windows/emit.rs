//! When a windowed aggregation gives its results.

use topo_state::StoreKind;

use crate::ops::Tells;

/// Kafka Streams looks for closed windows at most once in this time.
const KAFKA_STREAMS_INTERVAL_MS: i64 = 1_000;

/// Whether a windowed aggregation gives every update or final results only.
///
/// Kafka Streams: `EmitStrategy` (KIP-825).
///
/// ```
/// use topo::EmitStrategy;
///
/// let final_only = EmitStrategy::on_window_close();
/// let as_soon_as_closed = EmitStrategy::on_window_close().at_most_every_ms(0);
/// # assert_ne!(final_only, as_soon_as_closed);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EmitStrategy {
    /// With final results: the least wall-clock time between two looks.
    pub(crate) closing_interval_ms: Option<i64>,
}

impl EmitStrategy {
    /// Every record that enters a window gives an update. The default.
    /// Kafka Streams: `EmitStrategy.onWindowUpdate` (KIP-825).
    pub const fn on_window_update() -> Self {
        Self { closing_interval_ms: None }
    }

    /// A window gives one result, once it has closed. A record makes the aggregation look for closed windows, at most once a
    /// second of wall-clock time: see [`at_most_every_ms`](Self::at_most_every_ms).
    /// Kafka Streams: `EmitStrategy.onWindowClose` (KIP-825). (Example: [`WindowedStream::emit`](crate::WindowedStream::emit).)
    pub const fn on_window_close() -> Self {
        Self { closing_interval_ms: Some(KAFKA_STREAMS_INTERVAL_MS) }
    }

    /// The least wall-clock time between two looks for closed windows; 0 = look at every record. Without effect on updates.
    /// Kafka Streams: the internal setting `__emit.interval.ms.kstreams.windowed.aggregation__`.
    pub const fn at_most_every_ms(self, interval_ms: i64) -> Self {
        match self.closing_interval_ms {
            Some(_) => Self { closing_interval_ms: Some(interval_ms) },
            None => self,
        }
    }

    /// The layout of a store whose updates wait or not. Kafka Streams' cache still knows rows that its store no longer shows;
    /// ours shows them by as much longer as a record that comes in time may look back.
    pub(crate) fn kind(tells: Tells, usual: StoreKind, looks_back_ms: i64) -> StoreKind {
        let mut kind = usual;
        if let (
            Tells::PerCommit,
            StoreKind::Window { retention_ms, .. } | StoreKind::Session { retention_ms, .. },
        ) = (tells, &mut kind)
        {
            *retention_ms = retention_ms.saturating_add(looks_back_ms);
        }
        kind
    }

    /// What operators tell of their rows, when updates were asked to wait for the commit or not. Final results never wait.
    pub(crate) fn tells(self, per_commit: bool) -> Tells {
        match self.closing_interval_ms {
            Some(_) => Tells::Nothing,
            None if per_commit => Tells::PerCommit,
            None => Tells::Every,
        }
    }
}
