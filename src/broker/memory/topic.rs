//! A topic: its partitions and its settings.

use std::collections::BTreeMap;

use super::log::PartitionLog;
use crate::broker::limits::Limits;
use crate::broker::{BrokerError, NewTopic};

/// Settings that a topic has when nobody set them.
const DEFAULTS: [(&str, &str); 3] =
    [("cleanup.policy", "delete"), ("retention.ms", "604800000"), ("max.message.bytes", "1048588")];

/// A topic of the cluster.
pub(super) struct Topic {
    pub(super) partitions: Vec<PartitionLog>,
    pub(super) settings: BTreeMap<String, String>,
}

impl Topic {
    /// Makes an empty topic; refuses what a broker would refuse.
    pub(super) fn new(wanted: &NewTopic) -> Result<Self, BrokerError> {
        let count = usize::try_from(wanted.partitions).ok().filter(|count| *count > 0).ok_or_else(|| {
            BrokerError::Fatal(format!("topic {} cannot have {} partitions", wanted.name, wanted.partitions))
        })?;
        let mut settings: BTreeMap<String, String> =
            DEFAULTS.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        settings.extend(wanted.settings.clone());
        Ok(Self { partitions: std::iter::repeat_with(PartitionLog::default).take(count).collect(), settings })
    }

    /// What it takes. Time has no limit by default: the clock here begins at 0.
    pub(super) fn limits(&self) -> Limits {
        Limits::of(|name| self.settings.get(name).map(String::as_str))
    }

    /// Whether keys are needed because the log is compacted.
    pub(super) fn is_compacted(&self) -> bool {
        self.settings.get("cleanup.policy").is_some_and(|policy| policy.contains("compact"))
    }

    /// Whether records may be deleted from its beginning.
    pub(super) fn is_deletable(&self) -> bool {
        self.settings.get("cleanup.policy").is_none_or(|policy| policy.contains("delete"))
    }

    /// One partition.
    pub(super) fn partition(&self, number: i32) -> Option<&PartitionLog> {
        self.partitions.get(usize::try_from(number).ok()?)
    }

    /// One partition, to write.
    pub(super) fn partition_mut(&mut self, number: i32) -> Option<&mut PartitionLog> {
        self.partitions.get_mut(usize::try_from(number).ok()?)
    }

    /// Compacts all partitions, except what is younger than `min.compaction.lag.ms`.
    pub(super) fn compact(&mut self, now_ms: i64) {
        let lag_ms: i64 =
            self.settings.get("min.compaction.lag.ms").and_then(|text| text.parse().ok()).unwrap_or(0);
        let before = if lag_ms > 0 { now_ms.saturating_sub(lag_ms) } else { i64::MAX };
        self.partitions.iter_mut().for_each(|log| log.compact(before));
    }
}
