//! A member of the group that places the tasks.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use super::SLICE;
use super::authority::KafkaToken;
use super::errors::react;
use super::farewell::Farewell;
use super::partitions::list;
use super::rebalance::MemberContext;
use super::reporter::Reporter;
use super::settings::Settings;
use crate::broker::{BrokerError, GroupToken, Membership, MembershipConfig, MembershipEvent};
use crate::record::Partition;

/// Library events served in one call; each is an error, a rebalance or the answer to a commit.
const EVENTS_PER_POLL: usize = 16;

/// A member of a group of a Kafka cluster.
pub(super) struct KafkaMembership {
    client: Arc<BaseConsumer<MemberContext>>,
    /// Behind the client: it waits until that is closed.
    farewell: Farewell,
    topics: Vec<String>,
    group: String,
}

impl KafkaMembership {
    pub(super) fn open(
        settings: &Settings,
        reporter: Reporter,
        config: &MembershipConfig,
    ) -> Result<Self, BrokerError> {
        let client: BaseConsumer<MemberContext> = settings
            .membership(config)
            .create_with_context(MemberContext::new(reporter))
            .map_err(|error| react("opening a membership", &error))?;
        let topics: Vec<&str> = config.topics.iter().map(String::as_str).collect();
        client.subscribe(&topics).map_err(|error| react("subscribing to the lease topics", &error))?;
        Ok(Self {
            client: Arc::new(client),
            farewell: Farewell::default(),
            topics: config.topics.clone(),
            group: config.group.clone(),
        })
    }

    fn context(&self) -> &MemberContext {
        self.client.context()
    }

    /// From now on the library gets everything back at once: it waits for that when it closes.
    fn let_go(&self) {
        let context = self.context();
        context.leaving.store(true, Ordering::Release);
        context.note_loss();
        let waiting = context.lose_revoked();
        context.take_events();
        if let Some(revoked) = waiting
            && let Err(error) = self.client.incremental_unassign(&list(&revoked))
        {
            tracing::debug!(%error, "revoked leases were not given back");
        }
    }

    /// Errors that the member must hear of; the library gets over the others by itself.
    fn explain(&self, error: &KafkaError) -> Option<BrokerError> {
        match error.rdkafka_error_code() {
            Some(Code::UnknownTopicOrPartition | Code::UnknownTopic) => Some(BrokerError::Retriable(
                format!("a lease topic does not exist yet: one of {}", self.topics.join(", ")),
            )),
            Some(Code::PollExceeded) => None,
            // It is tried again until they are gone: a stopped Kafka Streams stays in its group for a session.
            Some(Code::InconsistentGroupProtocol) => Some(BrokerError::Retriable(
                "the group has members that place tasks in another way, such as Kafka Streams; it takes this process in when \
                 they have left or their sessions are over"
                    .to_owned(),
            )),
            _ => match react(&format!("being a member of group {}", self.group), error) {
                fenced @ (BrokerError::Unauthorized(_) | BrokerError::Fenced(_)) => Some(fenced),
                other if matches!(error, KafkaError::MessageConsumptionFatal(_)) => Some(other),
                _ => None,
            },
        }
    }
}

impl Membership for KafkaMembership {
    fn poll(&self) -> Result<Vec<MembershipEvent>, BrokerError> {
        let mut trouble = None;
        for _ in 0..EVENTS_PER_POLL {
            match self.client.poll(Duration::ZERO) {
                Some(Err(error)) => trouble = trouble.or(self.explain(&error)),
                // A record in a lease topic is nobody's.
                Some(Ok(_)) => {}
                None => break,
            }
        }
        if self.client.assignment_lost()
            && let Some(lost) = self.context().lose_revoked()
            && let Err(error) = self.client.incremental_unassign(&list(&lost))
        {
            tracing::debug!(%error, "lost partitions were not given back");
        }
        // Events first: an error that stays comes again.
        let events = self.context().take_events();
        match trouble {
            Some(error) if events.is_empty() => Err(error),
            _ => Ok(events),
        }
    }

    fn release(&self, revoked: &[Partition]) -> Result<(), BrokerError> {
        let Some(all) = self.context().release(revoked) else { return Ok(()) };
        self.client.incremental_unassign(&list(&all)).map_err(|error| react("giving leases back", &error))
    }

    fn token(&self) -> Option<GroupToken> {
        if !self.context().joined.load(Ordering::Acquire) {
            return None;
        }
        // Before the metadata: if the member loses its place in between, the proof is one from before the loss, and refused.
        let losses = self.losses();
        let metadata = Arc::new(self.client.group_metadata()?);
        Some(GroupToken { proof: Box::new(KafkaToken { metadata, member: self.client.clone() }), losses })
    }

    fn losses(&self) -> u64 {
        self.context().losses.load(Ordering::Acquire)
    }

    fn leave(&self, keep_place: bool) -> Result<(), BrokerError> {
        self.let_go();
        if keep_place {
            // A static member that just stops is waited for until its session is over.
            return Ok(());
        }
        // Unsubscribing says goodbye even for a static member; closing would not.
        self.client.unsubscribe();
        let deadline = Instant::now() + SLICE;
        while Instant::now() < deadline {
            self.client.poll(Duration::from_millis(10));
            let nothing_held = self.client.assignment().is_ok_and(|held| held.count() == 0);
            if nothing_held {
                return Ok(());
            }
        }
        Err(BrokerError::Retriable("the group has not taken the leases back yet".to_owned()))
    }
}

impl Drop for KafkaMembership {
    fn drop(&mut self) {
        self.let_go();
        self.farewell.begin(self.client.clone());
    }
}
