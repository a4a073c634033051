//! How far the group is on every input partition.

use super::reading::{patiently, reader};
use crate::{broker::BrokerError, record::Partition, runtime::Outside};
use serde::Serialize;
use std::collections::BTreeMap;

/// One input partition as `topo lag` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LagRow {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The task that reads it.
    pub task: String,
    /// The next offset the group will read; none before its first commit.
    pub committed: Option<i64>,
    /// Where the partition ends for a read-committed reader.
    pub end: i64,
    /// Offsets between the two, from the beginning of the partition before the first commit.
    pub lag: i64,
}

/// Asks the broker about every input of every task.
pub(crate) fn lag(outside: &Outside) -> Result<Vec<LagRow>, BrokerError> {
    let shared = &outside.shared;
    let mut reader = reader(shared.broker.as_ref(), Some(shared.application()))?;
    let mut rows = Vec::new();
    for (task, name) in outside.tasks() {
        let inputs = outside.plan.subs[task.sub_topology].inputs.iter();
        let exists = |topic: &str| outside.plan.partitions(topic).is_none_or(|count| task.partition < count);
        let partitions: Vec<Partition> = inputs
            .filter(|input| exists(&input.topic))
            .map(|input| Partition::new(input.topic.clone(), task.partition))
            .collect();
        let committed = patiently(|| reader.committed(&partitions))?;
        for (partition, committed) in partitions.into_iter().zip(committed) {
            let marks = match patiently(|| reader.watermarks(&partition)) {
                // An internal topic of an application that never ran.
                Err(BrokerError::UnknownTopic { .. }) => continue,
                marks => marks?,
            };
            let committed = committed.map(|it| it.offset);
            let lag = (marks.high - committed.unwrap_or(marks.low).max(marks.low)).max(0);
            let topic = partition.topic.to_string();
            rows.push(LagRow {
                topic,
                partition: partition.number,
                task: name.clone(),
                committed,
                end: marks.high,
                lag,
            });
        }
    }
    rows.sort_by(|a, b| (&a.topic, a.partition).cmp(&(&b.topic, b.partition)));
    Ok(rows)
}

/// Lag per task.
pub(crate) fn per_task(rows: &[LagRow]) -> BTreeMap<&str, i64> {
    let mut sums = BTreeMap::new();
    for row in rows {
        *sums.entry(row.task.as_str()).or_default() += row.lag;
    }
    sums
}
