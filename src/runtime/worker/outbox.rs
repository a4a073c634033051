//! Records on their way to the producer, in order: outputs, repartition records, dead letters, changelog records.
//!
//! A full producer queue loses no place: the record stays at the head until it is taken. A record that can never be
//! written becomes a dead letter without its value, by the production policy; a changelog record never does.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::super::error::Error;
use super::super::observer::Event;
use super::super::plan::Plan;
use super::super::shared::Shared;
use super::placing::{Placed, Placing};
use super::writer::Writer;
use crate::broker::{BrokerError, Outgoing};
use crate::dead_letter::{self, Failure, Stage};
use crate::fault::{FaultPolicy, Reason};
use crate::flaw::{Flaw, planted};
use crate::processor::{Count, Emitted, LeftOut, Position, Tally};
use crate::task::Changelog;

/// Something on its way.
enum Outbound {
    /// An output, and the input record that caused it.
    Output { record: Emitted, cause: Option<Position> },
    /// What a task's stores changed; `next` is the first change that is not with the producer yet.
    Changes { changelog: Changelog, next: usize, slots: Vec<(usize, usize)> },
}

/// The queue in front of the producer.
#[derive(Default)]
pub(crate) struct Outbox {
    queue: VecDeque<Outbound>,
    /// Sizes the broker refused, per topic: a record of this size or more is too large there.
    refused: BTreeMap<Arc<str>, usize>,
    placing: Placing,
    /// Records handed over since the last commit, per topic.
    sent: BTreeMap<Arc<str>, u64>,
    /// Records that were too large since then.
    refusals: Tally,
    /// The record that the last dead letter made here is about: a position has one letter, however many of its outputs
    /// are too large.
    buried: Option<Position>,
}

impl Outbox {
    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Appends a task's output.
    pub(crate) fn push(&mut self, record: Emitted, cause: Option<Position>) {
        self.queue.push_back(Outbound::Output { record, cause });
    }

    /// Appends what a task's stores changed. `slots`: number of the store, number the producer reports its offsets under.
    pub(crate) fn push_changes(&mut self, changelog: Changelog, slots: Vec<(usize, usize)>) {
        if changelog.len() > 0 {
            self.queue.push_back(Outbound::Changes { changelog, next: 0, slots });
        }
    }

    /// Forgets what waits: the transaction it belonged to is aborted.
    pub(crate) fn clear(&mut self) {
        self.queue.clear();
        self.sent.clear();
        self.refusals.forget();
        self.buried = None;
    }

    /// The broker refused a record of this size after it was queued: later ones must not get that far.
    pub(crate) fn refuse(&mut self, topic: &str, bytes: usize) {
        let limit = self.refused.entry(topic.into()).or_insert(bytes);
        *limit = bytes.min(*limit);
    }

    /// Hands records to the producer until it is full or nothing waits. Returns whether any was taken.
    pub(crate) fn flush(
        &mut self,
        writer: &mut Writer,
        shared: &Shared,
        plan: &Plan,
        now: i64,
    ) -> Result<bool, Error> {
        let mut moved = false;
        while let Some(front) = self.queue.front_mut() {
            // A store must not remember what outputs beside the transaction may never say: those are heard of first.
            if matches!(front, Outbound::Changes { .. }) && writer.outputs_in_flight() > 0 {
                break;
            }
            if let Outbound::Output { record, cause: cause @ Some(_) } = front
                && *cause == self.buried
                && record.topic == shared.dead_letter_topic()
                && !dead_letter::is_of_production(record)
            {
                // It failed after it had made an output that was too large.
                self.queue.pop_front();
                continue;
            }
            if let Outbound::Output { record, .. } = front {
                match self.placing.place(record, plan, now) {
                    Placed::Fixed => {}
                    Placed::Later => break,
                    placed => {
                        self.settle(placed, shared, now)?;
                        moved = true;
                        continue;
                    }
                }
            }
            let Some(front) = self.queue.front_mut() else { break };
            let sent = match front {
                Outbound::Output { record, .. } => {
                    let limit = self.refused.get(&record.topic).copied().unwrap_or(usize::MAX);
                    if planted(Flaw::RepartitionOutsideTransaction) {
                        writer.step_outside(shared, plan.is_repartition(&record.topic))?;
                    }
                    send_output(record, limit.min(shared.config.max_record_bytes), writer)
                        .map(|()| count(&mut self.sent, &record.topic, 1))
                }
                Outbound::Changes { changelog, next, slots } => {
                    send_changes(changelog, next, slots, writer, &mut self.sent)
                }
            };
            match sent {
                Ok(()) => drop(self.queue.pop_front()),
                Err(BrokerError::QueueFull) => break,
                Err(BrokerError::RecordTooLarge { topic, bytes, detail }) => {
                    self.too_large(shared, &topic, bytes, &detail, now)?;
                }
                Err(error @ BrokerError::TimestampRefused { .. }) => self.untimely(shared, error, now)?,
                Err(error) => return Err(error.into()),
            }
            moved = true;
        }
        Ok(moved)
    }

    /// Topics of which must be known how many partitions they have before anything else goes out.
    pub(crate) fn take_wanted(&mut self) -> Vec<Arc<str>> {
        self.placing.take_wanted()
    }

    /// How many partitions one of these has; `None` = it does not exist.
    pub(crate) fn learn(&mut self, topic: Arc<str>, count: Option<i32>, now: i64) {
        self.placing.learn(topic, count, now);
    }

    /// Tells the observer what was handed over and is committed now.
    pub(crate) fn report(&mut self, shared: &Shared) {
        for (topic, count) in std::mem::take(&mut self.sent) {
            shared.tell(&Event::Produced { topic: &topic, count });
        }
    }

    /// Hands out what was too large and is committed now.
    pub(crate) fn take_left_out(&mut self, tell: impl FnMut(&Count)) {
        self.refusals.take(tell);
    }

    /// The record at the head becomes several, or none.
    fn settle(&mut self, placed: Placed, shared: &Shared, now: i64) -> Result<(), Error> {
        let Some(Outbound::Output { record, cause }) = self.queue.pop_front() else { return Ok(()) };
        let partitions = match placed {
            Placed::Each(partitions) => partitions,
            Placed::Refused(reason) => return self.misplaced(record, cause, &reason, shared, now),
            Placed::Fixed | Placed::Later => vec![record.partition.unwrap_or_default()],
        };
        if partitions.is_empty() {
            self.refusals.count(LeftOut::Dropped, Some(&record.topic), "no_partition");
        }
        for partition in partitions.into_iter().rev() {
            let record = Emitted { partition: Some(partition), chooser: None, ..record.clone() };
            self.queue.push_front(Outbound::Output { record, cause: cause.clone() });
        }
        Ok(())
    }

    /// A record was sent where it cannot go: what the production policy says becomes of it.
    fn misplaced(
        &mut self,
        record: Emitted,
        cause: Option<Position>,
        reason: &Reason,
        shared: &Shared,
        now: i64,
    ) -> Result<(), Error> {
        let letters = shared.dead_letter_topic();
        // Without a topic of dead letters there is nowhere to put it; it is made at the start.
        if record.topic == letters {
            return Err(BrokerError::UnknownTopic { topic: letters.to_string() }.into());
        }
        if self.is_buried(cause.as_ref()) {
            return Ok(());
        }
        let how = match shared.config.policies.production {
            FaultPolicy::Stop => {
                let place = format!("a record for topic {}", record.topic);
                return Err(Error::Task { place, reason: reason.clone() });
            }
            FaultPolicy::Skip => LeftOut::Skipped,
            FaultPolicy::DeadLetter => LeftOut::DeadLettered,
        };
        self.refusals.failed(how, Some(&record.topic), reason, cause.as_ref());
        if how == LeftOut::DeadLettered {
            let letter =
                made_here(dead_letter::refused, shared, &letters, &record, cause.as_ref(), reason, now);
            self.buried = cause.clone();
            self.queue.push_front(Outbound::Output { record: letter, cause });
        }
        Ok(())
    }

    /// The topic takes no record of such a time as the one at the head has: what the production policy says becomes of it.
    fn untimely(&mut self, shared: &Shared, error: BrokerError, now: i64) -> Result<(), Error> {
        // State that cannot be logged ends the application.
        let Some(Outbound::Output { mut record, cause }) = self.queue.pop_front() else {
            return Err(error.into());
        };
        if record.topic != shared.dead_letter_topic() {
            let reason = Reason { error_type: "TIMESTAMP_REFUSED".into(), message: error.to_string() };
            return self.misplaced(record, cause, &reason, shared, now);
        }
        // A dead letter is stamped when it is written then; the record it tells of keeps its time in the place that is named.
        if record.timestamp == now {
            return Err(error.into());
        }
        record.timestamp = now;
        self.queue.push_front(Outbound::Output { record, cause });
        Ok(())
    }

    /// The record at the head can never be written: what the production policy says becomes of it.
    fn too_large(
        &mut self,
        shared: &Shared,
        topic: &str,
        bytes: usize,
        detail: &str,
        now: i64,
    ) -> Result<(), Error> {
        let unwritable = |what| {
            let (topic, detail) = (topic.to_owned(), detail.to_owned());
            Error::Unwritable { what, topic, bytes, detail }
        };
        let Some(Outbound::Output { record, cause }) = self.queue.pop_front() else {
            return Err(unwritable("a changelog record"));
        };
        if record.topic != shared.dead_letter_topic() && self.is_buried(cause.as_ref()) {
            return Ok(());
        }
        let message = format!("{bytes} bytes for topic {topic}: {detail}");
        let reason = Reason { error_type: "RECORD_TOO_LARGE".into(), message };
        match shared.config.policies.production {
            FaultPolicy::Stop => Err(unwritable("an output record")),
            FaultPolicy::Skip => {
                self.refusals.failed(LeftOut::Skipped, Some(&record.topic), &reason, cause.as_ref());
                Ok(())
            }
            FaultPolicy::DeadLetter => {
                let letters = shared.dead_letter_topic();
                let letter = match shorten(&record, &letters) {
                    Shorter::Gone => return Err(unwritable("a dead letter")),
                    Shorter::Letter(letter) => letter,
                    Shorter::NotYet => {
                        // A dead letter that is itself too large was counted when it was made.
                        if record.topic != letters {
                            let how = LeftOut::DeadLettered;
                            self.refusals.failed(how, Some(&record.topic), &reason, cause.as_ref());
                        }
                        made_here(
                            dead_letter::truncated,
                            shared,
                            &letters,
                            &record,
                            cause.as_ref(),
                            &reason,
                            now,
                        )
                    }
                };
                self.buried = cause.clone();
                self.queue.push_front(Outbound::Output { record: letter, cause });
                Ok(())
            }
        }
    }

    /// Whether the record in hand needs no letter, because its cause has one already. All that one record caused lies
    /// behind each other.
    fn is_buried(&self, cause: Option<&Position>) -> bool {
        cause.is_some() && self.buried.as_ref() == cause
    }
}

/// What can still be taken off a dead letter that is itself too large.
enum Shorter {
    /// It has its value still, or is none of ours.
    NotYet,
    /// The same without its key.
    Letter(Emitted),
    /// Nothing.
    Gone,
}

fn shorten(record: &Emitted, letters: &Arc<str>) -> Shorter {
    if record.topic != *letters || record.headers.last("dlq.truncated").is_none() {
        return Shorter::NotYet;
    }
    match &record.key {
        Some(_) => Shorter::Letter(Emitted { key: None, partition: None, chooser: None, ..record.clone() }),
        None => Shorter::Gone,
    }
}

/// A dead letter about an output.
fn made_here(
    make: fn(&Arc<str>, &Emitted, &Failure<'_>) -> Emitted,
    shared: &Shared,
    letters: &Arc<str>,
    record: &Emitted,
    cause: Option<&Position>,
    reason: &Reason,
    now: i64,
) -> Emitted {
    let consumer = shared.consumer_name();
    let failure = Failure {
        stage: Stage::Production,
        reason,
        position: cause,
        retries: 0,
        first: now,
        last: now,
        consumer: &consumer,
    };
    make(letters, record, &failure)
}

fn count(sent: &mut BTreeMap<Arc<str>, u64>, topic: &Arc<str>, more: u64) {
    match sent.get_mut(topic) {
        Some(count) => *count += more,
        None => drop(sent.insert(topic.clone(), more)),
    }
}

fn send_output(record: &Emitted, limit: usize, writer: &mut Writer) -> Result<(), BrokerError> {
    let bytes = size(record);
    if bytes >= limit {
        let detail = format!("the limit is {limit} bytes");
        return Err(BrokerError::RecordTooLarge { topic: record.topic.to_string(), bytes, detail });
    }
    writer.send_output(Outgoing {
        topic: &record.topic,
        partition: record.partition.unwrap_or(0),
        key: record.key.as_deref(),
        value: record.value.as_deref(),
        timestamp: record.timestamp,
        headers: &record.headers,
        slot: None,
    })
}

/// Changelog records have only the broker's limits: one that cannot be written ends the application.
fn send_changes(
    changelog: &Changelog,
    next: &mut usize,
    slots: &[(usize, usize)],
    writer: &mut Writer,
    sent: &mut BTreeMap<Arc<str>, u64>,
) -> Result<(), BrokerError> {
    while let Some(change) = changelog.get(*next) {
        if planted(Flaw::HotKeyDropped) && change.key == b"hot" && change.timestamp % 4 == 0 {
            *next += 1;
            continue;
        }
        writer.send(Outgoing {
            topic: change.topic,
            partition: change.partition,
            key: Some(change.key),
            value: change.value,
            timestamp: change.timestamp,
            headers: change.headers,
            slot: slots.iter().find(|(store, _)| *store == change.store).map(|(_, slot)| *slot),
        })?;
        count(sent, change.topic, 1);
        *next += 1;
    }
    Ok(())
}

/// Bytes of key, value and headers.
fn size(record: &Emitted) -> usize {
    let payload = record.key.as_ref().map_or(0, Vec::len) + record.value.as_ref().map_or(0, Vec::len);
    let header = |header: &crate::record::Header| {
        header.name.len() + header.value.as_ref().map_or(0, |value| value.len())
    };
    payload + record.headers.iter().map(header).sum::<usize>()
}
