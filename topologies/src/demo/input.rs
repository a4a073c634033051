//! The demo's input: made up, written to the broker, and told to the model at the same time.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use topo::Headers;
use topo::broker::memory::MemoryBroker;
use topo::broker::{Broker, BrokerError, NewTopic, Outgoing, Producer, ProducerConfig};

use super::PARTITIONS;
use crate::cdc::{Catalogue, DecoderConfig};
use crate::generate::{
    OrdersConfig, OrdersGenerator, PaymentsConfig, PaymentsGenerator, WireRecord, orders_topics,
};
use crate::model::{OrdersModel, OrdersModelConfig, PaymentsModel, PaymentsModelConfig};

/// What went in, and what the model makes of it.
pub(super) struct Input {
    pub(super) orders: OrdersModel,
    pub(super) payments: PaymentsModel,
    pub(super) change_records: u64,
    pub(super) payment_records: u64,
}

/// Writes records and knows their offsets.
struct Writer {
    producer: Box<dyn Producer>,
    next: HashMap<(String, i32), i64>,
}

impl Input {
    /// Makes input up and writes it.
    pub(super) fn produce(
        broker: &MemoryBroker,
        seed: u64,
        events: u64,
        payments: u64,
    ) -> Result<Self, BrokerError> {
        let orders = OrdersConfig { seed, events, ..OrdersConfig::default() };
        let payments = PaymentsConfig {
            seed,
            events: payments,
            partitions: Some(PARTITIONS),
            ..PaymentsConfig::default()
        };
        let topics =
            orders_topics(&orders.prefix, &orders.schema).into_iter().chain([payments.topic.clone()]);
        let new = |name| NewTopic { name, partitions: PARTITIONS, replication: 1, settings: BTreeMap::new() };
        let topics: Vec<NewTopic> = topics.map(new).collect();
        broker.admin()?.create(&topics)?;

        let catalogue = Catalogue::sales().map_err(|error| BrokerError::Fatal(error.to_string()))?;
        let model = OrdersModelConfig::new(DecoderConfig::new(catalogue));
        let mut input = Self {
            orders: OrdersModel::new(model),
            payments: PaymentsModel::new(PaymentsModelConfig::default()),
            change_records: 0,
            payment_records: 0,
        };
        let mut writer = Writer::new(broker)?;
        for record in OrdersGenerator::new(orders) {
            let (partition, offset) = writer.write(&record)?;
            input.orders.apply(&record.topic, partition, offset, &record);
            input.change_records += 1;
        }
        for record in PaymentsGenerator::new(payments) {
            let (partition, offset) = writer.write(&record)?;
            input.payments.apply(&record.topic, partition, offset, &record);
            input.payment_records += 1;
        }
        Ok(input)
    }

    /// Records of both kinds.
    pub(super) fn records(&self) -> u64 {
        self.change_records + self.payment_records
    }

    /// Verdicts that must be written.
    pub(super) fn verdicts(&self) -> usize {
        self.payments.expected_verdicts().len()
    }
}

impl Writer {
    fn new(broker: &MemoryBroker) -> Result<Self, BrokerError> {
        let config = ProducerConfig {
            client_id: "demo".into(),
            transactional_id: None,
            transaction_timeout: Duration::from_secs(60),
            linger: Duration::ZERO,
        };
        Ok(Self { producer: broker.producer(&config)?, next: HashMap::new() })
    }

    /// Writes a record; says where it is now.
    fn write(&mut self, record: &WireRecord) -> Result<(i32, i64), BrokerError> {
        let partition = record.partition(PARTITIONS);
        let mut headers = Headers::new();
        for (name, value) in &record.headers {
            headers.push(name, value.clone());
        }
        let outgoing = Outgoing {
            topic: &record.topic,
            partition,
            key: record.key.as_deref(),
            value: record.value.as_deref(),
            timestamp: record.timestamp_ms,
            headers: &headers,
            slot: None,
        };
        while let Err(error) = self.producer.send(outgoing) {
            if error != BrokerError::QueueFull {
                return Err(error);
            }
            self.serve(Duration::from_millis(10))?;
        }
        self.serve(Duration::ZERO)?;
        let next = self.next.entry((record.topic.clone(), partition)).or_default();
        *next += 1;
        Ok((partition, *next - 1))
    }

    fn serve(&mut self, wait: Duration) -> Result<(), BrokerError> {
        self.producer.delivered(wait).failure.map_or(Ok(()), Err)
    }
}
