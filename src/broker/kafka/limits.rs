//! What each topic takes, asked once per topic and shared by the writers of a process.

use std::sync::{Arc, Mutex, PoisonError};

use rdkafka::admin::{AdminClient, AdminOptions, ResourceSpecifier};
use rdkafka::client::Client;
use rdkafka::error::RDKafkaErrorCode;
use rustc_hash::FxHashMap;

use super::SLICE;
use super::block_on::block_on;
use super::errors::react;
use super::reporter::{Reachability, Reporter};
use super::settings::Settings;
use crate::broker::BrokerError;
use crate::broker::limits::Limits;

/// What a batch of one record weighs above its key and value, generously.
const OVERHEAD_BYTES: usize = 128;

/// The limits of topics.
pub(super) struct TopicLimits {
    settings: Settings,
    reachability: Arc<Reachability>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    client: Option<AdminClient<Reporter>>,
    limits: FxHashMap<String, Limits>,
}

impl TopicLimits {
    pub(super) fn new(settings: Settings, reachability: Arc<Reachability>) -> Self {
        Self { settings, reachability, known: Mutex::default() }
    }

    /// What a topic takes; waits for the broker the first time.
    pub(super) fn of(&self, topic: &str) -> Result<Limits, BrokerError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(limit) = known.limits.get(topic) {
            return Ok(*limit);
        }
        let client = match known.client.take() {
            Some(client) => client,
            None => self.connect()?,
        };
        let answer = ask(&client, topic);
        known.client = Some(client);
        let limit = answer?;
        known.limits.insert(topic.to_owned(), limit);
        Ok(limit)
    }

    fn connect(&self) -> Result<AdminClient<Reporter>, BrokerError> {
        let reporter = Reporter::new("limits", self.reachability.clone());
        self.settings
            .admin()
            .create_with_context(reporter)
            .map_err(|error| react("opening a client for topic settings", &error))
    }
}

fn ask(client: &AdminClient<Reporter>, topic: &str) -> Result<Limits, BrokerError> {
    let options = AdminOptions::new().request_timeout(Some(SLICE));
    let doing = format!("asking what records topic {topic} takes");
    let answer = block_on(client.describe_configs([&ResourceSpecifier::Topic(topic)], &options));
    let answer = answer.map_err(|error| {
        look_around(client.inner(), topic);
        react(&doing, &error)
    })?;
    match answer.into_iter().next() {
        // The library hides why it has nothing to say.
        Some(Ok(settings)) if settings.entries.is_empty() => match topic_exists(client.inner(), topic)? {
            true => Ok(Limits::NONE),
            false => Err(BrokerError::UnknownTopic { topic: topic.to_owned() }),
        },
        Some(Ok(settings)) => {
            client.inner().context().answered();
            let limits = Limits::of(|name| settings.get(name)?.value.as_deref());
            let bytes = match limits.bytes {
                usize::MAX => usize::MAX,
                bytes => bytes.saturating_sub(OVERHEAD_BYTES),
            };
            Ok(Limits { bytes, ..limits })
        }
        Some(Err(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic)) => {
            Err(BrokerError::UnknownTopic { topic: topic.to_owned() })
        }
        // Without the right to ask, the broker's answer to the record itself must do.
        Some(Err(
            RDKafkaErrorCode::TopicAuthorizationFailed | RDKafkaErrorCode::ClusterAuthorizationFailed,
        )) => Ok(Limits::NONE),
        Some(Err(code)) => Err(super::errors::react_to_code(code, format!("{doing}: {code}"))),
        None => Ok(Limits::NONE),
    }
}

/// Hears again who is there and who leads, after a call that was not answered: the library goes on asking the node it knows,
/// the controller or the leader of a partition, also when that is gone and another one has its place.
pub(super) fn look_around(client: &Client<Reporter>, topic: &str) {
    // Without an answer there is nothing new; the call itself has an error to tell.
    let _ = client.fetch_metadata(Some(topic), SLICE);
}

/// Whether the cluster has a topic of this name.
pub(super) fn topic_exists(client: &Client<Reporter>, topic: &str) -> Result<bool, BrokerError> {
    let answer = client
        .fetch_metadata(Some(topic), SLICE)
        .map_err(|error| react(&format!("asking whether topic {topic} exists"), &error))?;
    Ok(answer.topics().iter().any(|it| it.error().is_none() && !it.partitions().is_empty()))
}
