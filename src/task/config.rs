//! What a task is told beside its topology.

use std::sync::Arc;

use crate::fault::FaultPolicy;

/// Settings of a task.
#[derive(Clone, Debug)]
pub(crate) struct TaskConfig {
    /// What becomes of a record whose bytes cannot be decoded.
    pub(crate) deserialization: FaultPolicy,
    /// What becomes of a record that a processor refuses for good.
    pub(crate) processing: FaultPolicy,
    /// Where dead letters go.
    pub(crate) dead_letter_topic: Arc<str>,
    /// Who runs the task; stands in dead letters.
    pub(crate) consumer: Arc<str>,
}

impl TaskConfig {
    /// Dead letters for whatever fails, in `<application>-dead-letters`.
    pub(crate) fn new(application: &str) -> Self {
        Self {
            deserialization: FaultPolicy::DeadLetter,
            processing: FaultPolicy::DeadLetter,
            dead_letter_topic: format!("{application}-dead-letters").into(),
            consumer: application.into(),
        }
    }
}
