//! Writes input and reads it back: the broker's order is the truth for the model.

use std::collections::BTreeMap;
use std::time::Duration;

use topo::Headers;
use topo::broker::kafka::KafkaBroker;
use topo::broker::{Broker, BrokerError, Outgoing, Producer, ProducerConfig};
use topologies::generate::WireRecord;

use super::System;

/// Writes records to their partitions.
pub(crate) struct Input {
    producer: Box<dyn Producer>,
    topics: Vec<String>,
    partitions: i32,
    /// By topic and partition.
    written: BTreeMap<(String, i32), u64>,
}

impl Input {
    /// Makes these topics, with so many partitions each, and a writer to them.
    pub(crate) fn to(system: &System, topics: &[String], partitions: i32) -> Self {
        system.create_topics(topics, partitions);
        Self { topics: topics.to_vec(), ..Self::new(system, partitions) }
    }

    /// A writer to topics of so many partitions.
    pub(crate) fn new(system: &System, partitions: i32) -> Self {
        let config = ProducerConfig {
            client_id: "input".into(),
            transactional_id: None,
            transaction_timeout: Duration::from_secs(10),
            linger: Duration::from_millis(5),
        };
        // One batch at a time: when a leader goes, the library may take a batch for written because the one behind it was,
        // and nobody can say whether it is. The engine aborts then; here, outside a transaction, there would be no way back.
        let one = BTreeMap::from([("max.in.flight.requests.per.connection".to_owned(), "1".to_owned())]);
        let producer = KafkaBroker::new(system.kafka.bootstrap(), one).producer(&config).unwrap();
        Self { producer, topics: Vec::new(), partitions, written: BTreeMap::new() }
    }

    /// Queues a record.
    pub(crate) fn write(&mut self, record: &WireRecord) {
        let mut headers = Headers::new();
        for (name, value) in &record.headers {
            headers.push(name, value.clone());
        }
        let outgoing = Outgoing {
            topic: &record.topic,
            partition: record.partition(self.partitions),
            key: record.key.as_deref(),
            value: record.value.as_deref(),
            timestamp: record.timestamp_ms,
            headers: &headers,
            slot: None,
        };
        loop {
            match self.producer.send(outgoing) {
                Ok(()) => break,
                Err(BrokerError::QueueFull | BrokerError::Retriable(_)) => {
                    self.serve(Duration::from_millis(5));
                }
                Err(error) => panic!("{error}"),
            }
        }
        *self.written.entry((record.topic.clone(), outgoing.partition)).or_default() += 1;
        if self.written().is_multiple_of(100) {
            self.serve(Duration::ZERO);
        }
    }

    /// Waits until everything is in the topics.
    pub(crate) fn flush(&mut self) {
        while self.producer.in_flight() > 0 {
            self.serve(Duration::from_millis(10));
        }
    }

    /// Where it writes.
    pub(crate) fn topics(&self) -> &[String] {
        &self.topics
    }

    /// Partitions of each topic.
    pub(crate) fn partitions(&self) -> i32 {
        self.partitions
    }

    /// How many records were written.
    pub(crate) fn written(&self) -> u64 {
        self.written.values().sum()
    }

    /// How many records were written to a partition.
    pub(crate) fn written_to(&self, topic: &str, partition: i32) -> u64 {
        self.written.get(&(topic.to_owned(), partition)).copied().unwrap_or_default()
    }

    fn serve(&mut self, wait: Duration) {
        assert_eq!(self.producer.delivered(wait).failure, None);
    }
}

impl System {
    /// What lies in an input topic, in the form the model takes, by partition and offset.
    pub(crate) fn read_back(&self, topic: &str, partitions: i32) -> Vec<(i32, i64, WireRecord)> {
        let wire = |(partition, offset, record): (i32, i64, topo::RawRecord)| {
            let record = WireRecord {
                topic: topic.to_owned(),
                key: record.key.map(|key| key.to_vec()),
                value: record.value.map(|value| value.to_vec()),
                timestamp_ms: record.timestamp,
                headers: Vec::new(),
            };
            (partition, offset, record)
        };
        self.read_all(topic, partitions).into_iter().map(wire).collect()
    }
}
