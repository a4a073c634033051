//! A reader of partitions it is given by hand.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::topic_partition_list::Offset;

use super::SLICE;
use super::assigned::{Assigned, Reading};
use super::authority::{KafkaToken, commit};
use super::commit::PendingCommit;
use super::errors::react;
use super::limits::{look_around, topic_exists};
use super::partitions::{list, list_at};
use super::reporter::Reporter;
use super::settings::Settings;
use crate::broker::{
    Assignment, BrokerError, CommittedOffset, Consumer, ConsumerConfig, Fetched, GroupToken, StartOffset,
    Watermarks,
};
use crate::record::Partition;

impl ConsumerContext for Reporter {}

/// A reader of a Kafka cluster.
pub(super) struct KafkaConsumer {
    client: Arc<BaseConsumer<Reporter>>,
    commit: PendingCommit,
    assigned: Assigned,
    has_group: bool,
}

impl KafkaConsumer {
    pub(super) fn open(
        settings: &Settings,
        reporter: Reporter,
        config: &ConsumerConfig,
    ) -> Result<Self, BrokerError> {
        let client: BaseConsumer<Reporter> = settings
            .consumer(config)
            .create_with_context(reporter)
            .map_err(|error| react("opening a reader", &error))?;
        Ok(Self {
            client: Arc::new(client),
            commit: PendingCommit::default(),
            assigned: Assigned::default(),
            has_group: config.group.is_some(),
        })
    }

    fn check_group(&self) -> Result<(), BrokerError> {
        match self.has_group {
            true => Ok(()),
            false => Err(BrokerError::Fatal("this reader was opened without a group".to_owned())),
        }
    }

    fn index_of(&self, partition: &Partition) -> Result<usize, BrokerError> {
        self.assigned
            .readings
            .iter()
            .position(|reading| reading.partition == *partition)
            .ok_or_else(|| BrokerError::Fatal(format!("{partition} is not assigned to this reader")))
    }

    fn explain(&mut self, error: &KafkaError) -> Option<BrokerError> {
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange) => {
                Some(self.out_of_range())
            }
            Some(
                RDKafkaErrorCode::UnknownTopicOrPartition
                | RDKafkaErrorCode::UnknownTopic
                | RDKafkaErrorCode::UnknownPartition,
            ) => Some(self.missing_topic()),
            _ => match react(&self.reading(), error) {
                // The library goes on by itself and the reporter has said it.
                BrokerError::Retriable(_) => None,
                other => Some(other),
            },
        }
    }

    /// What is being read: the library does not say which of the topics it was.
    fn reading(&self) -> String {
        let topics: BTreeSet<&str> =
            self.assigned.readings.iter().map(|reading| &*reading.partition.topic).collect();
        format!("reading {}", topics.into_iter().collect::<Vec<_>>().join(", "))
    }

    /// The library does not say which partition it was: the one whose next offset is outside its log. None is when a leader
    /// changed and the library could not make sure of its place under the new one; it has given up reading that partition
    /// all the same, so all are read on from where they were.
    fn out_of_range(&mut self) -> BrokerError {
        let found = self.assigned.readings.iter().find_map(|reading| {
            let offset = reading.next?;
            let bounds = self.bounds(&reading.partition).ok()?;
            (offset < bounds.low || offset > bounds.high)
                .then(|| BrokerError::OffsetOutOfRange { partition: reading.partition.clone(), offset })
        });
        match found.map_or_else(|| self.read_on(), Err) {
            Ok(()) => BrokerError::Retriable("an offset to read was out of range for a moment".to_owned()),
            Err(error) => error,
        }
    }

    /// Places every partition anew where it was.
    fn read_on(&self) -> Result<(), BrokerError> {
        for Reading { partition, begins, next, .. } in &self.assigned.readings {
            let alone = std::slice::from_ref(partition);
            self.client
                .incremental_unassign(&list(alone))
                .map_err(|error| react("moving a reader", &error))?;
            self.place(partition, next.map_or(*begins, Offset::Offset))?;
        }
        let paused = self.assigned.readings.iter().filter(|reading| reading.paused);
        let paused: Vec<Partition> = paused.map(|reading| reading.partition.clone()).collect();
        self.client.pause(&list(&paused)).map_err(|error| react("pausing partitions", &error))
    }

    fn missing_topic(&self) -> BrokerError {
        let topics: BTreeSet<&str> =
            self.assigned.readings.iter().map(|reading| &*reading.partition.topic).collect();
        let is_missing = |topic: &&str| topic_exists(self.client.client(), topic) == Ok(false);
        match topics.into_iter().find(is_missing) {
            Some(topic) => BrokerError::UnknownTopic { topic: topic.to_owned() },
            None => BrokerError::Retriable("a topic to read was missing for a moment".to_owned()),
        }
    }

    fn bounds(&self, partition: &Partition) -> Result<Watermarks, BrokerError> {
        let answer = self.client.fetch_watermarks(&partition.topic, partition.number, SLICE);
        let (low, high) = answer.map_err(|error| {
            // The library keeps to a leader that is gone, and to "unknown" from a node that had not heard of a new topic yet.
            look_around(self.client.client(), &partition.topic);
            match error.rdkafka_error_code() {
                Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownPartition) => {
                    BrokerError::UnknownTopic { topic: partition.topic.to_string() }
                }
                _ => react(&format!("asking for the offsets of {partition}"), &error),
            }
        })?;
        self.client.context().answered();
        Ok(Watermarks { low, high })
    }

    /// Assigning anew is the one way to move that never waits and lets nothing old through.
    fn place(&self, partition: &Partition, start: Offset) -> Result<(), BrokerError> {
        let doing = || format!("reading {partition} from {start:?}");
        let at = list_at([(partition, start)])?;
        self.client.incremental_assign(&at).map_err(|error| react(&doing(), &error))
    }
}

impl Consumer for KafkaConsumer {
    fn assign(&mut self, more: &[Assignment]) -> Result<(), BrokerError> {
        let start = |wanted: &Assignment| match wanted.start {
            StartOffset::Earliest => Offset::Beginning,
            StartOffset::Latest => Offset::End,
            StartOffset::At(offset) => Offset::Offset(offset),
        };
        let at = list_at(more.iter().map(|wanted| (&wanted.partition, start(wanted))))?;
        self.client.incremental_assign(&at).map_err(|error| react("taking partitions", &error))?;
        for wanted in more {
            let next = match wanted.start {
                StartOffset::At(offset) => Some(offset),
                _ => None,
            };
            let (partition, begins) = (wanted.partition.clone(), start(wanted));
            self.assigned.readings.push(Reading {
                partition,
                slot: wanted.slot,
                begins,
                next,
                paused: false,
            });
        }
        Ok(())
    }

    fn unassign(&mut self, gone: &[Partition]) -> Result<(), BrokerError> {
        // The library keeps the pause for a partition that is gone, and it would be silent when it is taken again.
        let paused = self.assigned.readings.iter().filter(|it| it.paused && gone.contains(&it.partition));
        let paused: Vec<Partition> = paused.map(|reading| reading.partition.clone()).collect();
        if !paused.is_empty() {
            self.resume(&paused)?;
        }
        self.assigned.readings.retain(|reading| !gone.contains(&reading.partition));
        self.client.incremental_unassign(&list(gone)).map_err(|error| react("giving partitions away", &error))
    }

    fn seek(&mut self, partition: &Partition, offset: i64) -> Result<(), BrokerError> {
        let index = self.index_of(partition)?;
        let alone = std::slice::from_ref(partition);
        self.client.incremental_unassign(&list(alone)).map_err(|error| react("moving a reader", &error))?;
        self.place(partition, Offset::Offset(offset))?;
        self.assigned.readings[index].next = Some(offset);
        if self.assigned.readings[index].paused {
            self.pause(alone)?;
        }
        Ok(())
    }

    fn pause(&mut self, partitions: &[Partition]) -> Result<(), BrokerError> {
        for partition in partitions {
            let index = self.index_of(partition)?;
            self.assigned.readings[index].paused = true;
        }
        self.client.pause(&list(partitions)).map_err(|error| react("pausing partitions", &error))
    }

    fn resume(&mut self, partitions: &[Partition]) -> Result<(), BrokerError> {
        for partition in partitions {
            let index = self.index_of(partition)?;
            self.assigned.readings[index].paused = false;
        }
        self.client.resume(&list(partitions)).map_err(|error| react("resuming partitions", &error))
    }

    fn poll(&mut self, max: usize, wait: Duration, out: &mut Vec<Fetched>) -> Result<(), BrokerError> {
        let full = out.len() + max;
        let deadline = Instant::now() + wait.min(SLICE);
        let mut wait = wait.min(SLICE);
        while out.len() < full {
            match self.client.poll(wait) {
                // Something else than a record was served, and there is time left.
                None if out.len() + max == full && Instant::now() < deadline => {
                    wait = deadline.saturating_duration_since(Instant::now());
                    continue;
                }
                None => break,
                Some(Ok(message)) => out.extend(self.assigned.copy(&message)),
                Some(Err(error)) => {
                    if let Some(error) = self.explain(&error) {
                        return Err(error);
                    }
                }
            }
            wait = Duration::ZERO;
        }
        Ok(())
    }

    fn position(&mut self, partition: &Partition) -> Result<Option<i64>, BrokerError> {
        let index = self.index_of(partition)?;
        let positions = self.client.position().map_err(|error| react("asking for a position", &error))?;
        let known = positions.find_partition(&partition.topic, partition.number);
        let reached = match known.map(|element| element.offset()) {
            Some(Offset::Offset(offset)) => Some(offset),
            _ => None,
        };
        Ok(reached.max(self.assigned.readings[index].next))
    }

    fn committed(&mut self, partitions: &[Partition]) -> Result<Vec<Option<CommittedOffset>>, BrokerError> {
        self.check_group()?;
        let doing = "reading committed offsets";
        let answer =
            self.client.committed_offsets(list(partitions), SLICE).map_err(|error| react(doing, &error))?;
        self.client.context().answered();
        let committed = |partition: &Partition| {
            let Some(element) = answer.find_partition(&partition.topic, partition.number) else {
                return Ok(None);
            };
            element.error().map_err(|error| react(doing, &error))?;
            let Offset::Offset(offset) = element.offset() else { return Ok(None) };
            Ok(Some(CommittedOffset { offset, metadata: element.metadata().to_owned() }))
        };
        partitions.iter().map(committed).collect()
    }

    fn watermarks(&mut self, partition: &Partition) -> Result<Watermarks, BrokerError> {
        self.bounds(partition)
    }

    fn offset_at(&mut self, partition: &Partition, timestamp: i64) -> Result<Option<i64>, BrokerError> {
        let doing = || format!("asking where {partition} stood at {timestamp}");
        let asked = list_at([(partition, Offset::Offset(timestamp.max(0)))])?;
        let answer = self.client.offsets_for_times(asked, SLICE).map_err(|error| react(&doing(), &error))?;
        self.client.context().answered();
        let Some(element) = answer.find_partition(&partition.topic, partition.number) else {
            return Ok(None);
        };
        element.error().map_err(|error| react(&doing(), &error))?;
        Ok(match element.offset() {
            Offset::Offset(offset) => Some(offset),
            _ => None,
        })
    }

    fn commit(
        &mut self,
        offsets: &[(Partition, CommittedOffset)],
        group: Option<&GroupToken>,
    ) -> Result<(), BrokerError> {
        if let Some(token) = group {
            return KafkaToken::of(token)?.commit(offsets);
        }
        self.check_group()?;
        commit(&mut self.commit, &self.client, offsets)
    }
}
