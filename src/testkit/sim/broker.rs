//! The broker as one simulated process sees it: every call may go wrong.

use std::sync::Arc;

use super::admin::SimAdmin;
use super::chaos::{Chaos, Reach, Who};
use super::client::Client;
use super::consumer::SimConsumer;
use super::fault::Call;
use super::membership::SimMembership;
use super::producer::SimProducer;
use crate::broker::memory::MemoryBroker;
use crate::broker::{
    Admin, Broker, BrokerError, Consumer, ConsumerConfig, Membership, MembershipConfig, Producer,
    ProducerConfig,
};

/// Opens clients on the memory broker that fail as the seed says.
pub(super) struct SimBroker {
    inner: MemoryBroker,
    chaos: Arc<Chaos>,
    who: Arc<Who>,
}

impl SimBroker {
    pub(super) fn new(inner: MemoryBroker, chaos: Arc<Chaos>, who: Arc<Who>) -> Self {
        Self { inner, chaos, who }
    }

    fn client(&self) -> Client {
        Client::new(self.chaos.clone(), self.who.clone(), self.inner.clone())
    }
}

impl Broker for SimBroker {
    fn consumer(&self, config: &ConsumerConfig) -> Result<Box<dyn Consumer>, BrokerError> {
        let client = self.client();
        let inner = client.call(Call::OpenConsumer, Reach::Client, || self.inner.consumer(config))?;
        Ok(Box::new(SimConsumer::new(client, inner, config)))
    }

    fn producer(&self, config: &ProducerConfig) -> Result<Box<dyn Producer>, BrokerError> {
        let client = self.client();
        let inner = client.call(Call::OpenProducer, Reach::Client, || self.inner.producer(config))?;
        Ok(Box::new(SimProducer::new(client, inner, config.clone())))
    }

    fn membership(&self, config: &MembershipConfig) -> Result<Arc<dyn Membership>, BrokerError> {
        let client = self.client();
        let inner = client.call(Call::OpenMembership, Reach::Client, || self.inner.membership(config))?;
        Ok(Arc::new(SimMembership::new(client, inner, config)))
    }

    fn admin(&self) -> Result<Box<dyn Admin>, BrokerError> {
        let client = self.client();
        let inner = client.call(Call::OpenAdmin, Reach::Client, || self.inner.admin())?;
        Ok(Box::new(SimAdmin::new(client, inner)))
    }
}
