//! What the client library's rebalance callbacks become: events, and partitions that are given back later.
//!
//! A revoked partition stays ours until the engine releases it: the callback does not answer the library, which then
//! goes on with heartbeats and waits. A lost one is given up at once.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rdkafka::ClientContext;
use rdkafka::TopicPartitionList;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::Offset;
use rdkafka::types::RDKafkaRespErr;

use super::commit::PendingCommit;
use super::partitions::{list_at, names};
use super::reporter::Reporter;
use crate::broker::MembershipEvent;
use crate::record::Partition;

/// The context of a member.
pub(super) struct MemberContext {
    reporter: Reporter,
    state: Mutex<State>,
    commits: Mutex<PendingCommit>,
    /// Whether the group has taken this member in.
    pub(super) joined: AtomicBool,
    /// It is on its way out: partitions are given up without a word.
    pub(super) leaving: AtomicBool,
    /// How often the member lost its place.
    pub(super) losses: AtomicU64,
}

#[derive(Default)]
struct State {
    events: Vec<MembershipEvent>,
    /// Revoked and not given back to the library yet.
    revoked: BTreeSet<Partition>,
    /// Of those, what the engine has released.
    released: BTreeSet<Partition>,
}

impl MemberContext {
    pub(super) fn new(reporter: Reporter) -> Self {
        Self {
            reporter,
            state: Mutex::default(),
            commits: Mutex::default(),
            joined: AtomicBool::new(false),
            leaving: AtomicBool::new(false),
            losses: AtomicU64::new(0),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What happened since the last call.
    pub(super) fn take_events(&self) -> Vec<MembershipEvent> {
        std::mem::take(&mut self.state().events)
    }

    /// Notes what the engine has released; hands out all that was revoked once all of it is released, because the
    /// library takes one answer per revocation.
    pub(super) fn release(&self, partitions: &[Partition]) -> Option<Vec<Partition>> {
        let mut state = self.state();
        let ours: Vec<Partition> =
            partitions.iter().filter(|it| state.revoked.contains(*it)).cloned().collect();
        state.released.extend(ours);
        if state.revoked.is_empty() || state.released.len() < state.revoked.len() {
            return None;
        }
        state.released.clear();
        Some(std::mem::take(&mut state.revoked).into_iter().collect())
    }

    /// The group has given up on this member while partitions waited to be released: they are gone.
    pub(super) fn lose_revoked(&self) -> Option<Vec<Partition>> {
        let mut state = self.state();
        if state.revoked.is_empty() {
            return None;
        }
        state.released.clear();
        let lost: Vec<Partition> = std::mem::take(&mut state.revoked).into_iter().collect();
        state.events.push(MembershipEvent::Lost(lost.clone()));
        drop(state);
        self.note_loss();
        Some(lost)
    }

    /// The member has no place in the group now.
    pub(super) fn note_loss(&self) {
        self.losses.fetch_add(1, Ordering::AcqRel);
        self.joined.store(false, Ordering::Release);
    }

    /// The commit outside transactions that is on its way.
    pub(super) fn commits(&self) -> MutexGuard<'_, PendingCommit> {
        self.commits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn assign(&self, consumer: &BaseConsumer<Self>, gained: &TopicPartitionList) {
        let partitions = names(gained);
        // Lease topics hold no records: nothing is fetched, and no committed offset is asked for.
        let at_end = list_at(partitions.iter().map(|partition| (partition, Offset::End)));
        let taken = at_end.map_err(|error| error.to_string()).and_then(|list| {
            consumer
                .incremental_assign(&list)
                .and_then(|()| consumer.pause(&list))
                .map_err(|error| error.to_string())
        });
        if let Err(error) = taken {
            tracing::warn!(error, "the client library did not take an assignment");
        }
        self.joined.store(true, Ordering::Release);
        self.reporter.answered();
        if !partitions.is_empty() {
            self.state().events.push(MembershipEvent::Assigned(partitions));
        }
    }

    fn revoke(&self, consumer: &BaseConsumer<Self>, gone: &TopicPartitionList) {
        let partitions = names(gone);
        let lost = consumer.assignment_lost();
        if !lost && !self.leaving.load(Ordering::Acquire) && !partitions.is_empty() {
            let mut state = self.state();
            state.revoked.extend(partitions.iter().cloned());
            state.events.push(MembershipEvent::Revoked(partitions));
            return;
        }
        // Before the library has them back: from then on it asks for a new place.
        if lost {
            self.note_loss();
        }
        if let Err(error) = consumer.incremental_unassign(gone) {
            tracing::debug!(%error, "the client library did not take partitions back");
        }
        if lost && !partitions.is_empty() {
            self.state().events.push(MembershipEvent::Lost(partitions));
        }
    }
}

impl ClientContext for MemberContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        self.reporter.log(level, facility, text);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.reporter.error(error, reason);
    }
}

impl ConsumerContext for MemberContext {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        kind: RDKafkaRespErr,
        partitions: &mut TopicPartitionList,
    ) {
        match kind {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => self.assign(consumer, partitions),
            _ => self.revoke(consumer, partitions),
        }
    }
}
