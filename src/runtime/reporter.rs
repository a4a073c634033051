//! The observer of a real process: events become metrics, health and log lines.

use std::sync::Arc;
use std::time::Duration;

use tracing::{error, info, warn};

use super::observer::{Event, Observer};
use crate::observe::events::{CommitFailed, RestoreProgress, TaskChanged};
use crate::observe::{Health, Metrics};

/// Writes what happens in one application to the process's metrics and health.
#[derive(Clone, Debug)]
pub struct Reporter {
    application: String,
    metrics: Arc<Metrics>,
    health: Arc<Health>,
}

impl Reporter {
    /// For the application of this name.
    pub fn new(application: impl Into<String>, metrics: Arc<Metrics>, health: Arc<Health>) -> Self {
        Self { application: application.into(), metrics, health }
    }

    /// The group's part of an application is the application; the others have names of their own.
    fn part(&self, part: &str) -> String {
        if part == "group" { self.application.clone() } else { format!("{} {part}", self.application) }
    }

    fn waiting(&self, part: &str, reason: &str) {
        info!(application = self.application, part, reason, "waiting");
        self.health.waiting(&self.part(part), reason);
    }

    fn ready(&self, part: &str) {
        info!(application = self.application, part, "ready");
        if part == "group" {
            self.health.ready(&self.application);
        } else {
            self.health.gone(&self.part(part));
        }
    }

    fn restore(&self, task: &str, restored: u64, took_ms: i64, remaining: u64) {
        let took = Duration::from_millis(u64::try_from(took_ms).unwrap_or(0));
        let application = &self.application;
        RestoreProgress { application, task, restored, took, remaining }.emit(&self.metrics);
    }
}

impl Observer for Reporter {
    fn event(&self, event: &Event<'_>) {
        let application = self.application.as_str();
        let metrics = &self.metrics;
        match *event {
            Event::Waiting { part, reason } => self.waiting(part, reason),
            Event::Ready { part } => self.ready(part),
            Event::Task { task, from, to } => {
                TaskChanged { application, task: &task.to_string(), from, to }.emit(metrics);
            }
            Event::Restore { task, restored, took_ms, remaining } => {
                self.restore(&task.to_string(), restored, took_ms, remaining);
            }
            Event::Standby { task, lag } => {
                let lag = i64::try_from(lag).unwrap_or(i64::MAX);
                metrics.standby_lag.with(&[application, &task.to_string()]).set(lag);
            }
            Event::Processed { partition, count } => {
                metrics.records_consumed.with(&[application, &partition.topic]).add(count);
            }
            Event::Produced { topic, count } => {
                metrics.records_produced.with(&[application, topic]).add(count)
            }
            Event::Committed { took_ms, .. } => {
                metrics.commits.with(&[application]).add(1);
                let took = Duration::from_millis(u64::try_from(took_ms).unwrap_or(0));
                metrics.commit_seconds.with(&[application]).observe(took);
            }
            Event::CommitFailed { reason, error, .. } => {
                CommitFailed { application, reason, error }.emit(metrics)
            }
            Event::Lag { partition, records } => {
                let number = partition.number.to_string();
                metrics.consumer_lag.with(&[application, &partition.topic, &number]).set(records);
            }
            Event::Truncated { topic, bytes } => {
                warn!(
                    application,
                    topic, bytes, "record too large; it becomes a dead letter without its value"
                );
                metrics.records_dead_lettered.with(&[application, topic, "RECORD_TOO_LARGE"]).add(1);
            }
            Event::Rebalanced => metrics.rebalances.with(&[application]).add(1),
            Event::Warning { message } => warn!(application, "{message}"),
            Event::Failed { error } => {
                error!(application, error, "the application ends");
                self.health.failed(application, error);
            }
            Event::Stopped => info!(application, "stopped"),
        }
    }
}
