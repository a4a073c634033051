//! Fills the input topics, once per broker.

use std::time::{Duration, Instant};

use topo::broker::{
    Admin, Broker, BrokerError, Consumer, ConsumerConfig, Isolation, NewTopic, Outgoing, Producer,
    ProducerConfig,
};
use topo::{Headers, Partition, partition_of};

use crate::topologies::{FACTS, FOREIGN, FOREIGN_KEYS, KEYS, PARTITIONS, RECORDS, ROWS};

/// Event time of the first record.
pub(crate) const START_MS: i64 = 1_700_000_000_000;

/// How long a topic that was just created may be unknown to parts of the broker.
const PATIENCE: Duration = Duration::from_secs(30);

/// Creates the inputs that are missing and fills those that are empty. The same seed gives the same bytes. Says how many
/// facts there are, also when an earlier run filled them.
pub(crate) fn fill(broker: &dyn Broker, scale: f64) -> Result<u64, BrokerError> {
    let mut inputs = Load::open(broker)?;
    let scaled = |count: u64| ((count as f64 * scale) as u64).max(1);
    let mut random = Random(42);
    if inputs.create(ROWS)? == 0 {
        for key in 0..scaled(KEYS) {
            inputs.send(ROWS, key, START_MS, &mut random)?;
        }
    }
    if inputs.create(FOREIGN)? == 0 {
        for key in 0..FOREIGN_KEYS {
            inputs.send(FOREIGN, key, START_MS, &mut random)?;
        }
    }
    if inputs.create(FACTS)? == 0 {
        let records = scaled(RECORDS);
        for nth in 0..records {
            let key = random.next() % scaled(KEYS);
            // Ten minutes of event time in all: two windows and a bit.
            let timestamp = START_MS + i64::try_from(nth * 600_000 / records).unwrap_or(0);
            inputs.send(FACTS, key, timestamp, &mut random)?;
        }
    }
    inputs.settle()?;
    inputs.count(FACTS)
}

/// Creates the output topic of a process that does not do so itself.
#[allow(dead_code, reason = "only the bench on Kafka runs such processes")]
pub(crate) fn output(broker: &dyn Broker, topic: &str) -> Result<(), BrokerError> {
    Load::open(broker)?.create(topic).map(drop)
}

/// The clients that fill.
pub(crate) struct Load {
    admin: Box<dyn Admin>,
    reader: Box<dyn Consumer>,
    producer: Box<dyn Producer>,
}

impl Load {
    pub(crate) fn open(broker: &dyn Broker) -> Result<Self, BrokerError> {
        let client_id = "bench-load".to_owned();
        let reader = ConsumerConfig {
            client_id: client_id.clone(),
            group: None,
            isolation: Isolation::ReadUncommitted,
            buffer_bytes: 1 << 20,
        };
        let producer = ProducerConfig {
            client_id,
            transactional_id: None,
            transaction_timeout: Duration::from_secs(10),
            linger: Duration::from_millis(20),
        };
        Ok(Self {
            admin: broker.admin()?,
            reader: broker.consumer(&reader)?,
            producer: broker.producer(&producer)?,
        })
    }

    /// Creates a topic unless it is there. Says how many records it has.
    fn create(&mut self, topic: &str) -> Result<u64, BrokerError> {
        // The records lie in the past: the broker must not delete them by their time.
        self.create_with(topic, &[("retention.ms", "-1")])
    }

    pub(crate) fn create_with(&mut self, topic: &str, settings: &[(&str, &str)]) -> Result<u64, BrokerError> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let settings = settings.iter().map(owned).collect();
        let new = NewTopic { name: topic.to_owned(), partitions: PARTITIONS, replication: 1, settings };
        self.admin.create(&[new])?.pop().transpose()?;
        self.count(topic)
    }

    fn count(&mut self, topic: &str) -> Result<u64, BrokerError> {
        let mut records = 0;
        for number in 0..PARTITIONS {
            let partition = Partition::new(topic, number);
            let marks = patiently(|| self.reader.watermarks(&partition))?;
            records += u64::try_from(marks.high - marks.low).unwrap_or(0);
        }
        Ok(records)
    }

    fn send(
        &mut self,
        topic: &str,
        key: u64,
        timestamp: i64,
        random: &mut Random,
    ) -> Result<(), BrokerError> {
        let key = format!("{key:08}");
        let value = format!("{:08}{:016x}{:076}", random.next() % FOREIGN_KEYS, random.next(), 0);
        self.write(topic, key.as_bytes(), value.as_bytes(), timestamp)
    }

    pub(crate) fn write(
        &mut self,
        topic: &str,
        key: &[u8],
        value: &[u8],
        timestamp: i64,
    ) -> Result<(), BrokerError> {
        let headers = Headers::new();
        patiently(|| {
            let sent = self.producer.send(Outgoing {
                topic,
                partition: partition_of(key, PARTITIONS),
                key: Some(key),
                value: Some(value),
                timestamp,
                headers: &headers,
                slot: None,
            });
            if sent.is_err() {
                self.producer.delivered(Duration::from_millis(10));
            }
            sent
        })
    }

    pub(crate) fn settle(&mut self) -> Result<(), BrokerError> {
        while self.producer.in_flight() > 0 {
            if let Some(failure) = self.producer.delivered(Duration::from_millis(50)).failure {
                return Err(failure);
            }
        }
        Ok(())
    }
}

/// Calls again while the broker is not ready.
fn patiently<T>(mut call: impl FnMut() -> Result<T, BrokerError>) -> Result<T, BrokerError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match call() {
            Err(BrokerError::QueueFull | BrokerError::Retriable(_) | BrokerError::UnknownTopic { .. })
                if Instant::now() < deadline => {}
            other => return other,
        }
    }
}

/// A small reproducible generator (xorshift64*).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }
}
