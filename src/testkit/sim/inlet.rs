//! How the input of a run gets into its topics.

use std::collections::BTreeMap;
use std::time::Duration;

use super::scenario::{Input, Scenario};
use super::world::{Broken, text};
use crate::broker::memory::MemoryBroker;
use crate::broker::{Broker, NewTopic, Outgoing, Producer, ProducerConfig};
use crate::record::Headers;

/// Makes the topics of a scenario that there are from the start; with the name of a later one, that one.
pub(super) fn create(
    broker: &MemoryBroker,
    scenario: &dyn Scenario,
    later: Option<&str>,
) -> Result<(), Broken> {
    let all = scenario.later();
    let wanted = |(name, _): &(String, i32)| match later {
        Some(later) => name == later,
        None => !all.contains(name),
    };
    let topics: Vec<NewTopic> = scenario.topics().into_iter().filter(wanted).map(new_topic).collect();
    broker.admin().and_then(|mut admin| admin.create(&topics)).map(drop).map_err(text)
}

fn new_topic((name, partitions): (String, i32)) -> NewTopic {
    NewTopic { name, partitions, replication: -1, settings: BTreeMap::new() }
}

pub(super) fn writer_config(transactional_id: Option<&str>) -> ProducerConfig {
    ProducerConfig {
        client_id: "simulation".to_owned(),
        transactional_id: transactional_id.map(str::to_owned),
        transaction_timeout: Duration::from_secs(3_600),
        linger: Duration::ZERO,
    }
}

pub(super) fn send(writer: &mut dyn Producer, input: &Input) -> Result<(), Broken> {
    let Input { topic, partition, record } = input;
    writer
        .send(Outgoing {
            topic,
            partition: *partition,
            key: record.key.as_deref(),
            value: record.value.as_deref(),
            timestamp: record.timestamp,
            headers: &Headers::clone(&record.headers),
            slot: None,
        })
        .map_err(text)?;
    writer.delivered(Duration::ZERO).failure.map_or(Ok(()), |failure| Err(text(failure)))
}
