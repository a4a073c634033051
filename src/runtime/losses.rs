//! Says what the records of committed intervals became that had no effect: every one in the counts, few in the log.

use super::observer::Event;
use super::shared::Shared;
use crate::processor::{Count, LeftOut};

/// Failures of one kind are told in the log at most this often: a topic full of poison must not fill the disk.
const QUIET_MS: i64 = 10_000;

/// What was told last about each kind of failure.
#[derive(Debug, Default)]
pub(crate) struct Losses {
    told: Vec<Told>,
}

#[derive(Debug)]
struct Told {
    how: LeftOut,
    topic: String,
    reason: String,
    at: i64,
    /// How many since.
    since: u64,
}

impl Losses {
    /// Tells the observer of a count that is committed now.
    pub(crate) fn tell(&mut self, shared: &Shared, now: i64, count: &Count) {
        let topic = count.topic.as_deref().unwrap_or_default();
        let (how, reason) = (count.how, &*count.reason);
        shared.tell(&Event::LeftOut { how, topic, reason, count: count.count });
        let Some(example) = &count.example else { return };
        if let Some(since) = self.due(now, count) {
            let place = example.position.as_ref().map(|position| (position.partition, position.offset));
            let message = &*example.message;
            shared.tell(&Event::RecordsFailed { how, topic, place, reason, message, count: since });
        }
    }

    /// How many of this kind there were since the last line about them, if it is time for one.
    fn due(&mut self, now: i64, count: &Count) -> Option<u64> {
        let topic = count.topic.as_deref().unwrap_or_default();
        let same = |it: &&mut Told| it.how == count.how && it.topic == topic && it.reason == count.reason;
        match self.told.iter_mut().find(same) {
            Some(told) if now - told.at < QUIET_MS => {
                told.since += count.count;
                None
            }
            Some(told) => {
                told.at = now;
                Some(std::mem::take(&mut told.since) + count.count)
            }
            None => {
                let (topic, reason) = (topic.to_owned(), count.reason.to_string());
                self.told.push(Told { how: count.how, topic, reason, at: now, since: 0 });
                Some(count.count)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_one_line_at_once_and_a_summary_later() {
        let failed = |reason: &'static str, count| {
            let (how, topic) = (LeftOut::DeadLettered, Some("in".into()));
            Count { how, topic, reason: reason.into(), count, example: None }
        };
        let mut losses = Losses::default();
        let told = [(0, "BAD", 3), (100, "BAD", 4), (200, "WORSE", 1), (9_999, "BAD", 5), (10_000, "BAD", 1)]
            .map(|(now, reason, count)| losses.due(now, &failed(reason, count)));
        assert_eq!(told, [Some(3), None, Some(1), None, Some(10)]);
    }
}
