//! Which partition a record goes to. Of topics that are chosen per record nobody knew at the start how many there are: the
//! coordinator is asked, and the record waits for its answer, with all that stand behind it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::plan::Plan;
use crate::fault::Reason;
use crate::partitioner::Partitioner;
use crate::processor::Emitted;

/// After this long a topic that was missing is asked for again, milliseconds.
const MISSING_MS: i64 = 10_000;

/// Places records.
#[derive(Default)]
pub(super) struct Placing {
    partitioner: Partitioner,
    /// Topics that the plan does not name.
    others: BTreeMap<Arc<str>, Known>,
    /// Those to ask for.
    wanted: Vec<Arc<str>>,
}

/// What is known of a topic.
enum Known {
    /// How many partitions it has.
    Count(i32),
    /// It was not there; good until then.
    Missing { until: i64 },
    /// The coordinator has not answered yet.
    Asked,
}

/// Where a record goes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Placed {
    /// To the partition that is set in it now.
    Fixed,
    /// To each of these; none = it is dropped.
    Each(Vec<i32>),
    /// Nowhere: it cannot be written.
    Refused(Reason),
    /// Not known yet.
    Later,
}

impl Placing {
    /// Fixes the partition once, so that a full queue does not move a record without key to another one.
    pub(super) fn place(&mut self, record: &mut Emitted, plan: &Plan, now: i64) -> Placed {
        if record.partition.is_some() {
            return Placed::Fixed;
        }
        let count = match self.known(&record.topic, plan, now) {
            Known::Count(count) => count,
            Known::Asked => return Placed::Later,
            Known::Missing { .. } => {
                let message =
                    format!("topic {}, which was chosen for this record, does not exist", record.topic);
                return Placed::Refused(Reason { error_type: "UNKNOWN_TOPIC".into(), message });
            }
        };
        match record.chooser.as_ref().map(|chooser| chooser.among(count)) {
            Some(Ok(Some(partitions))) => return Placed::Each(partitions),
            Some(Err(reason)) => return Placed::Refused(reason),
            Some(Ok(None)) | None => {}
        }
        let hashed = record.key.as_deref().map(|key| &key[..key.len().saturating_sub(record.unhashed)]);
        record.partition = Some(self.partitioner.place(hashed, count));
        Placed::Fixed
    }

    fn known(&mut self, topic: &Arc<str>, plan: &Plan, now: i64) -> Known {
        if let Some(count) = plan.partitions(topic) {
            return Known::Count(count);
        }
        match self.others.get(topic) {
            Some(Known::Count(count)) => Known::Count(*count),
            Some(Known::Missing { until }) if now < *until => Known::Missing { until: *until },
            Some(Known::Asked) => Known::Asked,
            Some(Known::Missing { .. }) | None => {
                self.wanted.push(topic.clone());
                self.others.insert(topic.clone(), Known::Asked);
                Known::Asked
            }
        }
    }

    /// Topics the coordinator has to be asked for, each once.
    pub(super) fn take_wanted(&mut self) -> Vec<Arc<str>> {
        std::mem::take(&mut self.wanted)
    }

    /// The answer.
    pub(super) fn learn(&mut self, topic: Arc<str>, count: Option<i32>, now: i64) {
        let known = count.map_or(Known::Missing { until: now.saturating_add(MISSING_MS) }, Known::Count);
        self.others.insert(topic, known);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Headers;

    fn record() -> Emitted {
        Emitted {
            topic: "chosen".into(),
            partition: None,
            chooser: None,
            unhashed: 0,
            key: Some(b"key".to_vec()),
            value: None,
            timestamp: 0,
            headers: Headers::new(),
        }
    }

    #[test]
    fn a_topic_nobody_named_is_asked_for_once_and_its_records_wait_for_the_answer() {
        let (mut placing, plan) = (Placing::default(), Plan::default());
        assert_eq!(placing.place(&mut record(), &plan, 0), Placed::Later);
        assert_eq!(placing.place(&mut record(), &plan, 1), Placed::Later);
        assert_eq!(placing.take_wanted(), [Arc::from("chosen")]);
        placing.learn("chosen".into(), Some(1), 2);
        let mut placed = record();
        assert_eq!((placing.place(&mut placed, &plan, 2), placed.partition), (Placed::Fixed, Some(0)));
        assert_eq!(placing.take_wanted().len(), 0);
    }

    #[test]
    fn a_topic_that_was_missing_is_asked_for_again_later() {
        let (mut placing, plan) = (Placing::default(), Plan::default());
        placing.place(&mut record(), &plan, 0);
        placing.take_wanted();
        placing.learn("chosen".into(), None, 0);
        assert!(matches!(placing.place(&mut record(), &plan, MISSING_MS - 1), Placed::Refused(_)));
        assert_eq!(placing.take_wanted().len(), 0);
        assert_eq!(placing.place(&mut record(), &plan, MISSING_MS), Placed::Later);
        assert_eq!(placing.take_wanted().len(), 1);
    }
}
