//! What went wrong with one record, and what to do about it.

use std::borrow::Cow;
use std::fmt;

/// Type of the fault of a store whose bytes are corrupt: the runtime moves its directory aside and rebuilds it.
pub(crate) const STATE_DAMAGED: &str = "STATE_DAMAGED";

/// The reaction to a record that could not be processed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// This record can never succeed: write it to the dead-letter topic and go on.
    #[error("poison record: {0}")]
    Poison(Reason),
    /// The outside world said no for now: back off and try the same record again.
    #[error("cannot go on for now: {0}")]
    Retry(Reason),
    /// Nothing more can be processed safely: stop the task and say why.
    #[error("fatal: {0}")]
    Fatal(Reason),
}

/// Why: a stable type for machines, a sentence for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// Stable upper-case name, written to the header `dlq.error.type`, e.g. `MALFORMED_JSON`.
    pub error_type: Cow<'static, str>,
    /// What was wrong, where, with what value.
    pub message: String,
}

impl fmt::Display for Reason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.error_type, self.message)
    }
}

/// What becomes of a record that can never succeed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FaultPolicy {
    /// Write it to the dead-letter topic and go on.
    #[default]
    DeadLetter,
    /// Count it and go on.
    Skip,
    /// Stop the application and say why.
    Stop,
}

impl Fault {
    /// A record that can never succeed.
    pub fn poison(error_type: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self::Poison(Reason { error_type: error_type.into(), message: message.into() })
    }

    /// A condition that ends the task.
    pub fn fatal(error_type: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self::Fatal(Reason { error_type: error_type.into(), message: message.into() })
    }

    /// The reason, whatever the reaction.
    pub fn reason(&self) -> &Reason {
        match self {
            Self::Poison(reason) | Self::Retry(reason) | Self::Fatal(reason) => reason,
        }
    }
}

/// A store that fails has lost its disk or its integrity: no record can be processed safely any more.
impl From<topo_state::StateError> for Fault {
    fn from(error: topo_state::StateError) -> Self {
        let error_type = if error.is_damage() { STATE_DAMAGED } else { "STATE_STORE" };
        Self::fatal(error_type, error.to_string())
    }
}
