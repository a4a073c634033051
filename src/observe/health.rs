//! Live and ready, with reasons.
//!
//! Live: the process can still do its work; when it is not, only a restart helps. Ready: every part does its work now;
//! when it is not, waiting may help. A quiet topic is neither.

use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

#[derive(Debug, Clone, PartialEq, Eq)]
enum Condition {
    Ready,
    Waiting(String),
    Failed(String),
}

/// The health of a process, made of named parts (an application, a worker, an exit). Shared by `Arc`.
#[derive(Debug, Default)]
pub struct Health {
    parts: Mutex<BTreeMap<String, Condition>>,
}

impl Health {
    /// `part` waits for something, said so that an operator knows what: `waiting for topic X`. Not ready, still live.
    pub fn waiting(&self, part: &str, reason: impl Into<String>) {
        self.change(part, Condition::Waiting(reason.into()));
    }

    /// `part` does its work.
    pub fn ready(&self, part: &str) {
        self.change(part, Condition::Ready);
    }

    /// `part` has stopped for good: neither live nor ready.
    pub fn failed(&self, part: &str, reason: impl Into<String>) {
        self.change(part, Condition::Failed(reason.into()));
    }

    /// `part` is gone and says nothing about the process any more.
    pub fn gone(&self, part: &str) {
        self.lock().remove(part);
    }

    /// Whether no part has failed.
    #[must_use]
    pub fn is_live(&self) -> bool {
        !self.lock().values().any(|condition| matches!(condition, Condition::Failed(_)))
    }

    /// Whether there are parts and all of them do their work.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        let parts = self.lock();
        !parts.is_empty() && parts.values().all(|condition| *condition == Condition::Ready)
    }

    /// `{"live": .., "failed": {part: reason}}`.
    #[must_use]
    pub fn live_report(&self) -> Value {
        let failed = self.reasons(|condition| match condition {
            Condition::Failed(reason) => Some(reason),
            Condition::Ready | Condition::Waiting(_) => None,
        });
        json!({"live": self.is_live(), "failed": failed})
    }

    /// `{"ready": .., "waiting": {part: reason}}`; a process that has not started yet waits under its own name.
    #[must_use]
    pub fn ready_report(&self) -> Value {
        let mut waiting = self.reasons(|condition| match condition {
            Condition::Ready => None,
            Condition::Waiting(reason) | Condition::Failed(reason) => Some(reason),
        });
        if self.lock().is_empty() {
            waiting.insert("process".into(), "nothing has started yet".into());
        }
        json!({"ready": self.is_ready(), "waiting": waiting})
    }

    fn reasons(&self, pick: fn(&Condition) -> Option<&String>) -> BTreeMap<String, String> {
        let parts = self.lock();
        parts.iter().filter_map(|(part, condition)| Some((part.clone(), pick(condition)?.clone()))).collect()
    }

    fn change(&self, part: &str, to: Condition) {
        // A failure is final: a worker that reports once more on its way out must not hide it.
        let mut parts = self.lock();
        if !matches!(parts.get(part), Some(Condition::Failed(_))) {
            parts.insert(part.to_owned(), to);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Condition>> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_ready_when_every_part_is_and_not_before_the_first_has_spoken() {
        let health = Health::default();
        assert!(health.is_live() && !health.is_ready());
        health.waiting("orders", "waiting for topic oracle-cdc.SALES.ORDERS");
        health.ready("velocity");
        assert!(!health.is_ready());
        let report = health.ready_report();
        assert_eq!(report["waiting"], json!({"orders": "waiting for topic oracle-cdc.SALES.ORDERS"}));
        health.ready("orders");
        assert!(health.is_ready());
    }

    #[test]
    fn a_failed_part_stays_failed_and_ends_liveness() {
        let health = Health::default();
        health.failed("orders", "fenced");
        health.ready("orders");
        assert!(!health.is_live() && !health.is_ready());
        assert_eq!(health.live_report(), json!({"live": false, "failed": {"orders": "fenced"}}));
    }
}
