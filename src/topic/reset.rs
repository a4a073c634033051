//! Where a source begins.

/// Where a source begins when its group has committed nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum OffsetReset {
    /// At the oldest record.
    #[default]
    Earliest,
    /// Behind the newest record.
    Latest,
    /// At the first record that is at most so old, milliseconds.
    Ago(i64),
    /// Nowhere: something must have been committed.
    Committed,
}
