//! Records of the topic that are no state of an order: original bytes, and what is wrong with them.

use std::time::Duration;

use topo::broker::{Broker, BrokerError, Outgoing, Producer, ProducerConfig};
use topo::{Headers, RawRecord};

use super::batch::Unreadable;

/// Writes to the dead-letter topic. At least once: a crash before the batch is applied repeats it.
pub(super) struct DeadLetters {
    topic: String,
    client_id: String,
    open: Option<(Box<dyn Producer>, i32)>,
}

impl DeadLetters {
    pub(super) fn new(topic: &str, client_id: &str) -> Self {
        Self { topic: topic.to_owned(), client_id: client_id.to_owned(), open: None }
    }

    /// Writes one dead letter and waits a moment for the broker to have it.
    pub(super) fn write(
        &mut self,
        broker: &dyn Broker,
        (topic, partition, offset): (&str, i32, i64),
        record: &RawRecord,
        why: &Unreadable,
        now_ms: i64,
    ) -> Result<(), BrokerError> {
        let mut headers = record.headers.clone();
        let texts = [
            ("__streams.errors.exception", why.error_type.to_owned()),
            ("__streams.errors.message", why.message.clone()),
            ("__streams.errors.topic", topic.to_owned()),
            ("__streams.errors.partition", partition.to_string()),
            ("__streams.errors.offset", offset.to_string()),
            ("dlq.error.type", why.error_type.to_owned()),
            ("dlq.stage", "exit".to_owned()),
            ("dlq.retry.count", "0".to_owned()),
            ("dlq.first.failure.ts", now_ms.to_string()),
            ("dlq.last.failure.ts", now_ms.to_string()),
            ("dlq.consumer.id", self.client_id.clone()),
        ];
        for (name, text) in texts {
            headers.push_text(name, text);
        }
        match self.send(broker, partition, record, &headers) {
            // All but the value, which is what makes a record too large.
            Err(BrokerError::RecordTooLarge { .. }) if record.value.is_some() => {
                headers.push_text("dlq.truncated", "true");
                let record = RawRecord { value: None, ..record.clone() };
                self.send(broker, partition, &record, &headers)
            }
            // A topic that was made by others may take no record of such a time.
            Err(BrokerError::TimestampRefused { .. }) => {
                self.send(broker, partition, &RawRecord { timestamp: now_ms, ..record.clone() }, &headers)
            }
            sent => sent,
        }
    }

    fn send(
        &mut self,
        broker: &dyn Broker,
        partition: i32,
        record: &RawRecord,
        headers: &Headers,
    ) -> Result<(), BrokerError> {
        if self.open.is_none() {
            self.open = Some(open(broker, &self.topic, &self.client_id)?);
        }
        let Some((producer, partitions)) = &mut self.open else {
            return Err(BrokerError::Retriable("the dead-letter producer is not open".into()));
        };
        producer.send(Outgoing {
            topic: &self.topic,
            partition: partition % (*partitions).max(1),
            key: record.key.as_deref(),
            value: record.value.as_deref(),
            timestamp: record.timestamp,
            headers,
            slot: None,
        })?;
        for _ in 0..20 {
            let report = producer.delivered(Duration::from_millis(50));
            if let Some(failure) = report.failure {
                return Err(failure);
            }
            if producer.in_flight() == 0 {
                return Ok(());
            }
        }
        Err(BrokerError::Retriable(format!("{} does not take a dead letter", self.topic)))
    }
}

fn open(broker: &dyn Broker, topic: &str, client_id: &str) -> Result<(Box<dyn Producer>, i32), BrokerError> {
    let count = broker.admin()?.partitions(&[topic.to_owned()])?.get(topic).copied();
    let count = count.ok_or_else(|| BrokerError::Retriable(format!("topic {topic} does not exist yet")))?;
    let config = ProducerConfig {
        client_id: client_id.to_owned(),
        transactional_id: None,
        transaction_timeout: Duration::from_secs(60),
        linger: Duration::ZERO,
    };
    Ok((broker.producer(&config)?, count))
}
