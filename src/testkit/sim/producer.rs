//! A writer whose calls may go wrong.

use std::mem;
use std::time::Duration;

use super::chaos::{Late, Reach};
use super::client::Client;
use super::fault::{Call, Fault};
use super::membership;
use crate::broker::{
    Broker, BrokerError, CommittedOffset, Deliveries, GroupToken, Outgoing, Producer, ProducerConfig,
};
use crate::record::Partition;

pub(super) struct SimProducer {
    client: Client,
    inner: Box<dyn Producer>,
    config: ProducerConfig,
    /// Reports that have not reached the client yet, and until when.
    held: Deliveries,
    held_until: i64,
    /// A record of the open transaction was not written: only an abort goes on.
    must_abort: bool,
    /// Offsets the open transaction has taken along.
    offsets: Vec<(Partition, CommittedOffset)>,
    end: End,
}

/// How far the end of the transaction is, as the client library sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    NotAsked,
    /// A commit was asked for and not answered: it must be asked for again, and nothing else may be.
    Committing,
    /// It was decided, and the answer was lost.
    Committed,
}

impl SimProducer {
    pub(super) fn new(client: Client, inner: Box<dyn Producer>, config: ProducerConfig) -> Self {
        Self {
            client,
            inner,
            config,
            held: Deliveries::default(),
            held_until: i64::MIN,
            must_abort: false,
            offsets: Vec::new(),
            end: End::NotAsked,
        }
    }

    fn refuse_after_error(&self) -> Result<(), BrokerError> {
        match self.must_abort {
            true => Err(BrokerError::AbortRequired("a record was not written".to_owned())),
            false => Ok(()),
        }
    }

    fn is_transactional(&self) -> bool {
        self.config.transactional_id.is_some()
    }

    /// The client dies with its commit on the way: it may arrive when nobody is left to hear the answer.
    fn leave_late_commit(&mut self) -> Result<(), BrokerError> {
        let inner = self.client.broker.producer(&self.config)?;
        let producer = mem::replace(&mut self.inner, inner);
        let mut state = self.client.chaos.state();
        let due = state.now + state.patience();
        state.hit(&self.client.who, Call::Commit, Fault::LateRequest);
        let (offsets, who) = (mem::take(&mut self.offsets), self.client.who.clone());
        state.late.push(Late { due, producer, offsets, who });
        Ok(())
    }

    fn is_crashing_late(&self) -> bool {
        let mut state = self.client.chaos.state();
        let rate = state.rates.crash_before;
        state.random.draw() % 1_000_000 < rate
    }

    /// Serves the inner writer, and decides whether something of it was not written.
    fn serve(&mut self) -> Deliveries {
        let mut deliveries = self.inner.delivered(Duration::ZERO);
        let mut state = self.client.chaos.state();
        let rate = state.rates.produce_error;
        if !deliveries.next_offsets.is_empty() && state.random.draw() % 1_000_000 < rate {
            state.hit(&self.client.who, Call::Delivered, Fault::ProduceError);
            self.must_abort = self.is_transactional();
            let reason = "a record was not written: the leader was away for too long";
            deliveries.failure.get_or_insert(BrokerError::AbortRequired(reason.to_owned()));
        }
        deliveries
    }

    fn merge(&mut self, more: Deliveries) {
        for (slot, next) in more.next_offsets {
            let known = self.held.next_offsets.entry(slot).or_insert(next);
            *known = next.max(*known);
        }
        if self.held.failure.is_none() {
            self.held.failure = more.failure;
        }
    }
}

impl Producer for SimProducer {
    fn init_transactions(&mut self) -> Result<(), BrokerError> {
        self.client.call(Call::Init, Reach::Coordinator, || self.inner.init_transactions())
    }

    fn begin(&mut self) -> Result<(), BrokerError> {
        self.client.call(Call::Begin, Reach::Client, || self.inner.begin())?;
        self.end = End::NotAsked;
        self.offsets.clear();
        Ok(())
    }

    fn send(&mut self, record: Outgoing<'_>) -> Result<(), BrokerError> {
        self.refuse_after_error()?;
        self.client.call(Call::Send, Reach::Client, || self.inner.send(record))
    }

    fn in_flight(&self) -> usize {
        let held = usize::from(self.held_until != i64::MIN);
        self.inner.in_flight().max(held)
    }

    fn delivered(&mut self, _wait: Duration) -> Deliveries {
        let Ok(pass) = self.client.enter(Call::Delivered, Reach::Broker) else {
            return Deliveries::default();
        };
        let served = self.serve();
        self.merge(served);
        let late = self.client.leave(Call::Delivered, pass).is_err();
        let mut state = self.client.chaos.state();
        if late {
            self.held_until = state.now + state.patience();
        }
        if state.now < self.held_until && !state.calm {
            return Deliveries::default();
        }
        self.held_until = i64::MIN;
        mem::take(&mut self.held)
    }

    fn send_offsets(
        &mut self,
        offsets: &[(Partition, CommittedOffset)],
        group: &GroupToken,
    ) -> Result<(), BrokerError> {
        self.refuse_after_error()?;
        self.client.call(Call::SendOffsets, Reach::Coordinator, || {
            self.inner.send_offsets(offsets, membership::inner(group)?)?;
            membership::note_authority(&self.client, offsets, Some(group));
            self.offsets = offsets.to_vec();
            Ok(())
        })
    }

    fn commit(&mut self) -> Result<(), BrokerError> {
        self.refuse_after_error()?;
        if self.is_crashing_late() {
            self.leave_late_commit()?;
            self.client.crash();
        }
        let before = mem::replace(&mut self.end, End::Committing);
        let pass = self.client.enter(Call::Commit, Reach::Coordinator)?;
        if before != End::Committed {
            self.inner.commit()?;
            let mut state = self.client.chaos.state();
            state.ledger.committed(&self.offsets, &self.client.who.name);
        }
        self.end = End::Committed;
        self.client.leave(Call::Commit, pass)?;
        self.end = End::NotAsked;
        self.offsets.clear();
        Ok(())
    }

    fn abort(&mut self) -> Result<(), BrokerError> {
        if self.end != End::NotAsked {
            return Err(BrokerError::Fatal("a commit was asked for and has not been answered".to_owned()));
        }
        self.client.call(Call::Abort, Reach::Coordinator, || self.inner.abort())?;
        self.held = Deliveries::default();
        self.held_until = i64::MIN;
        self.must_abort = false;
        self.offsets.clear();
        Ok(())
    }
}
