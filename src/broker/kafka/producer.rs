//! A writer, in transactions or without.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, NoCustomPartitioner, Producer as _, PurgeConfig};
use rustc_hash::FxHashMap;

use super::SLICE;
use super::authority::KafkaToken;
use super::commit::PendingCommit;
use super::delivery::DeliveryContext;
use super::errors::{is_unauthorized, react};
use super::limits::TopicLimits;
use super::partitions::list_to_commit;
use super::reporter::Reporter;
use super::settings::Settings;
use crate::broker::limits::Limits;
use crate::broker::{
    BrokerError, CommittedOffset, Deliveries, GroupToken, Outgoing, Producer, ProducerConfig,
};
use crate::clock::now_ms;
use crate::record::{Headers, Partition};

/// One turn of waiting. The library's poll always takes its whole time, and spins through the last millisecond of it.
const TURN: Duration = Duration::from_micros(500);
/// The library's events that are served at once at most.
const EVENTS: usize = 1_000;

/// A writer to a Kafka cluster.
pub(super) struct KafkaProducer {
    client: Arc<BaseProducer<DeliveryContext, NoCustomPartitioner>>,
    topic_limits: Arc<TopicLimits>,
    /// The limits this writer has asked for already, so that the hot path takes no lock.
    limits: FxHashMap<String, Limits>,
    transactional_id: Option<String>,
    /// After that the broker has aborted the transaction.
    transaction_timeout: Duration,
    /// Offsets that are being added to the transaction.
    adding: PendingCommit,
    /// Records the library has taken, ever.
    taken: u64,
}

impl KafkaProducer {
    pub(super) fn open(
        settings: &Settings,
        reporter: Reporter,
        topic_limits: Arc<TopicLimits>,
        config: &ProducerConfig,
    ) -> Result<Self, BrokerError> {
        let client = settings
            .producer(config)
            .create_with_context(DeliveryContext::new(reporter))
            .map_err(|error| react("opening a writer", &error))?;
        Ok(Self {
            client: Arc::new(client),
            topic_limits,
            limits: FxHashMap::default(),
            transactional_id: config.transactional_id.clone(),
            transaction_timeout: config.transaction_timeout,
            adding: PendingCommit::default(),
            taken: 0,
        })
    }

    /// Hears what the library has to say, all of it: a poll that does not wait brings one thing.
    fn serve(&self) {
        let waits = |client: &BaseProducer<_, _>| usize::try_from(client.in_flight_count()).unwrap_or(0);
        for _ in 0..EVENTS {
            if waits(&self.client) <= self.in_flight() {
                break;
            }
            self.client.poll(Duration::ZERO);
        }
    }

    fn limits_of(&mut self, topic: &str) -> Result<Limits, BrokerError> {
        if let Some(limit) = self.limits.get(topic) {
            return Ok(*limit);
        }
        let limit = self.topic_limits.of(topic)?;
        self.limits.insert(topic.to_owned(), limit);
        Ok(limit)
    }

    /// An error of a call, seen together with what the library says about the whole client.
    fn explain(&self, doing: &str, error: &KafkaError) -> BrokerError {
        let reaction = react(doing, error);
        if let Some(topic) = self.client.context().denied() {
            return BrokerError::Unauthorized(format!("writing to topic {topic}"));
        }
        match self.client.client().fatal_error() {
            Some((code, text)) if is_unauthorized(code) => {
                BrokerError::Unauthorized(match &self.transactional_id {
                    Some(id) => format!("writing with transactional id {id}: {text}"),
                    None => text,
                })
            }
            Some((Code::Fenced | Code::ProducerFenced | Code::InvalidProducerEpoch, text)) => {
                BrokerError::Fenced(text)
            }
            Some((_, text)) if !matches!(reaction, BrokerError::Fenced(_)) => BrokerError::Fatal(text),
            _ => reaction,
        }
    }

    /// A call that waits for longer than the transaction lives will not return any more: this writer is left behind with it,
    /// and its successor fences it.
    fn unless_stuck(&self, error: BrokerError) -> BrokerError {
        if self.adding.waiting() < self.transaction_timeout {
            return error;
        }
        BrokerError::Fatal(format!(
            "the client library did not return from adding offsets to the transaction within {:?}",
            self.transaction_timeout
        ))
    }

    fn refusal(&self, error: &KafkaError, topic: &str, bytes: usize) -> BrokerError {
        match error.rdkafka_error_code() {
            Some(Code::QueueFull) => BrokerError::QueueFull,
            Some(Code::MessageSizeTooLarge) => BrokerError::RecordTooLarge {
                topic: topic.to_owned(),
                bytes,
                detail: "the client's message.max.bytes".to_owned(),
            },
            Some(Code::UnknownTopic | Code::UnknownTopicOrPartition) => {
                BrokerError::UnknownTopic { topic: topic.to_owned() }
            }
            Some(Code::UnknownPartition) => {
                BrokerError::AbortRequired(format!("writing to {topic}: {error}"))
            }
            _ => self.explain(&format!("writing to {topic}"), error),
        }
    }
}

impl Producer for KafkaProducer {
    fn init_transactions(&mut self) -> Result<(), BrokerError> {
        self.client
            .init_transactions(SLICE)
            .map_err(|error| self.explain("taking over the transactional id", &error))
    }

    fn begin(&mut self) -> Result<(), BrokerError> {
        self.client.begin_transaction().map_err(|error| self.explain("opening a transaction", &error))
    }

    fn send(&mut self, record: Outgoing<'_>) -> Result<(), BrokerError> {
        let bytes = record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len);
        self.limits_of(record.topic)?.check(&record, now_ms)?;
        let message = BaseRecord {
            topic: record.topic,
            partition: Some(record.partition),
            payload: record.value,
            key: record.key,
            timestamp: Some(record.timestamp),
            headers: (!record.headers.is_empty()).then(|| own(record.headers)),
            delivery_opaque: record.slot.map_or(0, |slot| slot + 1),
        };
        let sent = self.client.send(message).map_err(|(error, _)| error);
        self.taken += u64::from(sent.is_ok());
        sent.map_err(|error| self.refusal(&error, record.topic, bytes))
    }

    fn in_flight(&self) -> usize {
        // Counted here: the library's own count has its events in it, such as that its broker is away, and a commit that
        // waited for those waited for good.
        usize::try_from(self.taken.saturating_sub(self.client.context().reported())).unwrap_or(0)
    }

    fn delivered(&mut self, wait: Duration) -> Deliveries {
        let deadline = Instant::now() + wait.min(SLICE);
        self.serve();
        while self.client.context().count() == 0 && self.in_flight() > 0 && Instant::now() < deadline {
            thread::sleep(TURN);
            self.serve();
        }
        self.client.context().take()
    }

    fn send_offsets(
        &mut self,
        offsets: &[(Partition, CommittedOffset)],
        group: &GroupToken,
    ) -> Result<(), BrokerError> {
        let metadata = KafkaToken::of(group)?.metadata.clone();
        let (list, client) = (list_to_commit(offsets)?, self.client.clone());
        let call = move || client.send_offsets_to_transaction(&list, &metadata, SLICE);
        match self.adding.advance(offsets, call) {
            Ok(answer) => answer.map_err(|error| self.explain("adding offsets to the transaction", &error)),
            Err(error) => Err(self.unless_stuck(error)),
        }
    }

    fn commit(&mut self) -> Result<(), BrokerError> {
        self.serve();
        if self.in_flight() > 0 {
            return Err(BrokerError::Retriable("records are still on their way".to_owned()));
        }
        self.client.commit_transaction(SLICE).map_err(|error| self.explain("committing", &error))
    }

    fn abort(&mut self) -> Result<(), BrokerError> {
        // The library takes one call at a time.
        if let Err(error) = self.adding.finish() {
            return Err(self.unless_stuck(error));
        }
        self.client.purge(PurgeConfig::default().queue());
        // What is on its way cannot be called back without a gap in the writer's sequence: wait for its answers.
        let deadline = Instant::now() + SLICE;
        while self.in_flight() > 0 {
            if Instant::now() > deadline {
                return Err(BrokerError::Retriable(
                    "records of the aborted transaction are still on their way".to_owned(),
                ));
            }
            thread::sleep(TURN);
            self.serve();
        }
        self.client.abort_transaction(SLICE).map_err(|error| self.explain("aborting", &error))?;
        self.serve();
        self.client.context().take();
        Ok(())
    }
}

fn own(headers: &Headers) -> OwnedHeaders {
    headers.iter().fold(OwnedHeaders::new_with_capacity(headers.len()), |all, header| {
        all.insert(Header { key: &header.name, value: header.value.as_deref() })
    })
}
