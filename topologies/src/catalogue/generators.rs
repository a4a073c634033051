//! `topo generate`: made-up input to Kafka or to standard output.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use topo::broker::kafka::KafkaBroker;
use topo::broker::{Broker, BrokerError, NewTopic, Outgoing, Producer, ProducerConfig};
use topo::cli::{Failure, GenerateOptions, Target};
use topo::config::Settings;
use topo::{Headers, partition_of};

use crate::generate::{
    OrdersConfig, OrdersGenerator, PaymentsConfig, PaymentsGenerator, WireRecord, orders_topics,
};

/// Partitions of input topics that are missing, unless `partitions` says otherwise.
const PARTITIONS: i32 = 6;

/// `topo generate orders`.
pub(super) fn orders(
    settings: &Settings,
    options: &GenerateOptions,
    stop: &AtomicBool,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let config = OrdersConfig {
        seed: options.seed,
        events: options.events,
        prefix: settings.text(super::orders::PREFIX.name)?.to_owned(),
        schema: settings.text(super::orders::SCHEMA.name)?.to_owned(),
        ..OrdersConfig::default()
    };
    let topics = orders_topics(&config.prefix, &config.schema);
    write_all(OrdersGenerator::new(config), &topics, settings, options, stop, out)
}

/// `topo generate payments`.
pub(super) fn payments(
    settings: &Settings,
    options: &GenerateOptions,
    stop: &AtomicBool,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let topic = settings.text(super::velocity::INPUT.name)?.to_owned();
    let config = PaymentsConfig {
        seed: options.seed,
        events: options.events,
        topic: topic.clone(),
        ..PaymentsConfig::default()
    };
    write_all(PaymentsGenerator::new(config), &[topic], settings, options, stop, out)
}

fn write_all(
    records: impl Iterator<Item = WireRecord>,
    topics: &[String],
    settings: &Settings,
    options: &GenerateOptions,
    stop: &AtomicBool,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let mut kafka = match options.to {
        Target::Kafka => Some(KafkaTarget::open(settings, topics)?),
        Target::Stdout => None,
    };
    let begin = Instant::now();
    for (nth, record) in (0_u32..).zip(records) {
        if stop.load(Relaxed) {
            break;
        }
        match &mut kafka {
            Some(kafka) => kafka.write(&record)?,
            None => writeln!(out, "{}", line(&record))?,
        }
        if let Some(rate) = options.rate {
            let due = begin + Duration::from_secs_f64(f64::from(nth) / rate);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
    }
    match kafka {
        Some(mut kafka) => kafka.finish(),
        None => Ok(()),
    }
}

/// One JSON object: text where the bytes are text, base64 where they are not.
fn line(record: &WireRecord) -> serde_json::Value {
    let text = |bytes: &Option<Vec<u8>>| match bytes.as_deref().map(std::str::from_utf8) {
        None => serde_json::Value::Null,
        Some(Ok(text)) => text.into(),
        Some(Err(_)) => STANDARD.encode(bytes.as_deref().unwrap_or_default()).into(),
    };
    let headers: Vec<_> =
        record.headers.iter().map(|(name, value)| serde_json::json!([name, text(value)])).collect();
    serde_json::json!({
        "topic": record.topic, "key": text(&record.key), "value": text(&record.value),
        "timestamp": record.timestamp_ms, "headers": headers,
    })
}

/// Writes to Kafka; topics that are missing are made.
struct KafkaTarget {
    producer: Box<dyn Producer>,
    partitions: BTreeMap<String, i32>,
}

impl KafkaTarget {
    fn open(settings: &Settings, topics: &[String]) -> Result<Self, Failure> {
        let broker = KafkaBroker::new(settings.text("bootstrap.servers")?, settings.kafka());
        let count = i32::try_from(settings.integer("partitions")?).ok().filter(|count| *count > 0);
        let replication = i32::try_from(settings.integer("replication.factor")?).unwrap_or(-1);
        let mut admin = broker.admin()?;
        let new = |name: &String| NewTopic {
            name: name.clone(),
            partitions: count.unwrap_or(PARTITIONS),
            replication,
            // The made-up events lie in the past: the broker must not delete them by their time.
            settings: BTreeMap::from([("retention.ms".to_owned(), "-1".to_owned())]),
        };
        for created in admin.create(&topics.iter().map(new).collect::<Vec<_>>())? {
            created?;
        }
        let partitions = admin.partitions(topics)?;
        let producer = broker.producer(&ProducerConfig {
            client_id: "topo-generate".to_owned(),
            transactional_id: None,
            transaction_timeout: Duration::from_secs(10),
            linger: Duration::from_millis(20),
        })?;
        Ok(Self { producer, partitions })
    }

    fn write(&mut self, record: &WireRecord) -> Result<(), Failure> {
        let mut headers = Headers::new();
        for (name, value) in &record.headers {
            headers.push(name.as_str(), value.clone());
        }
        let count = self.partitions.get(&record.topic).copied().unwrap_or(1);
        let outgoing = Outgoing {
            topic: &record.topic,
            partition: record.key.as_deref().map_or(0, |key| partition_of(key, count)),
            key: record.key.as_deref(),
            value: record.value.as_deref(),
            timestamp: record.timestamp_ms,
            headers: &headers,
            slot: None,
        };
        loop {
            match self.producer.send(outgoing) {
                Err(BrokerError::QueueFull) => self.serve()?,
                other => return Ok(other?),
            }
        }
    }

    fn serve(&mut self) -> Result<(), Failure> {
        match self.producer.delivered(Duration::from_millis(20)).failure {
            Some(failure) => Err(failure.into()),
            None => Ok(()),
        }
    }

    fn finish(&mut self) -> Result<(), Failure> {
        while self.producer.in_flight() > 0 {
            self.serve()?;
        }
        Ok(())
    }
}
