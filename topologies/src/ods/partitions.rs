//! The partitions this process reads: which, from where, and how far.

use std::collections::BTreeMap;
use std::sync::Arc;

use topo::Partition;
use topo::broker::{Assignment, Broker, BrokerError, Consumer, ConsumerConfig, Isolation, StartOffset};

use super::database::Database;
use super::error::OdsError;

/// Reads the exit's topic with the offsets of the database.
pub(super) struct Partitions {
    topic: Arc<str>,
    group: String,
    consumer: Box<dyn Consumer>,
    /// Per partition, the next offset the database knows of.
    pub(super) applied: BTreeMap<i32, i64>,
}

impl Partitions {
    pub(super) fn open(
        broker: &dyn Broker,
        topic: &str,
        group: &str,
        client_id: &str,
    ) -> Result<Self, BrokerError> {
        let consumer = broker.consumer(&ConsumerConfig {
            client_id: format!("{client_id}-reader"),
            group: Some(group.to_owned()),
            isolation: Isolation::ReadCommitted,
            buffer_bytes: 16 << 20,
        })?;
        Ok(Self { topic: topic.into(), group: group.to_owned(), consumer, applied: BTreeMap::new() })
    }

    pub(super) fn consumer(&mut self) -> &mut dyn Consumer {
        &mut *self.consumer
    }

    /// Starts to read more partitions where the database says.
    pub(super) fn add(&mut self, numbers: &[i32], database: &mut Database) -> Result<(), OdsError> {
        let mut first = BTreeMap::new();
        for number in numbers {
            let marks = self.consumer.watermarks(&self.partition(*number))?;
            first.insert(*number, marks.low);
        }
        let begin = database.begin(&first)?;
        let assignment = |(number, offset): (&i32, &i64)| Assignment {
            partition: self.partition(*number),
            start: StartOffset::At(*offset),
            slot: usize::try_from(*number).unwrap_or_default(),
        };
        let assignments: Vec<Assignment> = begin.iter().map(assignment).collect();
        self.consumer.assign(&assignments)?;
        self.applied.extend(begin);
        Ok(())
    }

    /// Stops reading partitions.
    pub(super) fn remove(&mut self, numbers: &[i32]) -> Result<(), BrokerError> {
        let held: Vec<i32> =
            numbers.iter().copied().filter(|number| self.applied.contains_key(number)).collect();
        self.applied.retain(|number, _| !held.contains(number));
        let gone: Vec<Partition> = held.iter().map(|number| self.partition(*number)).collect();
        if gone.is_empty() { Ok(()) } else { self.consumer.unassign(&gone) }
    }

    /// Goes to where the database is, after somebody else moved it or a batch was dropped.
    pub(super) fn follow(&mut self, stored: &BTreeMap<i32, i64>) -> Result<(), BrokerError> {
        for (number, offset) in stored {
            if let Some(applied) = self.applied.get_mut(number) {
                *applied = *offset;
                let partition = Partition::new(self.topic.clone(), *number);
                self.consumer.seek(&partition, *offset)?;
            }
        }
        Ok(())
    }

    pub(super) fn partition(&self, number: i32) -> Partition {
        Partition::new(self.topic.clone(), number)
    }

    /// The broker's word for an offset that is gone, in the words of the exit.
    pub(super) fn named(&self, error: BrokerError) -> OdsError {
        match error {
            BrokerError::OffsetOutOfRange { partition, offset } => OdsError::OffsetGone {
                topic: partition.topic.to_string(),
                partition: partition.number,
                offset,
                group: self.group.clone(),
            },
            other => OdsError::Broker(other),
        }
    }
}
