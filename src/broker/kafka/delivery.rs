//! What became of the records of one writer, gathered from the library's delivery reports.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::{DeliveryResult, Message as _};
use rdkafka::producer::{NoCustomPartitioner, ProducerContext};

use super::errors::react_to_code;
use super::reporter::Reporter;
use crate::broker::{BrokerError, Deliveries};

/// Reports since they were last handed out.
#[derive(Default)]
struct Reports {
    /// Next offset by slot; 0 where nothing was written.
    next_offsets: Vec<i64>,
    failure: Option<BrokerError>,
    count: usize,
    /// Reports ever.
    total: u64,
}

/// The context of a writer: its voice and its reports.
pub(super) struct DeliveryContext {
    reporter: Reporter,
    reports: Mutex<Reports>,
}

impl DeliveryContext {
    pub(super) fn new(reporter: Reporter) -> Self {
        Self { reporter, reports: Mutex::default() }
    }

    /// The topic that this client may not write, as far as it was told.
    pub(super) fn denied(&self) -> Option<String> {
        self.reporter.denied()
    }

    fn reports(&self) -> MutexGuard<'_, Reports> {
        self.reports.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many reports wait to be handed out.
    pub(super) fn count(&self) -> usize {
        self.reports().count
    }

    /// How many reports there ever were: one for each record that was taken.
    pub(super) fn reported(&self) -> u64 {
        self.reports().total
    }

    /// Hands out what came in.
    pub(super) fn take(&self) -> Deliveries {
        let mut reports = self.reports();
        reports.count = 0;
        let mut deliveries = Deliveries { failure: reports.failure.take(), ..Deliveries::default() };
        for (slot, next) in reports.next_offsets.iter_mut().enumerate().filter(|(_, next)| **next > 0) {
            deliveries.next_offsets.insert(slot, *next);
            *next = 0;
        }
        deliveries
    }
}

impl ClientContext for DeliveryContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        self.reporter.log(level, facility, text);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.reporter.error(error, reason);
    }
}

impl ProducerContext<NoCustomPartitioner> for DeliveryContext {
    /// The slot plus one; 0 is no slot.
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, opaque: usize) {
        let mut reports = self.reports();
        reports.count += 1;
        reports.total += 1;
        match result {
            Ok(message) => {
                if reports.count == 1 {
                    self.reporter.answered();
                }
                if message.offset() < 0 {
                    let failure = unanswered(message.topic(), message.partition());
                    reports.failure.get_or_insert(failure);
                    return;
                }
                let Some(slot) = opaque.checked_sub(1) else { return };
                if reports.next_offsets.len() <= slot {
                    reports.next_offsets.resize(slot + 1, 0);
                }
                reports.next_offsets[slot] = reports.next_offsets[slot].max(message.offset() + 1);
            }
            Err((error, message)) => {
                let bytes = message.key_len() + message.payload_len();
                if let Some(failure) = failure_of(error, message.topic(), message.partition(), bytes) {
                    reports.failure.get_or_insert(failure);
                }
            }
        }
    }
}

/// A record that no broker has ever answered for: the library takes it for written because a later one of its partition was
/// ("implicit ack"). That holds as long as the broker knows the writer's sequence. A broker that knows nothing of a writer
/// (its first records there, or Kafka has forgotten it: `producer.id.expiration.ms` goes by the timestamps of records)
/// takes whatever comes first: when it refuses a batch while it takes over its partitions, and then accepts the next
/// one, the first is lost and reported as written.
fn unanswered(topic: &str, partition: i32) -> BrokerError {
    BrokerError::AbortRequired(format!(
        "writing to {topic}-{partition}: the broker answered for a later record, but not for this one"
    ))
}

/// What an undeliverable record means; `None` when it was we who gave it up.
fn failure_of(error: &KafkaError, topic: &str, partition: i32, bytes: usize) -> Option<BrokerError> {
    let code = error.rdkafka_error_code().unwrap_or(Code::Unknown);
    let text = format!("writing to {topic}-{partition}: {error}");
    Some(match code {
        Code::PurgeQueue | Code::PurgeInflight => return None,
        Code::UnknownTopic | Code::UnknownTopicOrPartition => {
            BrokerError::UnknownTopic { topic: topic.to_owned() }
        }
        Code::MessageSizeTooLarge => BrokerError::RecordTooLarge {
            topic: topic.to_owned(),
            bytes,
            detail: "the broker refused its batch: check max.message.bytes".to_owned(),
        },
        _ => match react_to_code(code, text) {
            // The library has retried already; what is left of the transaction cannot be committed.
            BrokerError::Retriable(text) | BrokerError::Fatal(text) => BrokerError::AbortRequired(text),
            other => other,
        },
    })
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use rdkafka::ClientConfig;
    use rdkafka::mocking::MockCluster;
    use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer as _};
    use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

    use super::*;

    /// A real broker may do this for the moment in which it takes over its partitions; the library's own mock does it when asked.
    #[test]
    fn a_record_the_broker_refused_is_not_taken_for_written_because_the_next_one_was() {
        let cluster: MockCluster<'_, DefaultProducerContext> = MockCluster::new(1).unwrap();
        cluster.create_topic("t", 1, 1).unwrap();
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", cluster.bootstrap_servers());
        config.set("enable.idempotence", "true").set("linger.ms", "0");
        let context = DeliveryContext::new(Reporter::new("writer", Default::default()));
        let writer: BaseProducer<DeliveryContext> = config.create_with_context(context).unwrap();
        let send = |value: &'static str, slot: usize| {
            writer.send(BaseRecord::with_opaque_to("t", slot + 1).key("k").payload(value)).unwrap();
        };
        let until = |reported: u64| {
            let deadline = Instant::now() + Duration::from_secs(20);
            while writer.context().reported() < reported {
                assert!(Instant::now() < deadline, "{} reports", writer.context().reported());
                writer.poll(Duration::from_millis(5));
            }
            writer.context().take()
        };
        send("the writer's id and the topic are known", 0);
        assert_eq!(until(1).failure, None);

        cluster.broker_round_trip_time(1, Duration::from_millis(300)).unwrap();
        cluster.request_errors(
            RDKafkaApiKey::Produce,
            &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION],
        );
        send("refused", 1);
        // Until it is on its way: the next one goes in a batch of its own.
        let since = Instant::now();
        while since.elapsed() < Duration::from_millis(100) {
            writer.poll(Duration::from_millis(5));
        }
        send("accepted", 2);
        let deliveries = until(3);
        assert_eq!(deliveries.failure, Some(unanswered("t", 0)));
        // It lies right behind the first one: the one between them is lost.
        assert_eq!(deliveries.next_offsets.get(&2), Some(&2));
    }

    #[test]
    fn records_we_purged_ourselves_are_no_failure() {
        assert_eq!(failure_of(&KafkaError::MessageProduction(Code::PurgeQueue), "t", 0, 1), None);
    }

    #[test]
    fn an_undelivered_record_asks_for_an_abort() {
        let failure = failure_of(&KafkaError::MessageProduction(Code::MessageTimedOut), "t", 0, 1);
        assert!(matches!(failure, Some(BrokerError::AbortRequired(_))));
    }
}
