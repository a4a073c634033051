//! What is worth a log line, as types. Emitting one writes its line and moves its metrics, so the two never disagree.
//!
//! Per-record work is counted through handles of [`Metrics`] and never logged; an event is rare by nature.

use super::{Metrics, TaskState};
use std::time::Duration;
use tracing::{info, warn};

/// A task changed its state.
#[derive(Debug, Clone, Copy)]
pub struct TaskChanged<'a> {
    /// The application.
    pub application: &'a str,
    /// The task, `<sub-topology>_<partition>`.
    pub task: &'a str,
    /// The state it leaves; none when it is new here.
    pub from: Option<TaskState>,
    /// The state it enters; none when it leaves this process.
    pub to: Option<TaskState>,
}

impl TaskChanged<'_> {
    /// Logs the change and keeps the count of tasks by state.
    pub fn emit(self, metrics: &Metrics) {
        let Self { application, task, from, to } = self;
        let name = |state: Option<TaskState>| state.map_or("none", TaskState::as_str);
        info!(application, task, from = name(from), to = name(to), "task changed state");
        for (state, change) in [(from, -1), (to, 1)] {
            if let Some(state) = state {
                metrics.tasks.with(&[application, state.as_str()]).add(change);
            }
        }
        if to.is_none() {
            metrics.restore_remaining.forget(&[application, task]);
            metrics.restore_rate.forget(&[application, task]);
            metrics.restore_seconds.forget(&[application, task]);
            metrics.standby_lag.forget(&[application, task]);
            metrics.store_buffered.forget(&[application, task]);
        }
    }
}

/// A restore began, went on or ended.
#[derive(Debug, Clone, Copy)]
pub struct RestoreProgress<'a> {
    /// The application.
    pub application: &'a str,
    /// The task.
    pub task: &'a str,
    /// Records restored since the last report.
    pub restored: u64,
    /// Time since the last report.
    pub took: Duration,
    /// Changelog offsets still to pass; 0 is the end.
    pub remaining: u64,
}

impl RestoreProgress<'_> {
    /// Records per second since the last report.
    #[must_use]
    pub fn rate(&self) -> u64 {
        let micros = u64::try_from(self.took.as_micros()).unwrap_or(u64::MAX).max(1);
        self.restored.saturating_mul(1_000_000) / micros
    }

    /// Seconds it will still take at this rate; none while nothing moves.
    #[must_use]
    pub fn seconds_left(&self) -> Option<u64> {
        if self.remaining == 0 { Some(0) } else { self.remaining.checked_div(self.rate()) }
    }

    /// Logs how far it is and how long it will still take at this rate.
    pub fn emit(self, metrics: &Metrics) {
        let Self { application, task, restored, remaining, .. } = self;
        let rate = self.rate();
        metrics.restored_records.with(&[application]).add(restored);
        metrics
            .restore_remaining
            .with(&[application, task])
            .set(i64::try_from(remaining).unwrap_or(i64::MAX));
        metrics.restore_rate.with(&[application, task]).set(i64::try_from(rate).unwrap_or(i64::MAX));
        if let Some(seconds) = self.seconds_left() {
            let left = i64::try_from(seconds).unwrap_or(i64::MAX);
            metrics.restore_seconds.with(&[application, task]).set(left);
        }
        if remaining == 0 {
            info!(application, task, restored, rate, "restore complete");
        } else {
            let eta_s = self.seconds_left();
            info!(application, task, restored, remaining, rate, eta_s, "restore goes on");
        }
    }
}

/// A commit was refused or failed; its work was rolled back and will be done again.
#[derive(Debug, Clone, Copy)]
pub struct CommitFailed<'a> {
    /// The application.
    pub application: &'a str,
    /// A short word for the metric: `fenced`, `stale_member`, `timeout`, `state`.
    pub reason: &'a str,
    /// The whole error.
    pub error: &'a str,
}

impl CommitFailed<'_> {
    /// Logs and counts the failure.
    pub fn emit(self, metrics: &Metrics) {
        let Self { application, reason, error } = self;
        warn!(application, reason, error, "commit failed and was rolled back");
        metrics.commit_failures.with(&[application, reason]).add(1);
    }
}

/// Records could not be processed; they are counted elsewhere, one by one. This is for the log, and rare.
#[derive(Debug, Clone, Copy)]
pub struct RecordsFailed<'a> {
    /// The application.
    pub application: &'a str,
    /// Topic of the records.
    pub topic: &'a str,
    /// Partition and offset of one of them.
    pub place: Option<(i32, i64)>,
    /// A short word for what was wrong, as in the header `dlq.error.type`.
    pub error: &'a str,
    /// What was wrong with that one.
    pub message: &'a str,
    /// How many there were since this was last said.
    pub count: u64,
    /// Whether they were skipped, instead of going to the dead-letter topic.
    pub skipped: bool,
}

impl RecordsFailed<'_> {
    /// Logs what became of them, and where one of them stood.
    pub fn emit(self) {
        let Self { application, topic, place, error, message, count, skipped } = self;
        let (partition, offset) = place.unzip();
        let became = if skipped { "were skipped" } else { "went to the dead-letter topic" };
        warn!(
            application,
            topic,
            partition,
            offset,
            error,
            detail = message,
            count,
            "records failed and {became}"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_by_state_add_up_through_a_life() {
        let metrics = Metrics::default();
        let change = |from, to| TaskChanged { application: "orders", task: "0_0", from, to }.emit(&metrics);
        let count = |state: TaskState| metrics.tasks.with(&["orders", state.as_str()]).value();
        change(None, Some(TaskState::Restoring));
        assert_eq!((count(TaskState::Restoring), count(TaskState::Running)), (1, 0));
        change(Some(TaskState::Restoring), Some(TaskState::Running));
        assert_eq!((count(TaskState::Restoring), count(TaskState::Running)), (0, 1));
        change(Some(TaskState::Running), None);
        assert_eq!((count(TaskState::Restoring), count(TaskState::Running)), (0, 0));
    }

    #[test]
    fn the_rate_of_a_restore_survives_an_instant_and_an_age() {
        let progress =
            |restored, took| RestoreProgress { application: "a", task: "t", restored, took, remaining: 1 };
        assert_eq!(progress(500, Duration::from_millis(500)).rate(), 1_000);
        assert_eq!(progress(0, Duration::ZERO).rate(), 0);
        assert_eq!(progress(u64::MAX, Duration::MAX).rate(), 1);
    }
}
