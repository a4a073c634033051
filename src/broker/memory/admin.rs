//! Topics, groups and settings of the memory broker.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Shared;
use super::group::Member;
use super::topic::Topic;
use crate::broker::{Admin, BrokerError, Created, GroupMember, Holder, NewTopic};
use crate::record::Partition;

/// Administers the memory broker.
pub(super) struct MemoryAdmin {
    shared: Arc<Shared>,
}

impl MemoryAdmin {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }
}

impl Admin for MemoryAdmin {
    fn cluster_id(&mut self) -> Result<String, BrokerError> {
        Ok("memory".to_owned())
    }

    fn partitions(&mut self, topics: &[String]) -> Result<BTreeMap<String, i32>, BrokerError> {
        let cluster = self.shared.lock();
        let count = |name: &String| {
            let topic = cluster.topics.get(name.as_str())?;
            Some((name.clone(), i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX)))
        };
        Ok(topics.iter().filter_map(count).collect())
    }

    fn topics(&mut self) -> Result<Vec<String>, BrokerError> {
        let mut names: Vec<String> = self.shared.lock().topics.keys().map(|name| name.to_string()).collect();
        names.sort();
        Ok(names)
    }

    fn create(&mut self, topics: &[NewTopic]) -> Result<Vec<Result<Created, BrokerError>>, BrokerError> {
        let mut cluster = self.shared.lock();
        let mut create = |wanted: &NewTopic| {
            if cluster.topics.contains_key(wanted.name.as_str()) {
                return Ok(Created::Existed);
            }
            cluster.topics.insert(Arc::from(wanted.name.as_str()), Topic::new(wanted)?);
            Ok(Created::New)
        };
        Ok(topics.iter().map(&mut create).collect())
    }

    fn settings(&mut self, topic: &str) -> Result<BTreeMap<String, String>, BrokerError> {
        Ok(self.shared.lock().topic_mut(topic)?.settings.clone())
    }

    fn delete(&mut self, topics: &[String]) -> Result<(), BrokerError> {
        let mut cluster = self.shared.lock();
        for name in topics {
            cluster.topics.remove(name.as_str());
        }
        Ok(())
    }

    fn delete_records(&mut self, before: &[(Partition, i64)]) -> Result<(), BrokerError> {
        let mut cluster = self.shared.lock();
        for (partition, offset) in before {
            if !cluster.topic_mut(&partition.topic)?.is_deletable() {
                let policy = "its cleanup.policy is without delete";
                return Err(BrokerError::Fatal(format!(
                    "records of {partition} cannot be deleted: {policy}"
                )));
            }
            let log = cluster.log_mut(partition)?;
            if *offset > log.high_watermark() {
                return Err(BrokerError::OffsetOutOfRange { partition: partition.clone(), offset: *offset });
            }
            log.delete_before(*offset);
        }
        Ok(())
    }

    fn members(&mut self, group: &str) -> Result<Vec<GroupMember>, BrokerError> {
        let cluster = self.shared.lock();
        let Some(group) = cluster.groups.get(group) else { return Ok(Vec::new()) };
        let member = |(number, it): (&u64, &Member)| GroupMember {
            member_id: format!("{}-{number}", it.client_id),
            client_id: it.client_id.clone(),
            host: "memory".to_owned(),
        };
        Ok(group.members.iter().map(member).collect())
    }

    fn holders(&mut self, group: &str) -> Result<Vec<Holder>, BrokerError> {
        let cluster = self.shared.lock();
        let members = cluster.groups.get(group).into_iter().flat_map(|group| group.members.values());
        let holder =
            |it: &Member| Holder { client_id: it.client_id.clone(), held: it.held.iter().cloned().collect() };
        Ok(members.map(holder).collect())
    }

    fn delete_group(&mut self, group: &str) -> Result<(), BrokerError> {
        let mut cluster = self.shared.lock();
        if cluster.groups.get(group).is_some_and(|known| !known.members.is_empty()) {
            return Err(BrokerError::Fatal(format!("group {group} has members: stop them first")));
        }
        cluster.groups.remove(group);
        Ok(())
    }
}
