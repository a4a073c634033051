//! The kinds of windows and their arithmetic: pure functions of timestamps, one kind per file.
//!
//! What all kinds have in common: windows close as stream time passes, and `closed_until` says up to which end they have. A
//! closed window takes no record any more, and its result is final.

mod emit;
mod session;
mod sliding;
mod time;

pub use emit::EmitStrategy;
pub use session::Session;
pub(crate) use session::{alone, union};
pub use sliding::Sliding;
pub(crate) use sliding::{Known, Touch};
pub use time::{Hopping, TimeWindows, Tumbling};

/// Windows of one length, for [`Grouped::windowed`](crate::Grouped::windowed): made of [`Tumbling`], [`Hopping`] or
/// [`Sliding`] ones. Windows as long as their records make them are [`Session`]s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Windows {
    /// Aligned to the epoch.
    Time(TimeWindows),
    /// Aligned to the records.
    Sliding(Sliding),
}

impl From<Tumbling> for Windows {
    fn from(windows: Tumbling) -> Self {
        Self::Time(windows.into())
    }
}

impl From<Hopping> for Windows {
    fn from(windows: Hopping) -> Self {
        Self::Time(windows.into())
    }
}

impl From<TimeWindows> for Windows {
    fn from(windows: TimeWindows) -> Self {
        Self::Time(windows)
    }
}

impl From<Sliding> for Windows {
    fn from(windows: Sliding) -> Self {
        Self::Sliding(windows)
    }
}

impl Windows {
    /// End - start of every window, milliseconds.
    pub(crate) fn size_ms(self) -> i64 {
        match self {
            Self::Time(windows) => windows.size_ms,
            Self::Sliding(windows) => windows.diff_ms,
        }
    }

    pub(crate) fn grace_ms(self) -> i64 {
        match self {
            Self::Time(windows) => windows.grace_ms,
            Self::Sliding(windows) => windows.grace_ms,
        }
    }

    /// How long rows must be kept, milliseconds.
    pub(crate) fn retention_ms(self) -> i64 {
        match self {
            Self::Time(windows) => windows.retention_ms(),
            Self::Sliding(windows) => windows.retention_ms(),
        }
    }

    /// How far behind the windows that a record in time enters the operator looks, milliseconds.
    pub(crate) fn looks_back_ms(self) -> i64 {
        match self {
            Self::Time(_) => 0,
            Self::Sliding(windows) => windows.diff_ms,
        }
    }

    /// A length of segments in which the windows that close within a short time lie close together, while the windows that
    /// one record touches are in few of them.
    pub(crate) fn closing_segment_ms(self) -> i64 {
        match self {
            Self::Time(windows) => windows.advance_ms,
            Self::Sliding(windows) => windows.diff_ms.max(1),
        }
    }

    /// Whether a window can begin within `first..=last`.
    pub(crate) fn any_start(self, first: i64, last: i64) -> bool {
        match self {
            Self::Time(windows) => windows.any_start(first, last),
            Self::Sliding(_) => last >= first.max(0),
        }
    }

    /// What is wrong with these lengths, if anything.
    pub(crate) fn problem(self) -> Option<String> {
        match self {
            Self::Time(windows) => windows.problem(),
            Self::Sliding(windows) => windows.problem(),
        }
    }
}
