//! Fills the input topics, once per broker.

use std::collections::BTreeMap;
use std::time::Duration;

use topo::broker::{
    Admin, Broker, BrokerError, ConsumerConfig, Created, Isolation, NewTopic, Outgoing, Producer,
    ProducerConfig,
};
use topo::{Headers, Partition, partition_of};

use crate::topologies::{FACTS, FOREIGN, FOREIGN_KEYS, KEYS, PARTITIONS, RECORDS, ROWS};

/// Event time of the first record.
const START_MS: i64 = 1_700_000_000_000;

/// Creates the inputs that are missing and fills them. The same seed gives the same bytes.
/// Says how many facts there are, also when an earlier run filled them.
pub(crate) fn fill(broker: &dyn Broker, scale: f64) -> Result<u64, BrokerError> {
    let mut admin = broker.admin()?;
    let mut producer = broker.producer(&ProducerConfig {
        client_id: "bench-load".to_owned(),
        transactional_id: None,
        transaction_timeout: Duration::from_secs(10),
        linger: Duration::from_millis(20),
    })?;
    let scaled = |count: u64| ((count as f64 * scale) as u64).max(1);
    let mut random = Random(42);
    if create(admin.as_mut(), ROWS)? {
        for key in 0..scaled(KEYS) {
            send(producer.as_mut(), ROWS, key, START_MS, &mut random)?;
        }
    }
    if create(admin.as_mut(), FOREIGN)? {
        for key in 0..FOREIGN_KEYS {
            send(producer.as_mut(), FOREIGN, key, START_MS, &mut random)?;
        }
    }
    if create(admin.as_mut(), FACTS)? {
        let records = scaled(RECORDS);
        for nth in 0..records {
            let key = random.next() % scaled(KEYS);
            // Ten minutes of event time in all: two windows and a bit.
            let timestamp = START_MS + i64::try_from(nth * 600_000 / records).unwrap_or(0);
            send(producer.as_mut(), FACTS, key, timestamp, &mut random)?;
        }
    }
    while producer.in_flight() > 0 {
        if let Some(failure) = producer.delivered(Duration::from_millis(50)).failure {
            return Err(failure);
        }
    }
    count(broker)
}

/// Facts in the broker.
fn count(broker: &dyn Broker) -> Result<u64, BrokerError> {
    let mut reader = broker.consumer(&ConsumerConfig {
        client_id: "bench-load".to_owned(),
        group: None,
        isolation: Isolation::ReadUncommitted,
        buffer_bytes: 1 << 20,
    })?;
    let mut records = 0;
    for number in 0..PARTITIONS {
        let marks = reader.watermarks(&Partition::new(FACTS, number))?;
        records += u64::try_from(marks.high - marks.low).unwrap_or(0);
    }
    Ok(records)
}

/// Whether the topic is new and wants filling.
fn create(admin: &mut dyn Admin, topic: &str) -> Result<bool, BrokerError> {
    // The records lie in the past: the broker must not delete them by their time.
    let settings = BTreeMap::from([("retention.ms".to_owned(), "-1".to_owned())]);
    let new = NewTopic { name: topic.to_owned(), partitions: PARTITIONS, replication: 1, settings };
    let mut created = admin.create(&[new])?;
    Ok(created.pop().transpose()? == Some(Created::New))
}

fn send(
    producer: &mut dyn Producer,
    topic: &str,
    key: u64,
    timestamp: i64,
    random: &mut Random,
) -> Result<(), BrokerError> {
    let key = format!("{key:08}");
    let value = format!("{:08}{:016x}{:076}", random.next() % FOREIGN_KEYS, random.next(), 0);
    let headers = Headers::new();
    loop {
        let sent = producer.send(Outgoing {
            topic,
            partition: partition_of(key.as_bytes(), PARTITIONS),
            key: Some(key.as_bytes()),
            value: Some(value.as_bytes()),
            timestamp,
            headers: &headers,
            slot: None,
        });
        match sent {
            Err(BrokerError::QueueFull) => {
                producer.delivered(Duration::from_millis(10));
            }
            other => return other,
        }
    }
}

/// A small reproducible generator (xorshift64*).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }
}
