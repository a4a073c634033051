//! A reader of partitions it is given by hand.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::Shared;
use super::cluster::Cluster;
use super::membership::MemoryToken;
use crate::broker::{
    Assignment, BrokerError, CommittedOffset, Consumer, ConsumerConfig, Fetched, GroupToken, Isolation,
    StartOffset, Watermarks,
};
use crate::record::Partition;

/// A reader of the memory broker.
pub(super) struct MemoryConsumer {
    shared: Arc<Shared>,
    group: Option<String>,
    isolation: Isolation,
    assigned: Vec<Reading>,
    /// Where the next poll begins, so that a busy partition does not starve the others.
    turn: usize,
}

/// One assigned partition.
struct Reading {
    partition: Partition,
    slot: usize,
    position: i64,
    paused: bool,
    /// The position was reported as out of range: nothing is read until the next seek.
    lost: bool,
}

impl MemoryConsumer {
    pub(super) fn new(shared: Arc<Shared>, config: &ConsumerConfig) -> Self {
        Self {
            shared,
            group: config.group.clone(),
            isolation: config.isolation,
            assigned: Vec::new(),
            turn: 0,
        }
    }

    fn reading(&mut self, partition: &Partition) -> Result<&mut Reading, BrokerError> {
        self.assigned
            .iter_mut()
            .find(|reading| reading.partition == *partition)
            .ok_or_else(|| BrokerError::Fatal(format!("{partition} is not assigned to this reader")))
    }

    fn set_paused(&mut self, partitions: &[Partition], paused: bool) -> Result<(), BrokerError> {
        partitions.iter().try_for_each(|partition| {
            self.reading(partition)?.paused = paused;
            Ok(())
        })
    }

    fn group(&self) -> Result<&str, BrokerError> {
        self.group
            .as_deref()
            .ok_or_else(|| BrokerError::Fatal("this reader was opened without a group".to_owned()))
    }
}

/// Reads all partitions once, beginning with the one whose turn it is.
fn read_round(
    cluster: &Cluster,
    assigned: &mut [Reading],
    turn: usize,
    isolation: Isolation,
    max: usize,
    out: &mut Vec<Fetched>,
) -> Result<(), BrokerError> {
    let start = out.len();
    for step in 0..assigned.len() {
        let index = (turn + step) % assigned.len();
        let reading = &mut assigned[index];
        let room = max - (out.len() - start);
        if room == 0 {
            break;
        }
        if reading.paused || reading.lost {
            continue;
        }
        let checked = cluster.log(&reading.partition).and_then(|log| {
            let in_range = (log.watermarks(isolation).low..=log.high_watermark()).contains(&reading.position);
            let missing = || BrokerError::OffsetOutOfRange {
                partition: reading.partition.clone(),
                offset: reading.position,
            };
            in_range.then_some(log).ok_or_else(missing)
        });
        match checked {
            Ok(log) => reading.position = log.read(reading.position, room, isolation, reading.slot, out),
            // What was read already is handed out first; the error comes with the next poll.
            Err(_) if out.len() > start => break,
            Err(error) => {
                reading.lost = matches!(error, BrokerError::OffsetOutOfRange { .. });
                return Err(error);
            }
        }
    }
    Ok(())
}

impl Consumer for MemoryConsumer {
    fn assign(&mut self, more: &[Assignment]) -> Result<(), BrokerError> {
        let shared = self.shared.clone();
        let cluster = shared.lock();
        for wanted in more {
            let bounds = cluster.log(&wanted.partition)?.watermarks(self.isolation);
            let position = match wanted.start {
                StartOffset::Earliest => bounds.low,
                StartOffset::Latest => bounds.high,
                StartOffset::At(offset) => offset,
            };
            self.assigned.retain(|reading| reading.partition != wanted.partition);
            self.assigned.push(Reading {
                partition: wanted.partition.clone(),
                slot: wanted.slot,
                position,
                paused: false,
                lost: false,
            });
        }
        Ok(())
    }

    fn unassign(&mut self, gone: &[Partition]) -> Result<(), BrokerError> {
        self.assigned.retain(|reading| !gone.contains(&reading.partition));
        Ok(())
    }

    fn seek(&mut self, partition: &Partition, offset: i64) -> Result<(), BrokerError> {
        let reading = self.reading(partition)?;
        reading.position = offset;
        reading.lost = false;
        Ok(())
    }

    fn pause(&mut self, partitions: &[Partition]) -> Result<(), BrokerError> {
        self.set_paused(partitions, true)
    }

    fn resume(&mut self, partitions: &[Partition]) -> Result<(), BrokerError> {
        self.set_paused(partitions, false)
    }

    fn poll(&mut self, max: usize, wait: Duration, out: &mut Vec<Fetched>) -> Result<(), BrokerError> {
        let before = out.len();
        self.turn = self.turn.wrapping_add(1);
        let mut cluster = self.shared.lock();
        read_round(&cluster, &mut self.assigned, self.turn, self.isolation, max, out)?;
        if out.len() > before || wait.is_zero() {
            return Ok(());
        }
        cluster.waiting += 1;
        let (mut cluster, _) =
            self.shared.appended.wait_timeout(cluster, wait).unwrap_or_else(PoisonError::into_inner);
        cluster.waiting -= 1;
        read_round(&cluster, &mut self.assigned, self.turn, self.isolation, max, out)
    }

    fn position(&mut self, partition: &Partition) -> Result<Option<i64>, BrokerError> {
        Ok(Some(self.reading(partition)?.position))
    }

    fn committed(&mut self, partitions: &[Partition]) -> Result<Vec<Option<CommittedOffset>>, BrokerError> {
        let name = self.group()?;
        let mut cluster = self.shared.lock();
        let offsets = &cluster.group_mut(name).offsets;
        let pending = partitions.iter().find(|partition| offsets.is_pending(partition));
        match pending {
            Some(partition) if self.isolation == Isolation::ReadCommitted => Err(BrokerError::Retriable(
                format!("an open transaction is about to commit an offset of {partition} for group {name}"),
            )),
            _ => Ok(partitions.iter().map(|partition| offsets.get(partition)).collect()),
        }
    }

    fn watermarks(&mut self, partition: &Partition) -> Result<Watermarks, BrokerError> {
        Ok(self.shared.lock().log(partition)?.watermarks(self.isolation))
    }

    fn offset_at(&mut self, partition: &Partition, timestamp: i64) -> Result<Option<i64>, BrokerError> {
        Ok(self.shared.lock().log(partition)?.offset_at(timestamp))
    }

    fn commit(
        &mut self,
        offsets: &[(Partition, CommittedOffset)],
        group: Option<&GroupToken>,
    ) -> Result<(), BrokerError> {
        let mut cluster = self.shared.lock();
        if let Some(token) = group {
            let token = MemoryToken::of(token)?;
            let group = cluster.group_mut(&token.group);
            group.authorise(token.member, token.epoch)?;
            group.offsets.commit(offsets);
            return Ok(());
        }
        let name = self.group()?;
        let group = cluster.group_mut(name);
        if !group.members.is_empty() {
            return Err(BrokerError::Fenced(format!(
                "group {name} has members: offsets are committed under the authority of one of them"
            )));
        }
        group.offsets.commit(offsets);
        Ok(())
    }
}
