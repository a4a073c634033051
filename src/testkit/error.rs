//! What a driver says when it cannot do as told.

use topo_state::{CodecError, StateError};

use crate::task::TaskError;

/// What went wrong in a test.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DriverError {
    /// The outside world said no for now ([`Fault::Retry`](crate::Fault::Retry)). Everything since the last commit was
    /// rolled back; [`Driver::run`](super::Driver::run) tries again.
    #[error("{0}")]
    Retry(String),
    /// A fault stopped the task. Everything since the last commit was rolled back.
    #[error("{0}")]
    Stopped(String),
    /// A store failed.
    #[error("{0}")]
    State(#[from] StateError),
    /// A key or value does not fit its codec.
    #[error("topic {topic}: {detail}")]
    Codec {
        /// The topic.
        topic: String,
        /// What did not fit.
        detail: String,
    },
    /// Nobody reads this topic.
    #[error("the topology does not read topic {topic:?}; it reads {}", known.join(", "))]
    UnknownTopic {
        /// The topic.
        topic: String,
        /// Topics it does read.
        known: Vec<String>,
    },
    /// There is no such store, or not of these types.
    #[error("store {store:?}: {why}")]
    Store {
        /// The store.
        store: String,
        /// What is wrong.
        why: String,
    },
    /// The task is gone.
    #[error("the task has crashed; call `restore` or `reopen` first")]
    Crashed,
    /// The state directory cannot be removed.
    #[error("removing the state directory: {0}")]
    Io(#[from] std::io::Error),
    /// The engine contradicts itself.
    #[error("{0}")]
    Bug(String),
}

impl DriverError {
    pub(super) fn codec(topic: &str, error: &CodecError) -> Self {
        Self::Codec { topic: topic.to_owned(), detail: error.to_string() }
    }
}

impl From<TaskError> for DriverError {
    fn from(error: TaskError) -> Self {
        let text = error.to_string();
        match error {
            TaskError::Retry { .. } => Self::Retry(text),
            TaskError::Stop { .. } => Self::Stopped(text),
            TaskError::State { source, .. } => Self::State(source),
            TaskError::Misused { .. } => Self::Bug(text),
        }
    }
}
