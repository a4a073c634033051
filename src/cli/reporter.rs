//! The runtime's events, told to metrics, health and log.

use super::Running;
use crate::{
    observe::{
        TaskState,
        events::{CommitFailed, RestoreProgress, TaskChanged},
    },
    runtime::{Event, Observer},
};
use std::time::Duration;
use tracing::{error, info, warn};

/// Watches one application of a process.
#[derive(Debug, Clone)]
pub struct Reporter {
    running: Running,
}

impl Reporter {
    /// A watcher that reports under the application's name.
    #[must_use]
    pub fn new(running: Running) -> Self {
        Self { running }
    }

    fn part(&self, part: &str) -> String {
        format!("{}/{part}", self.running.name)
    }

    /// The application's own "starting" ends as soon as its parts speak for themselves.
    fn started(&self) {
        self.running.health.gone(&self.running.name);
    }

    fn task_health(&self, task: &str, state: Option<TaskState>) {
        let (health, part) = (&self.running.health, self.part(&format!("task {task}")));
        match state {
            None => health.gone(&part),
            Some(TaskState::Running) => health.ready(&part),
            Some(state) => health.waiting(&part, state.as_str()),
        }
    }
}

impl Observer for Reporter {
    fn event(&self, event: &Event<'_>) {
        let Running { name, metrics, health, .. } = &self.running;
        let application = name.as_str();
        match *event {
            Event::Waiting { part, reason } => {
                info!(application, part, reason, "waiting");
                self.started();
                health.waiting(&self.part(part), reason);
            }
            Event::Ready { part } => {
                info!(application, part, "ready");
                self.started();
                health.ready(&self.part(part));
            }
            Event::Task { task, from, to } => {
                let task = task.to_string();
                TaskChanged { application, task: &task, from, to }.emit(metrics);
                self.task_health(&task, to);
            }
            Event::Restore { task, restored, took_ms, remaining } => {
                RestoreProgress {
                    application,
                    task: &task.to_string(),
                    restored,
                    took: millis(took_ms),
                    remaining,
                }
                .emit(metrics);
            }
            Event::Processed { partition, count } => {
                metrics.records_consumed.with(&[application, &partition.topic]).add(count);
            }
            Event::Produced { topic, count } => {
                metrics.records_produced.with(&[application, topic]).add(count)
            }
            Event::Committed { took_ms, .. } => {
                metrics.commits.with(&[application]).add(1);
                metrics.commit_seconds.with(&[application]).observe(millis(took_ms));
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
                    topic, bytes, "a record too large to be written became a dead letter without its value"
                );
            }
            Event::Warning { message } => warn!(application, "{message}"),
            Event::Failed { error } => {
                error!(application, error, "the application has ended");
                health.failed(application, error);
            }
        }
    }
}

fn millis(took_ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(took_ms).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::TaskId;

    #[test]
    fn what_the_runtime_says_shows_in_metrics_and_health() {
        let running = Running {
            name: "orders".into(),
            stop: Default::default(),
            metrics: Default::default(),
            health: Default::default(),
        };
        running.health.waiting("orders", "starting");
        let reporter = Reporter::new(running.clone());
        reporter.event(&Event::Waiting { part: "group", reason: "waiting for topic in" });
        assert!(running.health.is_live() && !running.health.is_ready());
        reporter.event(&Event::Ready { part: "group" });
        assert!(running.health.is_ready());
        let task = TaskId { sub_topology: 0, partition: 3 };
        reporter.event(&Event::Task { task, from: None, to: Some(TaskState::Restoring) });
        assert_eq!(running.health.ready_report()["waiting"]["orders/task 0_3"], "restoring");
        reporter.event(&Event::Restore { task, restored: 500, took_ms: 250, remaining: 100 });
        reporter.event(&Event::Produced { topic: "out", count: 7 });
        reporter.event(&Event::Committed { worker: 0, took_ms: 6 });
        let page = running.metrics.render();
        for line in [
            "topo_records_produced_total{application=\"orders\",topic=\"out\"} 7",
            "topo_tasks{application=\"orders\",state=\"restoring\"} 1",
            "topo_restore_remaining_records{application=\"orders\",task=\"0_3\"} 100",
            "topo_restore_records_per_second{application=\"orders\",task=\"0_3\"} 2000",
            "topo_commit_seconds_bucket{application=\"orders\",le=\"0.01\"} 1",
        ] {
            assert!(page.contains(line), "{line} is not in\n{page}");
        }
        reporter.event(&Event::Failed { error: "fenced" });
        assert!(!running.health.is_live());
    }
}
