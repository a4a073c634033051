//! The worker's writer: one producer, and whether it is ready and has a transaction open.
//!
//! ```text
//!   absent -> starting -> ready -> open --commit or abort--> ready
//!      ^---------------- fenced or failed ---------------------'
//! ```
//! State and offsets always go through the transaction: the stores of a task are one thing, and a processor may rely on
//! them together. Exactly-once takes the outputs along; at-least-once has a second producer that writes them beside it, so
//! that they are seen at once, and again after a crash.

use std::time::Duration;

use super::super::config::Guarantee;
use super::super::shared::Shared;
use crate::broker::{BrokerError, Deliveries, Outgoing, Producer};

/// Where the writer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Absent,
    Starting,
    Ready,
    Open,
}

/// A producer and its transaction.
pub(crate) struct Writer {
    producer: Option<Box<dyn Producer>>,
    phase: Phase,
    guarantee: Guarantee,
    /// Writes outputs beside the transaction.
    beside: Option<Box<dyn Producer>>,
}

impl Writer {
    /// No producer yet.
    pub(crate) fn new(guarantee: Guarantee) -> Self {
        Self { producer: None, phase: Phase::Absent, guarantee, beside: None }
    }

    /// Makes the producers and resolves what the predecessor left open; one piece of that per call. True when ready.
    pub(crate) fn start(&mut self, shared: &Shared, worker: usize) -> Result<bool, BrokerError> {
        match self.phase {
            Phase::Ready | Phase::Open => return Ok(true),
            Phase::Absent => {
                self.beside = match self.guarantee {
                    Guarantee::ExactlyOnce => None,
                    Guarantee::AtLeastOnce => Some(shared.broker.producer(&shared.writer_beside(worker))?),
                };
                self.producer = Some(shared.broker.producer(&shared.writer(worker))?);
                self.phase = Phase::Starting;
            }
            Phase::Starting => {}
        }
        self.live()?.init_transactions()?;
        self.phase = Phase::Ready;
        Ok(true)
    }

    /// Queues a record for the transaction; opens it with the first one.
    pub(crate) fn send(&mut self, record: Outgoing<'_>) -> Result<(), BrokerError> {
        self.open()?;
        self.live()?.send(record)
    }

    /// Queues an output: within the transaction, or beside it when the guarantee says so.
    pub(crate) fn send_output(&mut self, record: Outgoing<'_>) -> Result<(), BrokerError> {
        self.open()?;
        match &mut self.beside {
            Some(beside) => beside.send(record),
            None => self.live()?.send(record),
        }
    }

    /// Whether outputs go beside the transaction from now on: only with that flaw planted.
    pub(crate) fn step_outside(&mut self, shared: &Shared, outside: bool) -> Result<(), BrokerError> {
        if outside && self.beside.is_none() {
            self.beside = Some(shared.broker.producer(&shared.writer_beside(0))?);
        } else if !outside {
            self.beside = None;
        }
        Ok(())
    }

    /// Opens the transaction if none is open.
    pub(crate) fn open(&mut self) -> Result<(), BrokerError> {
        if self.phase == Phase::Ready {
            self.live()?.begin()?;
            self.phase = Phase::Open;
        }
        Ok(())
    }

    /// Whether records were sent since the last commit.
    pub(crate) fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    /// Records queued or on their way.
    pub(crate) fn in_flight(&self) -> usize {
        self.outputs_in_flight() + self.producer.as_ref().map_or(0, |producer| producer.in_flight())
    }

    /// Outputs on their way beside the transaction.
    pub(crate) fn outputs_in_flight(&self) -> usize {
        self.beside.as_ref().map_or(0, |beside| beside.in_flight())
    }

    /// Serves delivery reports.
    pub(crate) fn delivered(&mut self, wait: Duration) -> Deliveries {
        let beside = match &mut self.beside {
            Some(beside) => beside.delivered(if beside.in_flight() > 0 { wait } else { Duration::ZERO }),
            None => Deliveries::default(),
        };
        let wait = if self.outputs_in_flight() > 0 { Duration::ZERO } else { wait };
        let mut all = self.producer.as_mut().map(|producer| producer.delivered(wait)).unwrap_or_default();
        all.failure = beside.failure.or(all.failure);
        all
    }

    /// The producer, to send offsets.
    pub(crate) fn live(&mut self) -> Result<&mut dyn Producer, BrokerError> {
        match &mut self.producer {
            Some(producer) => Ok(producer.as_mut()),
            None => Err(BrokerError::Fatal("the producer was dropped".into())),
        }
    }

    /// Commits what is open. Only with nothing in flight.
    pub(crate) fn commit(&mut self) -> Result<(), BrokerError> {
        if self.phase == Phase::Open {
            self.live()?.commit()?;
            self.phase = Phase::Ready;
        }
        Ok(())
    }

    /// Aborts what is open. Outputs beside the transaction cannot be taken back: what was sent stays, and comes again.
    pub(crate) fn abort(&mut self) -> Result<(), BrokerError> {
        if self.phase == Phase::Open {
            self.live()?.abort()?;
            self.phase = Phase::Ready;
        }
        Ok(())
    }

    /// Drops the producers: one was fenced or failed. The next one fences whatever it left open.
    pub(crate) fn discard(&mut self) {
        (self.producer, self.beside) = (None, None);
        self.phase = Phase::Absent;
    }
}
