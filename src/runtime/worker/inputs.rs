//! The worker's reader: which partitions it reads for which task, holding back those whose tasks have enough.

use std::time::Duration;

use super::super::leaving::Leaving;
use super::active::Active;
use crate::broker::{Assignment, BrokerError, Consumer, Fetched, StartOffset};
use crate::flaw::{Flaw, planted};
use crate::record::Partition;

/// The data consumer of one worker.
pub(crate) struct Inputs {
    consumer: Box<dyn Consumer>,
    /// Slot -> place of the task among the worker's tasks, and number of the input within it.
    owners: Vec<Option<(usize, usize)>>,
    leaving: Leaving,
    fetched: Vec<Fetched>,
}

impl Inputs {
    /// A reader of nothing yet.
    pub(crate) fn new(consumer: Box<dyn Consumer>) -> Self {
        Self { consumer, owners: Vec::new(), leaving: Leaving::default(), fetched: Vec::new() }
    }

    /// Starts reading a task's inputs where they stand. `place` is the task's place among the worker's tasks.
    pub(crate) fn start(&mut self, place: usize, active: &Active) -> Result<(), BrokerError> {
        let mut more = Vec::new();
        for (number, input) in active.inputs.iter().enumerate().filter(|(_, input)| input.committed >= 0) {
            if self.owners.len() <= input.slot {
                self.owners.resize(input.slot + 1, None);
            }
            self.owners[input.slot] = Some((place, number));
            let start = StartOffset::At(input.committed);
            more.push(Assignment { partition: input.partition.clone(), start, slot: input.slot });
        }
        self.consumer.assign(&more)
    }

    /// Stops reading a task's inputs. Returns numbers that are free from now on, those of tasks before it too.
    pub(crate) fn stop(&mut self, active: &Active) -> Result<Vec<usize>, BrokerError> {
        for input in &active.inputs {
            if let Some(owner) = self.owners.get_mut(input.slot) {
                *owner = None;
            }
            if input.committed >= 0 {
                self.leaving.add(input.slot, input.partition.clone());
            } else {
                self.leaving.add_unread(input.slot);
            }
        }
        self.leave()
    }

    /// Lets go of what could not be let go of before. Returns the numbers that are free from now on.
    pub(crate) fn leave(&mut self) -> Result<Vec<usize>, BrokerError> {
        self.leaving.settle(self.consumer.as_mut())
    }

    /// The reader goes. Returns the numbers that it still had.
    pub(crate) fn forget(self) -> Vec<usize> {
        self.leaving.forget()
    }

    /// Goes back to the last commit with every input of a task.
    pub(crate) fn rewind(&mut self, active: &mut Active) -> Result<(), BrokerError> {
        for input in active.inputs.iter_mut().filter(|input| input.committed >= 0) {
            if !planted(Flaw::ReaderSurvivesAbort) {
                self.consumer.seek(&input.partition, input.committed)?;
            }
            input.read = 0;
            input.awaited.rewind(input.committed);
            if input.paused {
                self.consumer.resume(std::slice::from_ref(&input.partition))?;
                input.paused = false;
            }
        }
        Ok(())
    }

    /// Reads at most `max` records into the tasks' queues; waits at most `wait` for the first.
    pub(crate) fn poll(
        &mut self,
        tasks: &mut [Option<Active>],
        max: usize,
        wait: Duration,
    ) -> Result<usize, BrokerError> {
        let polled = self.consumer.poll(max, wait, &mut self.fetched);
        // What came before an error is kept: the reader has moved past it.
        let count = self.fetched.len();
        for fetched in self.fetched.drain(..) {
            let Some(Some((place, number))) = self.owners.get(fetched.slot) else { continue };
            let Some(Some(active)) = tasks.get_mut(*place) else { continue };
            let input = &mut active.inputs[*number];
            input.read += 1;
            input.awaited.read(fetched.offset);
            active.task.enqueue(*number, fetched.offset, fetched.record);
        }
        polled.map(|()| count)
    }

    /// Pauses inputs with more than `limit` records in hand, resumes those with less than half of it.
    pub(crate) fn balance(&mut self, tasks: &mut [Option<Active>], limit: usize) -> Result<(), BrokerError> {
        for active in tasks.iter_mut().flatten() {
            for (number, input) in active.inputs.iter_mut().enumerate() {
                let buffered = active.task.buffered(number);
                if !input.paused && buffered > limit {
                    self.consumer.pause(std::slice::from_ref(&input.partition))?;
                    input.paused = true;
                } else if input.paused && buffered < limit.div_ceil(2) {
                    self.consumer.resume(std::slice::from_ref(&input.partition))?;
                    input.paused = false;
                }
            }
        }
        Ok(())
    }

    /// Says to each task which of its inputs the others wait for when it has nothing of them in hand.
    pub(crate) fn hold(
        &mut self,
        tasks: &mut [Option<Active>],
        now: i64,
        idle_ms: i64,
    ) -> Result<(), BrokerError> {
        for active in tasks.iter_mut().flatten().filter(|active| active.inputs.len() > 1) {
            for (number, input) in active.inputs.iter_mut().enumerate().filter(|(_, it)| it.committed >= 0) {
                let empty = active.task.buffered(number) == 0;
                let position = || self.consumer.position(&input.partition);
                active.task.hold(number, input.awaited.look(now, empty, idle_ms, position)?);
            }
        }
        Ok(())
    }

    /// First and end offset of a partition.
    pub(crate) fn watermarks(
        &mut self,
        partition: &Partition,
    ) -> Result<crate::broker::Watermarks, BrokerError> {
        self.consumer.watermarks(partition)
    }

    /// Goes to another offset of one input.
    pub(crate) fn seek(&mut self, partition: &Partition, offset: i64) -> Result<(), BrokerError> {
        self.consumer.seek(partition, offset)
    }

    /// The reader itself, for commits outside of transactions.
    pub(crate) fn consumer(&mut self) -> &mut dyn Consumer {
        self.consumer.as_mut()
    }
}
