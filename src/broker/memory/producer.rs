//! A writer, in transactions or without.

use std::sync::Arc;
use std::time::Duration;

use super::Shared;
use super::cluster::unknown;
use super::membership::MemoryToken;
use super::outbound::Outbound;
use crate::broker::limits::Limits;
use crate::broker::{
    BrokerError, CommittedOffset, Deliveries, GroupToken, Outgoing, Producer, ProducerConfig,
};
use crate::record::Partition;

/// Records that wait before they are written on their own, without a call to `delivered`.
const BATCH_RECORDS: usize = 512;

/// A writer of the memory broker.
pub(super) struct MemoryProducer {
    shared: Arc<Shared>,
    transactional: Option<Transactional>,
    outbound: Outbound,
    deliveries: Deliveries,
}

/// The writer's side of its transactional id.
struct Transactional {
    id: String,
    timeout_ms: i64,
    epoch: Option<u64>,
    state: State,
}

/// Where the writer is in its transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Idle,
    Open,
    /// Something failed; only an abort goes on.
    MustAbort(String),
}

impl MemoryProducer {
    pub(super) fn new(shared: Arc<Shared>, config: &ProducerConfig) -> Self {
        let transactional = config.transactional_id.clone().map(|id| Transactional {
            id,
            timeout_ms: i64::try_from(config.transaction_timeout.as_millis()).unwrap_or(i64::MAX),
            epoch: None,
            state: State::Idle,
        });
        Self { shared, transactional, outbound: Outbound::default(), deliveries: Deliveries::default() }
    }

    fn flush(&mut self) {
        if self.outbound.len() == 0 {
            return;
        }
        let mut cluster = self.shared.lock();
        let transaction = match &self.transactional {
            None => None,
            Some(own) => match cluster.transaction_of(&own.id, own.epoch.unwrap_or_default()) {
                Ok(number) => Some((own.id.as_str(), number)),
                // They stay queued, as in a client library, until the id may begin anew.
                Err(BrokerError::Retriable(_)) => return,
                Err(error) => {
                    self.outbound.clear();
                    self.deliveries.failure.get_or_insert(error);
                    return;
                }
            },
        };
        self.outbound.write(&mut cluster, transaction, &mut self.deliveries);
        let wake = cluster.waiting > 0;
        drop(cluster);
        if wake {
            self.shared.appended.notify_all();
        }
        if let (Some(failure), Some(own)) = (&self.deliveries.failure, &mut self.transactional) {
            own.state = State::MustAbort(failure.to_string());
        }
    }

    fn transactional(&mut self) -> Result<&mut Transactional, BrokerError> {
        self.transactional.as_mut().ok_or_else(|| misuse("this writer was opened without a transactional id"))
    }

    /// The id and epoch of the open transaction.
    fn open(&mut self) -> Result<(String, u64), BrokerError> {
        let own = self.transactional()?;
        match (&own.state, own.epoch) {
            (State::Open, Some(epoch)) => Ok((own.id.clone(), epoch)),
            (State::MustAbort(reason), _) => Err(BrokerError::AbortRequired(reason.clone())),
            _ => Err(misuse("no transaction is open")),
        }
    }
}

fn misuse(what: &str) -> BrokerError {
    BrokerError::Fatal(what.to_owned())
}

impl Producer for MemoryProducer {
    fn init_transactions(&mut self) -> Result<(), BrokerError> {
        let shared = self.shared.clone();
        let own = self.transactional()?;
        own.epoch = Some(shared.lock().take_transactional_id(&own.id, own.timeout_ms)?);
        own.state = State::Idle;
        shared.appended.notify_all();
        Ok(())
    }

    fn begin(&mut self) -> Result<(), BrokerError> {
        let own = self.transactional()?;
        match (&own.state, own.epoch) {
            (State::Idle, Some(_)) => own.state = State::Open,
            (_, None) => return Err(misuse("init_transactions comes before begin")),
            _ => return Err(misuse("a transaction is open already")),
        }
        Ok(())
    }

    fn send(&mut self, record: Outgoing<'_>) -> Result<(), BrokerError> {
        if self.transactional.is_some() {
            self.open()?;
        }
        let shared = &self.shared;
        self.outbound.push(
            record,
            || shared.lock().now_ms,
            |name| {
                let cluster = shared.lock();
                let (name, topic) = cluster.topics.get_key_value(name).ok_or_else(|| unknown(name))?;
                let limits = topic.limits();
                Ok((name.clone(), Limits { bytes: limits.bytes.min(cluster.max_record_bytes), ..limits }))
            },
        )?;
        if self.outbound.len() >= BATCH_RECORDS {
            self.flush();
        }
        Ok(())
    }

    fn in_flight(&self) -> usize {
        self.outbound.len()
    }

    fn delivered(&mut self, _wait: Duration) -> Deliveries {
        self.flush();
        std::mem::take(&mut self.deliveries)
    }

    fn send_offsets(
        &mut self,
        offsets: &[(Partition, CommittedOffset)],
        group: &GroupToken,
    ) -> Result<(), BrokerError> {
        let (id, epoch) = self.open()?;
        let token = MemoryToken::of(group)?;
        let shared = self.shared.clone();
        let mut cluster = shared.lock();
        let number = cluster.transaction_of(&id, epoch)?;
        if let Err(refusal) = cluster.group_mut(&token.group).authorise(token.member, token.epoch) {
            self.transactional()?.state = State::MustAbort(refusal.to_string());
            return Err(refusal);
        }
        cluster.group_mut(&token.group).offsets.hold(number, offsets);
        cluster.add_group(&id, &token.group);
        Ok(())
    }

    fn commit(&mut self) -> Result<(), BrokerError> {
        self.flush();
        let (id, epoch) = self.open()?;
        if self.outbound.len() > 0 {
            return Err(BrokerError::Retriable("records are still on their way".to_owned()));
        }
        self.shared.lock().end_transaction(&id, epoch, true)?;
        self.transactional()?.state = State::Idle;
        self.shared.appended.notify_all();
        Ok(())
    }

    fn abort(&mut self) -> Result<(), BrokerError> {
        self.outbound.clear();
        self.deliveries = Deliveries::default();
        let own = self.transactional()?;
        let (Some(epoch), id) = (own.epoch, own.id.clone()) else {
            return Err(misuse("init_transactions comes before abort"));
        };
        own.state = State::Idle;
        self.shared.lock().end_transaction(&id, epoch, false)?;
        self.shared.appended.notify_all();
        Ok(())
    }
}
