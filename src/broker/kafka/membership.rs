//! A member of the group that places the tasks.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use super::SLICE;
use super::authority::KafkaToken;
use super::errors::react;
use super::farewell::Farewell;
use super::partitions::list;
use super::places::Places;
use super::rebalance::MemberContext;
use super::reporter::Reporter;
use super::settings::Settings;
use crate::broker::{BrokerError, GroupToken, Membership, MembershipConfig, MembershipEvent};
use crate::record::Partition;

/// What the library has to say in one call at most: errors, rebalances, answers to commits, lines for the log.
const EVENTS_PER_CALL: usize = 1_000;

/// A member of a group of a Kafka cluster.
pub(super) struct KafkaMembership {
    client: Arc<BaseConsumer<MemberContext>>,
    /// Behind the client: it waits until that is closed.
    farewell: Farewell,
    config: MembershipConfig,
    places: Arc<Places>,
    /// One thread at a time hears what the library has to say. An error that the engine has not heard of yet.
    hearing: Mutex<Option<BrokerError>>,
    /// [`MemberContext::losses`] at the last poll.
    losses_told: AtomicU64,
}

impl KafkaMembership {
    pub(super) fn open(
        settings: &Settings,
        reporter: Reporter,
        wanted: &MembershipConfig,
        places: Arc<Places>,
    ) -> Result<Self, BrokerError> {
        let config = places.config(wanted);
        let client: BaseConsumer<MemberContext> = settings
            .membership(&config)
            .create_with_context(MemberContext::new(reporter, settings.is_debugging()))
            .map_err(|error| react("opening a membership", &error))?;
        let topics: Vec<&str> = config.topics.iter().map(String::as_str).collect();
        client.subscribe(&topics).map_err(|error| react("subscribing to the lease topics", &error))?;
        Ok(Self {
            client: Arc::new(client),
            farewell: Farewell::default(),
            config,
            places,
            hearing: Mutex::default(),
            losses_told: AtomicU64::new(0),
        })
    }

    fn context(&self) -> &MemberContext {
        self.client.context()
    }

    fn hearing(&self) -> MutexGuard<'_, Option<BrokerError>> {
        self.hearing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Serves what the library has to say. Whether that was all of it.
    fn hear(&self, trouble: &mut Option<BrokerError>) -> bool {
        for _ in 0..EVENTS_PER_CALL {
            let before = self.context().callbacks();
            match self.client.poll(Duration::ZERO) {
                Some(Err(error)) => *trouble = trouble.take().or(self.explain(&error)),
                // A record in a lease topic is nobody's.
                Some(Ok(_)) => {}
                // A callback ends a poll, too.
                None if self.context().callbacks() == before => return true,
                None => {}
            }
        }
        false
    }

    /// From now on the library gets everything back at once: it waits for that when it closes.
    fn let_go(&self) {
        self.context().note_loss();
        self.context().leave();
        self.give_back_revoked();
    }

    /// Answers the library for leases that nobody will release.
    fn give_back_revoked(&self) {
        if let Some(revoked) = self.context().lose_revoked()
            && let Err(error) = self.client.incremental_unassign(&list(&revoked))
        {
            tracing::debug!(%error, "lost leases were not given back");
        }
    }

    /// Errors that the member must hear of; the library gets over the others by itself.
    fn explain(&self, error: &KafkaError) -> Option<BrokerError> {
        match error.rdkafka_error_code() {
            Some(Code::UnknownTopicOrPartition | Code::UnknownTopic) => Some(BrokerError::Retriable(
                format!("a lease topic does not exist yet: one of {}", self.config.topics.join(", ")),
            )),
            Some(Code::PollExceeded) => None,
            // It is tried again until they are gone: a stopped Kafka Streams stays in its group for a session.
            Some(Code::InconsistentGroupProtocol) => Some(BrokerError::Retriable(
                "the group has members that place tasks in another way, such as Kafka Streams; it takes this process in when \
                 they have left or their sessions are over"
                    .to_owned(),
            )),
            _ => match react(&format!("being a member of group {}", self.config.group), error) {
                fenced @ (BrokerError::Unauthorized(_) | BrokerError::Fenced(_)) => Some(fenced),
                other if matches!(error, KafkaError::MessageConsumptionFatal(_)) => Some(other),
                _ => None,
            },
        }
    }
}

impl Membership for KafkaMembership {
    fn poll(&self) -> Result<Vec<MembershipEvent>, BrokerError> {
        let mut trouble = self.hearing();
        self.hear(&mut trouble);
        if self.client.assignment_lost() {
            self.give_back_revoked();
        }
        let events = self.context().take_events();
        self.losses_told.store(self.context().losses.load(Ordering::Acquire), Ordering::Release);
        // Events first: the error is told by the next poll.
        match trouble.take_if(|_| events.is_empty()) {
            Some(error) => Err(error),
            None => Ok(events),
        }
    }

    fn release(&self, revoked: &[Partition]) -> Result<(), BrokerError> {
        let _hearing = self.hearing();
        let Some(all) = self.context().release(revoked) else { return Ok(()) };
        self.client.incremental_unassign(&list(&all)).map_err(|error| react("giving leases back", &error))
    }

    fn token(&self) -> Option<GroupToken> {
        // First the metadata, then everything that the library has said up to then: a loss is said before the member asks for
        // a new place, so a proof of the new place is never taken for one of the old.
        let metadata = Arc::new(self.client.group_metadata()?);
        let (all_heard, context) = (self.hear(&mut self.hearing()), self.context());
        // Who has not heard what became of its leases has no authority over them.
        if !all_heard || context.has_events() || !context.joined.load(Ordering::Acquire) {
            return None;
        }
        let losses = context.losses.load(Ordering::Acquire);
        Some(GroupToken { proof: Box::new(KafkaToken { metadata, member: self.client.clone() }), losses })
    }

    fn losses(&self) -> u64 {
        self.losses_told.load(Ordering::Acquire)
    }

    fn leave(&self, keep_place: bool) -> Result<(), BrokerError> {
        self.let_go();
        if keep_place && self.config.instance_id.is_some() {
            // A static member that just stops is waited for until its session is over.
            return Ok(());
        }
        // Unsubscribing says goodbye even for a static member; closing would not.
        self.client.unsubscribe();
        let deadline = Instant::now() + SLICE;
        let left = loop {
            self.hear(&mut self.hearing());
            if self.client.assignment().is_ok_and(|held| held.count() == 0) {
                break Ok(());
            }
            if Instant::now() >= deadline {
                break Err(BrokerError::Retriable("the group has not taken the leases back yet".to_owned()));
            }
            thread::sleep(Duration::from_millis(5));
        };
        // It joins nothing from now on: what it has lost without a word was heard.
        if self.context().is_in_doubt() {
            self.places.spoil(&self.config);
        }
        left
    }
}

impl Drop for KafkaMembership {
    fn drop(&mut self) {
        self.let_go();
        self.farewell.begin(self.client.clone());
    }
}
