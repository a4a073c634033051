//! What the client library's rebalance callbacks become: events, and partitions that are given back later.
//!
//! A revoked partition stays ours until the engine releases it: the callback does not answer the library, which then
//! goes on with heartbeats and waits. A lost one is given up at once.
//!
//! Some losses have no callback. A member that was expelled while the group rebalanced, and hears so when it asks to join or
//! while partitions wait to be released, joins under a new id and takes itself to hold what it held, though others had it
//! meanwhile (`rd_kafka_cgrp_handle_JoinGroup`, `rd_kafka_cgrp_revoke_all_rejoin_maybe` of librdkafka 2.12.1). Only the
//! library's debugging log says that the id is gone, so that is listened to. What is held afterwards is assigned anew.

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
    /// It is on its way out: partitions are given up without a word.
    pub(super) leaving: AtomicBool,
    /// How often the member lost its place.
    pub(super) losses: AtomicU64,
    /// How many callbacks there were.
    callbacks: AtomicU64,
}

#[derive(Default)]
struct State {
    events: Vec<MembershipEvent>,
    /// Of those assigned to us, what we have neither lost nor released.
    held: BTreeSet<Partition>,
    /// Revoked and not given back to the library yet.
    revoked: BTreeSet<Partition>,
    /// Of those, what the engine has released.
    released: BTreeSet<Partition>,
}

impl State {
    /// These are gone. Says so of what was ours until now.
    fn lose(&mut self, partitions: impl IntoIterator<Item = Partition>) {
        let lost: Vec<Partition> = partitions.into_iter().filter(|it| self.held.remove(it)).collect();
        if !lost.is_empty() {
            self.events.push(MembershipEvent::Lost(lost));
        }
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
            leaving: AtomicBool::new(false),
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

    /// Partitions that waited to be released, if there is nothing to wait for: the group has given up on this member.
    pub(super) fn lose_revoked(&self, lost: bool) -> Option<Vec<Partition>> {
        let mut state = self.state();
        if state.revoked.is_empty() || !lost && !state.revoked.is_disjoint(&state.held) {
            return None;
        }
        state.released.clear();
        let revoked: Vec<Partition> = std::mem::take(&mut state.revoked).into_iter().collect();
        state.lose(revoked.iter().cloned());
        drop(state);
        self.note_loss();
        Some(revoked)
    }

    /// The member has no place in the group now.
    pub(super) fn note_loss(&self) {
        self.losses.fetch_add(1, Ordering::AcqRel);
        self.joined.store(false, Ordering::Release);
    }

    /// The id under which the group knew this member is gone, and with it everything that was held under it.
    fn lose_id(&self) {
        if !self.joined.load(Ordering::Acquire) || self.leaving.load(Ordering::Acquire) {
            return;
        }
        self.note_loss();
        let mut state = self.state();
        let held = state.held.clone();
        state.lose(held);
    }

    /// The commit outside transactions that is on its way.
    pub(super) fn commits(&self) -> MutexGuard<'_, PendingCommit> {
        self.commits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn assign(&self, consumer: &BaseConsumer<Self>, gained: &TopicPartitionList) {
        let mut all: BTreeSet<Partition> = names(gained).into_iter().collect();
        // Lease topics hold no records: nothing is fetched, and no committed offset is asked for.
        let at_end = list_at(all.iter().map(|partition| (partition, Offset::End)));
        let taken = at_end.map_err(|error| error.to_string()).and_then(|list| {
            consumer
                .incremental_assign(&list)
                .and_then(|()| consumer.pause(&list))
                .and_then(|()| consumer.assignment())
                .map_err(|error| error.to_string())
        });
        match taken {
            Ok(held) => all.extend(names(&held)),
            Err(error) => tracing::warn!(error, "the client library did not take an assignment"),
        }
        self.joined.store(true, Ordering::Release);
        self.reporter.answered();
        let mut state = self.state();
        // More than was gained if the member is here under a new id: it has lost what the library kept.
        let assigned: Vec<Partition> = all.difference(&state.held).cloned().collect();
        if !assigned.is_empty() {
            state.held.extend(all);
            state.events.push(MembershipEvent::Assigned(assigned));
        }
    }

    fn revoke(&self, consumer: &BaseConsumer<Self>, gone: &TopicPartitionList) {
        let partitions = names(gone);
        let lost = consumer.assignment_lost();
        if !lost && !self.leaving.load(Ordering::Acquire) && self.ask_back(&partitions) {
            return;
        }
        // Before the library has them back: from then on it asks for a new place.
        if lost {
            self.note_loss();
        }
        if let Err(error) = consumer.incremental_unassign(gone) {
            tracing::debug!(%error, "the client library did not take partitions back");
        }
        self.state().lose(partitions);
    }

    /// Asks the engine for what it holds of these. `false` if that is nothing.
    fn ask_back(&self, partitions: &[Partition]) -> bool {
        let mut state = self.state();
        let held = partitions.iter().filter(|it| state.held.contains(*it)).cloned();
        let revoked: Vec<Partition> = held.collect();
        if revoked.is_empty() {
            return false;
        }
        state.revoked.extend(revoked.iter().cloned());
        state.events.push(MembershipEvent::Revoked(revoked));
        true
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
