//! Topics, groups and settings of a Kafka cluster.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic as Wanted, ResourceSpecifier, TopicReplication};
use rdkafka::error::RDKafkaErrorCode as Code;
use rdkafka::metadata::Metadata;
use rdkafka::topic_partition_list::Offset;

use super::block_on::block_on;
use super::errors::{react, react_to_code};
use super::holders;
use super::limits::{look_around, topic_exists};
use super::partitions::list_at;
use super::reporter::Reporter;
use super::settings::Settings;
use crate::broker::{Admin, BrokerError, Created, GroupMember, Holder, NewTopic};
use crate::record::Partition;

/// The longest that a call waits for the broker.
const PATIENCE: Duration = Duration::from_secs(5);

/// Administers a Kafka cluster.
pub(super) struct KafkaAdmin {
    client: AdminClient<Reporter>,
}

impl KafkaAdmin {
    pub(super) fn open(settings: &Settings, reporter: Reporter) -> Result<Self, BrokerError> {
        let client = settings
            .admin()
            .create_with_context(reporter)
            .map_err(|error| react("opening an administration client", &error))?;
        Ok(Self { client })
    }

    fn options() -> AdminOptions {
        AdminOptions::new().request_timeout(Some(PATIENCE)).operation_timeout(Some(PATIENCE))
    }

    fn metadata(&self) -> Result<Metadata, BrokerError> {
        let metadata = self
            .client
            .inner()
            .fetch_metadata(None, PATIENCE)
            .map_err(|error| react("asking for the topics of the cluster", &error))?;
        self.client.inner().context().answered();
        Ok(metadata)
    }
}

fn refused(doing: String, code: Code) -> BrokerError {
    react_to_code(code, format!("{doing}: {code}"))
}

impl Admin for KafkaAdmin {
    fn cluster_id(&mut self) -> Result<String, BrokerError> {
        let id = self.client.inner().fetch_cluster_id(PATIENCE);
        id.ok_or_else(|| BrokerError::Retriable("asking for the cluster's id: no broker answered".to_owned()))
    }

    fn partitions(&mut self, topics: &[String]) -> Result<BTreeMap<String, i32>, BrokerError> {
        let metadata = self.metadata()?;
        let wanted = metadata.topics().iter().filter(|topic| topics.iter().any(|name| name == topic.name()));
        let counted = wanted.filter(|topic| topic.error().is_none() && !topic.partitions().is_empty());
        Ok(counted
            .map(|topic| {
                (topic.name().to_owned(), i32::try_from(topic.partitions().len()).unwrap_or(i32::MAX))
            })
            .collect())
    }

    fn topics(&mut self) -> Result<Vec<String>, BrokerError> {
        let mut names: Vec<String> =
            self.metadata()?.topics().iter().map(|topic| topic.name().to_owned()).collect();
        names.sort();
        Ok(names)
    }

    fn create(&mut self, topics: &[NewTopic]) -> Result<Vec<Result<Created, BrokerError>>, BrokerError> {
        if topics.is_empty() {
            return Ok(Vec::new());
        }
        let wanted: Vec<Wanted<'_>> = topics
            .iter()
            .map(|topic| {
                let replication = TopicReplication::Fixed(topic.replication);
                let plain = Wanted::new(&topic.name, topic.partitions, replication);
                topic.settings.iter().fold(plain, |wanted, (name, value)| wanted.set(name, value))
            })
            .collect();
        let answers = block_on(self.client.create_topics(&wanted, &Self::options())).map_err(|error| {
            look_around(self.client.inner(), &topics[0].name);
            react("creating topics", &error)
        })?;
        Ok(answers
            .into_iter()
            .map(|answer| match answer {
                Ok(_) => Ok(Created::New),
                Err((_, Code::TopicAlreadyExists)) => Ok(Created::Existed),
                Err((name, code)) => Err(refused(format!("creating topic {name}"), code)),
            })
            .collect())
    }

    fn settings(&mut self, topic: &str) -> Result<BTreeMap<String, String>, BrokerError> {
        let doing = format!("asking for the settings of topic {topic}");
        let wanted = ResourceSpecifier::Topic(topic);
        let answer =
            block_on(self.client.describe_configs([&wanted], &Self::options())).map_err(|error| {
                look_around(self.client.inner(), topic);
                react(&doing, &error)
            })?;
        match answer.into_iter().next() {
            Some(Ok(resource)) if resource.entries.is_empty() => {
                match topic_exists(self.client.inner(), topic)? {
                    true => Err(BrokerError::Unauthorized(doing)),
                    false => Err(BrokerError::UnknownTopic { topic: topic.to_owned() }),
                }
            }
            Some(Ok(resource)) => Ok(resource
                .entries
                .into_iter()
                .filter_map(|entry| Some((entry.name, entry.value?)))
                .collect()),
            Some(Err(Code::UnknownTopicOrPartition | Code::UnknownTopic)) | None => {
                Err(BrokerError::UnknownTopic { topic: topic.to_owned() })
            }
            Some(Err(code)) => Err(refused(doing, code)),
        }
    }

    fn delete(&mut self, topics: &[String]) -> Result<(), BrokerError> {
        if topics.is_empty() {
            return Ok(());
        }
        let names: Vec<&str> = topics.iter().map(String::as_str).collect();
        let answers = block_on(self.client.delete_topics(&names, &Self::options()))
            .map_err(|error| react("deleting topics", &error))?;
        answers.into_iter().try_for_each(|answer| match answer {
            Ok(_) | Err((_, Code::UnknownTopicOrPartition | Code::UnknownTopic)) => Ok(()),
            Err((name, code)) => Err(refused(format!("deleting topic {name}"), code)),
        })
    }

    fn delete_records(&mut self, before: &[(Partition, i64)]) -> Result<(), BrokerError> {
        if before.is_empty() {
            return Ok(());
        }
        let list = list_at(before.iter().map(|(partition, offset)| (partition, Offset::Offset(*offset))))?;
        let answer = block_on(self.client.delete_records(&list, &Self::options())).map_err(|error| {
            look_around(self.client.inner(), &before[0].0.topic);
            react("deleting records", &error)
        })?;
        for (partition, offset) in before {
            let Some(element) = answer.find_partition(&partition.topic, partition.number) else { continue };
            let Err(error) = element.error() else { continue };
            return Err(match error.rdkafka_error_code() {
                Some(Code::OffsetOutOfRange) => {
                    BrokerError::OffsetOutOfRange { partition: partition.clone(), offset: *offset }
                }
                Some(Code::UnknownTopicOrPartition) => {
                    BrokerError::UnknownTopic { topic: partition.topic.to_string() }
                }
                _ => react(&format!("deleting records of {partition}"), &error),
            });
        }
        Ok(())
    }

    fn members(&mut self, group: &str) -> Result<Vec<GroupMember>, BrokerError> {
        holders::members(self.client.inner(), group)
    }

    fn holders(&mut self, group: &str) -> Result<Vec<Holder>, BrokerError> {
        holders::holders(self.client.inner(), group)
    }

    fn delete_group(&mut self, group: &str) -> Result<(), BrokerError> {
        let answers = block_on(self.client.delete_groups(&[group], &Self::options()))
            .map_err(|error| react(&format!("deleting group {group}"), &error))?;
        answers.into_iter().try_for_each(|answer| match answer {
            Ok(_) | Err((_, Code::GroupIdNotFound)) => Ok(()),
            Err((_, Code::NonEmptyGroup)) => {
                Err(BrokerError::Fatal(format!("group {group} has members: stop them first")))
            }
            Err((_, code)) => Err(refused(format!("deleting group {group}"), code)),
        })
    }
}
