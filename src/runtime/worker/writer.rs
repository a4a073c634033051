//! The worker's writer: one producer, and whether it is ready and has a transaction open.
//!
//! ```text
//!   absent -> starting -> ready -> open --commit or abort--> ready
//!      ^---------------- fenced or failed ---------------------'
//! ```

use std::time::Duration;

use super::super::config::Guarantee;
use super::super::shared::Shared;
use crate::broker::{BrokerError, Deliveries, Outgoing, Producer, ProducerConfig};

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
    transactional: bool,
    /// Takes the next record instead, outside of the transaction: only with that flaw planted.
    outside: Option<Box<dyn Producer>>,
}

impl Writer {
    /// No producer yet.
    pub(crate) fn new(guarantee: Guarantee) -> Self {
        let transactional = guarantee == Guarantee::ExactlyOnce;
        Self { producer: None, phase: Phase::Absent, transactional, outside: None }
    }

    /// Makes the producer and resolves what its predecessor left open; one piece of that per call. True when ready.
    pub(crate) fn start(&mut self, shared: &Shared, worker: usize) -> Result<bool, BrokerError> {
        match self.phase {
            Phase::Ready | Phase::Open => return Ok(true),
            Phase::Absent => {
                self.producer = Some(shared.broker.producer(&shared.writer(worker))?);
                self.phase = Phase::Starting;
            }
            Phase::Starting => {}
        }
        if self.transactional {
            self.live()?.init_transactions()?;
        }
        self.phase = Phase::Ready;
        Ok(true)
    }

    /// Queues a record; opens the transaction with the first one.
    pub(crate) fn send(&mut self, record: Outgoing<'_>) -> Result<(), BrokerError> {
        if let Some(outside) = &mut self.outside {
            outside.send(record)?;
            return outside.delivered(Duration::ZERO).failure.map_or(Ok(()), Err);
        }
        self.open()?;
        self.live()?.send(record)
    }

    /// Whether the next record goes beside the transaction: only with that flaw planted.
    pub(crate) fn step_outside(&mut self, shared: &Shared, outside: bool) -> Result<(), BrokerError> {
        let plain = ProducerConfig { transactional_id: None, ..shared.writer(0) };
        self.outside = if outside { Some(shared.broker.producer(&plain)?) } else { None };
        Ok(())
    }

    /// Opens the transaction if none is open.
    pub(crate) fn open(&mut self) -> Result<(), BrokerError> {
        if self.phase == Phase::Ready {
            if self.transactional {
                self.live()?.begin()?;
            }
            self.phase = Phase::Open;
        }
        Ok(())
    }

    /// Whether records were sent since the last commit.
    pub(crate) fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    /// Whether what is sent counts only once it is committed.
    pub(crate) fn is_transactional(&self) -> bool {
        self.transactional
    }

    /// Records queued or on their way.
    pub(crate) fn in_flight(&self) -> usize {
        self.producer.as_ref().map_or(0, |producer| producer.in_flight())
    }

    /// Serves delivery reports.
    pub(crate) fn delivered(&mut self, wait: Duration) -> Deliveries {
        self.producer.as_mut().map(|producer| producer.delivered(wait)).unwrap_or_default()
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
            if self.transactional {
                self.live()?.commit()?;
            }
            self.phase = Phase::Ready;
        }
        Ok(())
    }

    /// Aborts what is open. Without transactions there is nothing to take back: what was sent stays, and comes again.
    pub(crate) fn abort(&mut self) -> Result<(), BrokerError> {
        if self.phase == Phase::Open {
            if self.transactional {
                self.live()?.abort()?;
            }
            self.phase = Phase::Ready;
        }
        Ok(())
    }

    /// Drops the producer: it was fenced or failed. The next one fences whatever it left open.
    pub(crate) fn discard(&mut self) {
        self.producer = None;
        self.phase = Phase::Absent;
    }
}
