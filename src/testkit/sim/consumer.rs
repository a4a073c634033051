//! A reader whose calls may go wrong.

use std::time::Duration;

use super::chaos::Reach;
use super::client::Client;
use super::fault::{Call, Fault};
use super::membership;
use crate::broker::{
    Assignment, BrokerError, CommittedOffset, Consumer, ConsumerConfig, Fetched, GroupToken, Watermarks,
};
use crate::record::Partition;

pub(super) struct SimConsumer {
    client: Client,
    inner: Box<dyn Consumer>,
    /// It reads input: its client may refuse for good to read other partitions, or from elsewhere; others only for a moment.
    reads_input: bool,
}

impl SimConsumer {
    pub(super) fn new(client: Client, inner: Box<dyn Consumer>, config: &ConsumerConfig) -> Self {
        Self { client, inner, reads_input: config.group.is_some() }
    }

    /// A call that the client library answers by itself.
    fn control(
        &mut self,
        call: Call,
        work: impl FnOnce(&mut dyn Consumer) -> Result<(), BrokerError>,
    ) -> Result<(), BrokerError> {
        let Self { client, inner, reads_input } = self;
        client.call(call, Reach::Client, || {
            let mut state = client.chaos.state();
            let rate = state.rates.refusal;
            if state.random.draw() % 1_000_000 < rate {
                state.hit(&client.who, call, Fault::ReaderRefuses);
                let text = "the simulated client refuses".to_owned();
                let passes = !*reads_input || state.random.chance(1, 2);
                return Err(if passes { BrokerError::Retriable(text) } else { BrokerError::Fatal(text) });
            }
            drop(state);
            work(inner.as_mut())
        })
    }

    /// How many records this poll brings at most.
    fn room(&self, max: usize) -> usize {
        let mut state = self.client.chaos.state();
        let rate = state.rates.short_poll;
        if state.random.draw() % 1_000_000 < rate {
            state.hit(&self.client.who, Call::Poll, Fault::ShortPoll);
            return state.random.below(max.min(4)) + 1;
        }
        max
    }
}

impl Consumer for SimConsumer {
    fn assign(&mut self, more: &[Assignment]) -> Result<(), BrokerError> {
        self.control(Call::Assign, |inner| inner.assign(more))
    }

    fn unassign(&mut self, gone: &[Partition]) -> Result<(), BrokerError> {
        self.control(Call::Unassign, |inner| inner.unassign(gone))
    }

    fn seek(&mut self, partition: &Partition, offset: i64) -> Result<(), BrokerError> {
        self.control(Call::Seek, |inner| inner.seek(partition, offset))
    }

    fn pause(&mut self, partitions: &[Partition]) -> Result<(), BrokerError> {
        self.control(Call::Pause, |inner| inner.pause(partitions))
    }

    fn resume(&mut self, partitions: &[Partition]) -> Result<(), BrokerError> {
        self.control(Call::Resume, |inner| inner.resume(partitions))
    }

    fn poll(&mut self, max: usize, _wait: Duration, out: &mut Vec<Fetched>) -> Result<(), BrokerError> {
        // Without a broker a poll brings nothing; the library goes on by itself.
        let Ok(pass) = self.client.enter(Call::Poll, Reach::Broker) else { return Ok(()) };
        let room = self.room(max);
        self.inner.poll(room, Duration::ZERO, out)?;
        // What a lost answer would have brought comes with the next fetch: nothing is lost to the caller.
        let _ = self.client.leave(Call::Poll, pass);
        Ok(())
    }

    fn position(&mut self, partition: &Partition) -> Result<Option<i64>, BrokerError> {
        self.client.call(Call::Position, Reach::Client, || self.inner.position(partition))
    }

    fn committed(&mut self, partitions: &[Partition]) -> Result<Vec<Option<CommittedOffset>>, BrokerError> {
        self.client.call(Call::Committed, Reach::Coordinator, || self.inner.committed(partitions))
    }

    fn watermarks(&mut self, partition: &Partition) -> Result<Watermarks, BrokerError> {
        self.client.call(Call::Watermarks, Reach::Broker, || self.inner.watermarks(partition))
    }

    fn offset_at(&mut self, partition: &Partition, timestamp: i64) -> Result<Option<i64>, BrokerError> {
        self.client.call(Call::Watermarks, Reach::Broker, || self.inner.offset_at(partition, timestamp))
    }

    fn commit(
        &mut self,
        offsets: &[(Partition, CommittedOffset)],
        group: Option<&GroupToken>,
    ) -> Result<(), BrokerError> {
        self.client.call(Call::CommitOffsets, Reach::Coordinator, || {
            self.inner.commit(offsets, group.map(membership::inner).transpose()?)?;
            membership::note_authority(&self.client, offsets, group);
            self.client.chaos.state().ledger.committed(offsets, &self.client.who.name);
            Ok(())
        })
    }
}
