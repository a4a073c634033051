//! A Kafka in this process: partition logs with transactions, read-committed readers, fencing and groups.
//!
//! It owns the truth of `topo demo` and of every test that needs no network, so it behaves as a real broker does
//! wherever the engine can tell the difference; `tests/engine/broker_contract` runs the same cases on both.
//! It never reads a clock, starts a thread or draws a random number: time arrives through
//! [`MemoryBroker::advance`], and the same calls in the same order give the same answers.
//!
//! A client that is dropped without a goodbye has crashed: its open transaction stays until it is fenced or times
//! out, its membership until the session does.

mod admin;
mod assignor;
mod cluster;
mod consumer;
mod group;
mod group_offsets;
mod log;
mod markers;
mod membership;
mod outbound;
mod producer;
mod simulated;
mod topic;
mod transaction;

#[cfg(test)]
mod tests;

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::{
    Admin, Broker, BrokerError, Consumer, ConsumerConfig, Membership, MembershipConfig, Producer,
    ProducerConfig,
};
use cluster::Cluster;

/// A broker in memory. Clones share one cluster.
#[derive(Clone, Default)]
pub struct MemoryBroker {
    shared: Arc<Shared>,
}

/// The cluster, and what readers that wait for records wait on.
#[derive(Default)]
struct Shared {
    cluster: Mutex<Cluster>,
    appended: Condvar,
}

impl Shared {
    /// A panic of another thread leaves the cluster as consistent as a crashed client would.
    fn lock(&self) -> MutexGuard<'_, Cluster> {
        self.cluster.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MemoryBroker {
    /// A cluster without topics, at time 0.
    pub fn new() -> Self {
        Self::default()
    }

    /// Moves the broker's clock to `now_ms` (milliseconds, any origin; it never goes back): expels members whose
    /// session is over and aborts transactions that are open for too long.
    pub fn advance(&self, now_ms: i64) {
        self.shared.lock().advance(now_ms);
        self.shared.appended.notify_all();
    }

    /// Compacts a topic now: of every key only its last record stays, markers and aborted records go.
    /// Offsets stay as they are.
    pub fn compact(&self, topic: &str) -> Result<(), BrokerError> {
        let mut cluster = self.shared.lock();
        let now_ms = cluster.now_ms;
        cluster.topic_mut(topic)?.compact(now_ms);
        Ok(())
    }

    /// Sets the largest record that the broker accepts, in bytes of key and value; a topic's `max.message.bytes`
    /// may be smaller.
    pub fn limit_records(&self, max_bytes: usize) {
        self.shared.lock().max_record_bytes = max_bytes;
    }
}

impl Broker for MemoryBroker {
    fn consumer(&self, config: &ConsumerConfig) -> Result<Box<dyn Consumer>, BrokerError> {
        Ok(Box::new(consumer::MemoryConsumer::new(self.shared.clone(), config)))
    }

    fn producer(&self, config: &ProducerConfig) -> Result<Box<dyn Producer>, BrokerError> {
        Ok(Box::new(producer::MemoryProducer::new(self.shared.clone(), config)))
    }

    fn membership(&self, config: &MembershipConfig) -> Result<Arc<dyn Membership>, BrokerError> {
        Ok(Arc::new(membership::MemoryMembership::new(self.shared.clone(), config.clone())))
    }

    fn admin(&self) -> Result<Box<dyn Admin>, BrokerError> {
        Ok(Box::new(admin::MemoryAdmin::new(self.shared.clone())))
    }
}
