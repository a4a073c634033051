//! What a task left out, counted by why, for people. The counts are handed out once per commit and never touch a lock.

use std::borrow::Cow;
use std::sync::Arc;

use super::Position;
use crate::fault::Reason;

/// Why a record had no effect on the results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LeftOut {
    /// An operator's rule: a null key, a closed window.
    Dropped,
    /// It is no data, or it failed and the policy says skip.
    Skipped,
    /// It failed and went to the dead-letter topic.
    DeadLettered,
}

/// Counts of one commit interval. A series is remembered once it was seen, so that counting allocates nothing.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    counts: Vec<Count>,
}

/// How many records of a topic were left out for one reason.
#[derive(Clone, Debug)]
pub(crate) struct Count {
    pub(crate) how: LeftOut,
    /// Where the records came from; `None` when a punctuation made them.
    pub(crate) topic: Option<Arc<str>>,
    pub(crate) reason: Cow<'static, str>,
    pub(crate) count: u64,
    /// The first of them that failed.
    pub(crate) example: Option<Example>,
}

/// A record that failed, for a log line.
#[derive(Clone, Debug)]
pub(crate) struct Example {
    /// Where it lay.
    pub(crate) position: Option<Position>,
    /// What was wrong.
    pub(crate) message: String,
}

impl Tally {
    /// A record of `topic` was left out by rule.
    pub(crate) fn count(&mut self, how: LeftOut, topic: Option<&Arc<str>>, reason: &str) {
        self.find(how, topic, reason).count += 1;
    }

    /// A record failed; the first one of its kind in an interval is kept as the example.
    pub(crate) fn failed(
        &mut self,
        how: LeftOut,
        topic: Option<&Arc<str>>,
        reason: &Reason,
        position: Option<&Position>,
    ) {
        let count = self.find(how, topic, &reason.error_type);
        count.count += 1;
        if count.example.is_none() {
            count.example = Some(Example { position: position.cloned(), message: reason.message.clone() });
        }
    }

    fn find(&mut self, how: LeftOut, topic: Option<&Arc<str>>, reason: &str) -> &mut Count {
        let same = |it: &Count| it.how == how && it.topic.as_ref() == topic && it.reason == reason;
        let place = self.counts.iter().position(same).unwrap_or_else(|| {
            let (topic, reason) = (topic.cloned(), reason.to_owned().into());
            self.counts.push(Count { how, topic, reason, count: 0, example: None });
            self.counts.len() - 1
        });
        &mut self.counts[place]
    }

    /// Hands out what was counted since the last call.
    pub(crate) fn take(&mut self, mut tell: impl FnMut(&Count)) {
        for count in self.counts.iter_mut().filter(|it| it.count > 0) {
            tell(count);
            count.count = 0;
            count.example = None;
        }
    }

    /// The interval is aborted: its records come again.
    pub(crate) fn forget(&mut self) {
        self.take(|_| {});
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(tally: &mut Tally) -> Vec<(LeftOut, String, u64, Option<String>)> {
        let mut taken = Vec::new();
        tally.take(|it| {
            let example = it.example.as_ref().map(|example| example.message.clone());
            taken.push((it.how, it.reason.to_string(), it.count, example));
        });
        taken
    }

    #[test]
    fn counts_are_handed_out_once_by_topic_and_reason_with_the_first_failure_as_example() {
        let (mut tally, topic): (_, Arc<str>) = (Tally::default(), "in".into());
        let bad = |message: &str| Reason { error_type: "BAD".into(), message: message.into() };
        for _ in 0..2 {
            tally.count(LeftOut::Dropped, Some(&topic), "null_key");
        }
        tally.count(LeftOut::Dropped, None, "null_key");
        tally.failed(LeftOut::Skipped, Some(&topic), &bad("first"), None);
        tally.failed(LeftOut::Skipped, Some(&topic), &bad("second"), None);
        let expected = [
            (LeftOut::Dropped, "null_key".to_owned(), 2, None),
            (LeftOut::Dropped, "null_key".to_owned(), 1, None),
            (LeftOut::Skipped, "BAD".to_owned(), 2, Some("first".to_owned())),
        ];
        assert_eq!(taken(&mut tally), expected);
        assert_eq!(taken(&mut tally), []);
        tally.failed(LeftOut::Skipped, Some(&topic), &bad("third"), None);
        assert_eq!(taken(&mut tally), [(LeftOut::Skipped, "BAD".to_owned(), 1, Some("third".to_owned()))]);
    }

    #[test]
    fn what_an_abort_takes_back_is_not_counted_twice() {
        let mut tally = Tally::default();
        tally.count(LeftOut::Dropped, None, "null_key");
        tally.forget();
        tally.count(LeftOut::Dropped, None, "null_key");
        assert_eq!(taken(&mut tally).iter().map(|it| it.2).sum::<u64>(), 1);
    }
}
