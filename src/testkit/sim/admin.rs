//! An admin whose calls may go wrong.

use std::collections::BTreeMap;

use super::chaos::Reach;
use super::client::Client;
use super::fault::Call;
use crate::broker::{Admin, BrokerError, Created, GroupMember, Holder, NewTopic};
use crate::record::Partition;

pub(super) struct SimAdmin {
    client: Client,
    inner: Box<dyn Admin>,
}

impl SimAdmin {
    pub(super) fn new(client: Client, inner: Box<dyn Admin>) -> Self {
        Self { client, inner }
    }
}

impl Admin for SimAdmin {
    fn cluster_id(&mut self) -> Result<String, BrokerError> {
        self.client.call(Call::ClusterId, Reach::Broker, || self.inner.cluster_id())
    }

    fn partitions(&mut self, topics: &[String]) -> Result<BTreeMap<String, i32>, BrokerError> {
        self.client.call(Call::Partitions, Reach::Broker, || self.inner.partitions(topics))
    }

    fn topics(&mut self) -> Result<Vec<String>, BrokerError> {
        self.client.call(Call::Partitions, Reach::Broker, || self.inner.topics())
    }

    fn create(&mut self, topics: &[NewTopic]) -> Result<Vec<Result<Created, BrokerError>>, BrokerError> {
        self.client.call(Call::Create, Reach::Broker, || self.inner.create(topics))
    }

    fn settings(&mut self, topic: &str) -> Result<BTreeMap<String, String>, BrokerError> {
        self.client.call(Call::Settings, Reach::Broker, || self.inner.settings(topic))
    }

    fn delete(&mut self, topics: &[String]) -> Result<(), BrokerError> {
        self.client.call(Call::Create, Reach::Broker, || self.inner.delete(topics))
    }

    fn delete_records(&mut self, before: &[(Partition, i64)]) -> Result<(), BrokerError> {
        self.client.call(Call::DeleteRecords, Reach::Broker, || {
            // What is deleted has been part of the run: its checks need it.
            self.client.chaos.state().archive.read(&self.client.broker, before.iter().map(|(it, _)| it));
            self.inner.delete_records(before)
        })
    }

    fn members(&mut self, group: &str) -> Result<Vec<GroupMember>, BrokerError> {
        self.client.call(Call::Holders, Reach::Coordinator, || self.inner.members(group))
    }

    fn holders(&mut self, group: &str) -> Result<Vec<Holder>, BrokerError> {
        self.client.call(Call::Holders, Reach::Coordinator, || self.inner.holders(group))
    }

    fn delete_group(&mut self, group: &str) -> Result<(), BrokerError> {
        self.client.call(Call::Holders, Reach::Coordinator, || self.inner.delete_group(group))
    }
}
