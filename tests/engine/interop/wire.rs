//! Topics of the shared Kafka: made, written and read.

use std::sync::Arc;
use std::time::{Duration, Instant};

use topo::broker::kafka::KafkaBroker;
use topo::broker::{
    Assignment, Broker, BrokerError, ConsumerConfig, Isolation, NewTopic, Outgoing, Producer, ProducerConfig,
    StartOffset,
};
use topo::{Headers, Partition, RawRecord, partition_of};

use super::model::{Input, Newest};
use super::{PARTITIONS, PATIENCE};

/// The topics of one application.
pub(super) struct Wire {
    broker: Arc<KafkaBroker>,
    application: String,
    producer: Box<dyn Producer>,
}

impl Wire {
    pub(super) fn new(broker: &Arc<KafkaBroker>, application: &str, topics: &[&str]) -> Self {
        let topics: Vec<NewTopic> = topics
            .iter()
            .map(|topic| NewTopic {
                name: format!("{application}-{topic}"),
                partitions: PARTITIONS,
                replication: 1,
                settings: [("retention.ms".to_owned(), "-1".to_owned())].into(),
            })
            .collect();
        for created in broker.admin().unwrap().create(&topics).unwrap() {
            created.unwrap();
        }
        let config = ProducerConfig {
            client_id: "test".into(),
            transactional_id: None,
            transaction_timeout: Duration::from_secs(10),
            linger: Duration::from_millis(1),
        };
        let producer = broker.producer(&config).unwrap();
        Self { broker: broker.clone(), application: application.to_owned(), producer }
    }

    pub(super) fn produce(&mut self, inputs: &[Input]) {
        for Input { topic, key, value, time } in inputs {
            let record = Outgoing {
                topic: &format!("{}-{topic}", self.application),
                partition: partition_of(key.as_bytes(), PARTITIONS),
                key: Some(key.as_bytes()),
                value: value.as_deref().map(str::as_bytes),
                timestamp: *time,
                headers: &Headers::new(),
                slot: None,
            };
            let deadline = Instant::now() + PATIENCE;
            while let Err(error) = self.producer.send(record) {
                // A busy broker tells of a topic a while after it has made it.
                let passes = matches!(
                    error,
                    BrokerError::Retriable(_) | BrokerError::QueueFull | BrokerError::UnknownTopic { .. }
                );
                assert!(passes && Instant::now() < deadline, "{error}");
            }
        }
        while self.producer.in_flight() > 0 {
            assert!(self.producer.delivered(Duration::from_millis(10)).failure.is_none());
        }
    }

    /// The newest committed record of each key.
    pub(super) fn newest(&self, topic: &str) -> Newest {
        let mut newest = Newest::new();
        for (_, record) in self.records(topic) {
            let key = record.key.unwrap().to_vec();
            match record.value {
                Some(value) => newest.insert(key, value.to_vec()),
                None => newest.remove(&key),
            };
        }
        newest
    }

    /// All committed records of a topic with their partitions, partition by partition.
    pub(super) fn records(&self, topic: &str) -> Vec<(i32, RawRecord)> {
        let config = ConsumerConfig {
            client_id: "test".into(),
            group: None,
            isolation: Isolation::ReadCommitted,
            buffer_bytes: 1 << 20,
        };
        let mut reader = self.broker.consumer(&config).unwrap();
        let mut records = Vec::new();
        for number in 0..PARTITIONS {
            let partition = Partition::new(format!("{}-{topic}", self.application), number);
            let marks = patiently(|| reader.watermarks(&partition));
            let start = StartOffset::Earliest;
            reader.assign(&[Assignment { partition: partition.clone(), start, slot: 0 }]).unwrap();
            let mut fetched = Vec::new();
            while reader.position(&partition).unwrap().unwrap_or(0) < marks.high {
                reader.poll(1_000, Duration::from_millis(50), &mut fetched).unwrap();
            }
            reader.unassign(&[partition]).unwrap();
            records.extend(fetched.into_iter().map(|it| (number, it.record)));
        }
        records
    }
}

/// Asks again while the broker has no time for an answer.
fn patiently<T>(mut ask: impl FnMut() -> Result<T, BrokerError>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match ask() {
            Err(BrokerError::Retriable(_)) if Instant::now() < deadline => {}
            answer => return answer.unwrap(),
        }
    }
}
