//! What the client library's rebalance callbacks become: events, and partitions that are given back later.
//!
//! A revoked partition stays ours until the engine releases it: the callback does not answer the library, which then
//! goes on with heartbeats and waits. A lost one is given up at once.
//!
//! Some losses have no callback. A member that was expelled while the group rebalanced, and hears so when it asks to join or
//! while partitions wait to be released, joins under a new id and takes itself to hold what it held, though others had it
//! meanwhile (`rd_kafka_cgrp_handle_JoinGroup`, `rd_kafka_cgrp_revoke_all_rejoin_maybe` of librdkafka 2.12.1). What it then says it
//! holds can even be assigned to it while the others have it still (`rd_kafka_cooperative_protocol_adjust_assignment`). Only the
//! library's debugging log says that the id is gone, so that is listened to. Everything is lost at that moment; if the next callback
//! does not say so, too, the member is of no use any more.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rdkafka::ClientContext;
use rdkafka::TopicPartitionList;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult};
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
    /// Whether the user asked for the library's debugging log, too.
    debugging: bool,
    state: Mutex<State>,
    commits: Mutex<PendingCommit>,
    /// Whether the group has taken this member in.
    pub(super) joined: AtomicBool,
    /// How often the member lost its place.
    pub(super) losses: AtomicU64,
    /// How many callbacks there were.
    callbacks: AtomicU64,
}

#[derive(Default)]
struct State {
    events: Vec<MembershipEvent>,
    /// What the library takes itself to hold.
    held: BTreeSet<Partition>,
    /// All of that is lost; whether the library knows it, is not clear yet.
    in_doubt: bool,
    /// The member is on its way out: partitions come and go without a word.
    leaving: bool,
    /// Revoked and not given back to the library yet.
    revoked: BTreeSet<Partition>,
    /// Of those, what the engine has released.
    released: BTreeSet<Partition>,
}

impl State {
    fn tell(&mut self, event: MembershipEvent) {
        if !self.leaving {
            self.events.push(event);
        }
    }

    /// The library does not hold these any more; they are lost.
    fn lose(&mut self, partitions: Vec<Partition>) {
        self.held.retain(|held| !partitions.contains(held));
        if !self.in_doubt && !partitions.is_empty() {
            self.tell(MembershipEvent::Lost(partitions));
        }
    }

    /// The library holds what it has lost.
    fn end(&mut self) {
        self.tell(MembershipEvent::Ended);
        self.leaving = true;
    }
}

impl MemberContext {
    pub(super) fn new(reporter: Reporter, debugging: bool) -> Self {
        Self {
            reporter,
            debugging,
            state: Mutex::default(),
            commits: Mutex::default(),
            joined: AtomicBool::new(false),
            losses: AtomicU64::new(0),
            callbacks: AtomicU64::new(0),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What happened since the last call.
    pub(super) fn take_events(&self) -> Vec<MembershipEvent> {
        std::mem::take(&mut self.state().events)
    }

    /// Whether something happened that nobody has taken yet.
    pub(super) fn has_events(&self) -> bool {
        !self.state().events.is_empty()
    }

    /// From now on it is on its way out.
    pub(super) fn leave(&self) {
        let mut state = self.state();
        state.leaving = true;
        state.events.clear();
    }

    /// Whether the library may say, when it joins, that it holds what it has lost.
    pub(super) fn is_in_doubt(&self) -> bool {
        self.state().in_doubt
    }

    /// How many callbacks there were: a poll that brings nothing and leaves this as it was found nothing to serve.
    pub(super) fn callbacks(&self) -> u64 {
        self.callbacks.load(Ordering::Relaxed)
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
        let all = std::mem::take(&mut state.revoked);
        state.held.retain(|held| !all.contains(held));
        Some(all.into_iter().collect())
    }

    /// The group has given up on this member while partitions waited to be released: they are gone.
    pub(super) fn lose_revoked(&self) -> Option<Vec<Partition>> {
        let mut state = self.state();
        if state.revoked.is_empty() {
            return None;
        }
        state.released.clear();
        let lost: Vec<Partition> = std::mem::take(&mut state.revoked).into_iter().collect();
        state.lose(lost.clone());
        drop(state);
        self.note_loss();
        Some(lost)
    }

    /// The member has no place in the group now.
    pub(super) fn note_loss(&self) {
        self.losses.fetch_add(1, Ordering::AcqRel);
        self.joined.store(false, Ordering::Release);
    }

    /// The id under which the group knew this member is gone, and with it everything that was held under it.
    fn lose_id(&self) {
        let mut state = self.state();
        // Not before it has joined, and not when it has left.
        let is_member = self.joined.load(Ordering::Acquire) || !state.held.is_empty();
        if !is_member || state.in_doubt {
            return;
        }
        self.note_loss();
        if !state.held.is_empty() {
            let held = state.held.iter().cloned().collect();
            state.tell(MembershipEvent::Lost(held));
        }
        state.in_doubt = true;
        if !state.revoked.is_empty() {
            // The library waits for an answer; there is no other callback before that.
            state.end();
        }
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
        self.reporter.answered();
        let mut state = self.state();
        state.held.extend(partitions.iter().cloned());
        if state.in_doubt {
            state.end();
        }
        if state.leaving {
            return;
        }
        self.joined.store(true, Ordering::Release);
        if !partitions.is_empty() {
            state.tell(MembershipEvent::Assigned(partitions));
        }
    }

    fn revoke(&self, consumer: &BaseConsumer<Self>, gone: &TopicPartitionList) {
        let partitions = names(gone);
        let lost = consumer.assignment_lost();
        let mut state = self.state();
        if !lost && state.in_doubt {
            state.end();
        }
        if !lost && !state.leaving && !partitions.is_empty() {
            state.revoked.extend(partitions.iter().cloned());
            state.tell(MembershipEvent::Revoked(partitions));
            return;
        }
        // Before the library has them back: from then on it asks for a new place.
        if lost {
            self.note_loss();
        }
        state.lose(partitions);
        if lost {
            state.in_doubt = false;
        }
        drop(state);
        if let Err(error) = consumer.incremental_unassign(gone) {
            tracing::debug!(%error, "the client library did not take partitions back");
        }
    }
}

/// Whether a line of the library's debugging log says that a member has no id any more.
fn says_that_the_id_is_gone(facility: &str, text: &str) -> bool {
    facility == "MEMBERID" && text.ends_with("-> \"\"")
}

impl ClientContext for MemberContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        self.callbacks.fetch_add(1, Ordering::Relaxed);
        if says_that_the_id_is_gone(facility, text) {
            self.lose_id();
        }
        if self.debugging || !matches!(level, RDKafkaLogLevel::Debug) {
            self.reporter.log(level, facility, text);
        }
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
        self.callbacks.fetch_add(1, Ordering::Relaxed);
        match kind {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => self.assign(consumer, partitions),
            _ => self.revoke(consumer, partitions),
        }
    }

    fn commit_callback(&self, _: KafkaResult<()>, _: &TopicPartitionList) {
        self.callbacks.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_id_is_read_from_the_librarys_words() {
        let line =
            |from, to| format!("[thrd:main]: Group \"a -> \"\"\": updating member id \"{from}\" -> \"{to}\"");
        assert!(says_that_the_id_is_gone("MEMBERID", &line("one-7b", "")));
        assert!(!says_that_the_id_is_gone("MEMBERID", &line("", "one-7b")));
        assert!(!says_that_the_id_is_gone("HEARTBEAT", &line("one-7b", "")));
    }
}
