//! The observer of a real process: events become metrics, health and log lines.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tracing::{error, info, warn};

use super::observer::{Event, Observer};
use crate::observe::events::{CommitFailed, RecordsFailed, RestoreProgress, TaskChanged};
use crate::observe::{Health, Histogram, Metrics};
use crate::processor::LeftOut;

/// Writes what happens in one application to the process's metrics and health.
#[derive(Clone, Debug)]
pub struct Reporter {
    application: String,
    metrics: Arc<Metrics>,
    health: Arc<Health>,
    /// Kept, because it is moved with every step.
    process_seconds: OnceLock<Arc<Histogram>>,
}

impl Reporter {
    /// For the application of this name.
    pub fn new(application: impl Into<String>, metrics: Arc<Metrics>, health: Arc<Health>) -> Self {
        Self { application: application.into(), metrics, health, process_seconds: OnceLock::new() }
    }

    /// The group's part of an application is the application; the others have names of their own.
    fn part(&self, part: &str) -> String {
        if part == "group" { self.application.clone() } else { format!("{} {part}", self.application) }
    }

    fn process_seconds(&self) -> &Histogram {
        self.process_seconds.get_or_init(|| self.metrics.process_seconds.with(&[&self.application]))
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
            Event::LagGone { partition } => {
                let number = partition.number.to_string();
                metrics.consumer_lag.forget(&[application, &partition.topic, &number]);
            }
            Event::LeftOut { how, topic, reason, count } => {
                let family = match how {
                    LeftOut::Dropped => &metrics.records_dropped,
                    LeftOut::Skipped => &metrics.records_skipped,
                    LeftOut::DeadLettered => &metrics.records_dead_lettered,
                };
                family.with(&[application, topic, reason]).add(count);
            }
            Event::RecordsFailed { how, topic, place, reason, message, count } => {
                let skipped = how == LeftOut::Skipped;
                RecordsFailed { application, topic, place, error: reason, message, count, skipped }.emit();
            }
            Event::Buffered { task, bytes } => {
                let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
                metrics.store_buffered.with(&[application, &task.to_string()]).set(bytes);
            }
            Event::Stepped { took } => self.process_seconds().observe(took),
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
