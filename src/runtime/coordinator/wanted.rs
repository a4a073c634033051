//! Topics that are chosen per record: a worker that meets a new one waits to know how many partitions it has, and goes on
//! with its broker's clients meanwhile. Only the coordinator may wait for the broker's answer.

use std::sync::Arc;

use super::super::error::Reaction;
use super::super::mailbox::ToWorker;
use super::{Coordinator, RETRY_MS, Stage};
use crate::runtime::Error;

/// Who waits for what.
#[derive(Default)]
pub(super) struct Wanted {
    asked: Vec<(usize, Arc<str>)>,
    /// The broker is not asked again before then.
    retry_at: i64,
}

impl Wanted {
    /// A worker waits to know of a topic.
    pub(super) fn note(&mut self, worker: usize, topic: Arc<str>) {
        self.asked.push((worker, topic));
    }
}

impl Coordinator {
    /// Answers workers. A stop does not wait for a broker that does not answer: what is open then is what a crash leaves.
    pub(super) fn answer(&mut self, now: i64) -> bool {
        let waits = !self.wanted.asked.is_empty() && now >= self.wanted.retry_at;
        let Some(admin) = self.admin.as_mut().filter(|_| waits && !matches!(self.stage, Stage::Stop { .. }))
        else {
            return false;
        };
        let topics: Vec<String> = self.wanted.asked.iter().map(|(_, topic)| topic.to_string()).collect();
        match admin.partitions(&topics).map_err(Error::from) {
            Ok(counts) => {
                for (worker, topic) in std::mem::take(&mut self.wanted.asked) {
                    let partitions = counts.get(&*topic).copied();
                    self.crew.tell(worker, ToWorker::Topic { topic, partitions });
                }
            }
            Err(error) if error.reaction() == Reaction::Retry => {
                self.wanted.retry_at = now + RETRY_MS;
                self.shared.warn(&format!("records for {} wait: {error}", topics.join(", ")));
            }
            Err(error) => self.fail(error, now),
        }
        true
    }
}
