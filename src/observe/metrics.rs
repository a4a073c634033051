//! Every metric of the engine, by name. This file is the list an operator asks for.

use super::{Counter, Family, Gauge, Histogram, process};

/// States a task can be in, as the label `state` of `topo_tasks` says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum TaskState {
    /// Its stores are being brought up to date; it takes no input yet.
    Restoring,
    /// It processes.
    Running,
    /// It waits for something outside, such as a topic that does not exist.
    Waiting,
    /// It runs elsewhere; its stores follow the changelogs here, ready to take over.
    Standby,
}

impl TaskState {
    /// The label value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Restoring => "restoring",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Standby => "standby",
        }
    }
}

macro_rules! metrics {
    ($($(#[doc = $help:literal])+ $field:ident: $kind:ty = $name:literal [$($label:literal),*];)+) => {
        /// The metrics of one process, shared by `Arc`. Each field is a family; its label names stand behind its name.
        #[derive(Debug)]
        pub struct Metrics { $($(#[doc = $help])+ pub $field: Family<$kind>,)+ }

        impl Default for Metrics {
            fn default() -> Self {
                Self { $($field: Family::new($name, concat!($($help),+).trim_ascii(), &[$($label),*]),)+ }
            }
        }

        impl Metrics {
            /// All series in Prometheus' text format 0.0.4, the process's own vitals last.
            #[must_use]
            pub fn render(&self) -> String {
                let mut out = String::new();
                $(self.$field.write(&mut out);)+
                process::write(&mut out);
                out
            }

            /// Name, type and labels of every metric, for the manual.
            #[must_use]
            pub fn reference() -> String {
                let mut page = String::from("| metric | labels | meaning |\n|---|---|---|\n");
                $(page.push_str(&format!("| `{}` | {} | {} |\n", $name, [$($label),*].join(", "), concat!($($help),+).trim_ascii()));)+
                page
            }
        }
    };
}

metrics! {
    /// Records read from input and repartition topics.
    records_consumed: Counter = "topo_records_consumed_total" ["application", "topic"];
    /// Records written, changelogs and dead letters included.
    records_produced: Counter = "topo_records_produced_total" ["application", "topic"];
    /// Records an operator left out by its own rule, such as a null key or a closed window.
    records_dropped: Counter = "topo_records_dropped_total" ["application", "topic", "reason"];
    /// Records that are not data, such as heartbeats and tombstones, or failed where the policy says skip.
    records_skipped: Counter = "topo_records_skipped_total" ["application", "topic", "reason"];
    /// Records that went to the dead-letter topic.
    records_dead_lettered: Counter = "topo_records_dead_lettered_total" ["application", "topic", "error"];
    /// Commits that succeeded.
    commits: Counter = "topo_commits_total" ["application"];
    /// Commits that were refused or failed, and were rolled back.
    commit_failures: Counter = "topo_commit_failures_total" ["application", "reason"];
    /// Time from the first step of a commit to its last.
    commit_seconds: Histogram = "topo_commit_seconds" ["application"];
    /// Time one bounded step of a worker took that moved something; waiting for records is not part of it.
    process_seconds: Histogram = "topo_process_seconds" ["application"];
    /// Tasks of this process by state.
    tasks: Gauge = "topo_tasks" ["application", "state"];
    /// Changelog records that were restored.
    restored_records: Counter = "topo_restored_records_total" ["application"];
    /// Changelog offsets still to pass before the task is ready.
    restore_remaining: Gauge = "topo_restore_remaining_records" ["application", "task"];
    /// Rate of the restore since the last report.
    restore_rate: Gauge = "topo_restore_records_per_second" ["application", "task"];
    /// Seconds until the restore is over, at the rate since the last report.
    restore_seconds: Gauge = "topo_restore_seconds_left" ["application", "task"];
    /// Changelog offsets that a standby's stores are behind.
    standby_lag: Gauge = "topo_standby_lag_records" ["application", "task"];
    /// Committed end of the partition less the task's position.
    consumer_lag: Gauge = "topo_consumer_lag_records" ["application", "topic", "partition"];
    /// Bytes of state that the task held back when its last commit began.
    store_buffered: Gauge = "topo_store_buffered_bytes" ["application", "task"];
    /// Rebalances this process went through.
    rebalances: Counter = "topo_rebalances_total" ["application"];
    /// Rows an exit has delivered to the outside.
    delivered: Counter = "topo_exit_delivered_total" ["application"];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_nobody_moved_is_not_shown_and_a_moved_one_is_shown_with_its_help() {
        let metrics = Metrics::default();
        metrics.records_consumed.with(&["orders", "in"]).add(3);
        metrics.tasks.with(&["orders", TaskState::Running.as_str()]).set(2);
        let page = metrics.render();
        assert!(
            page.contains(
                "# HELP topo_records_consumed_total Records read from input and repartition topics.\n"
            ),
            "{page}"
        );
        assert!(page.contains("# TYPE topo_records_consumed_total counter\n"), "{page}");
        assert!(
            page.contains("topo_records_consumed_total{application=\"orders\",topic=\"in\"} 3\n"),
            "{page}"
        );
        assert!(page.contains("topo_tasks{application=\"orders\",state=\"running\"} 2\n"), "{page}");
        assert!(!page.contains("topo_commits_total"), "{page}");
    }
}
