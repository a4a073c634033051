//! A commit of offsets, in a transaction or outside of one, cut into slices.
//!
//! The client library has a waiting form of these calls. Outside a transaction it has no time limit, and the other form never
//! says how it ended; within one the limit is not kept when the coordinator goes away at the wrong moment, and the call
//! then waits for good (`rd_kafka_send_offsets_to_transaction` of librdkafka 2.12.1, seen when one of three brokers was
//! killed). So the waiting form runs on a thread of its own, one at a time, and the caller looks in on it.

use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use rdkafka::error::KafkaResult;

use super::SLICE;
use crate::broker::{BrokerError, CommittedOffset};
use crate::record::Partition;

/// The commit on its way, if any.
#[derive(Default)]
pub(super) struct PendingCommit(Option<Pending>);

struct Pending {
    offsets: Vec<(Partition, CommittedOffset)>,
    since: Instant,
    answer: Receiver<KafkaResult<()>>,
}

impl PendingCommit {
    /// Begins the commit with `call`, or goes on waiting for it when it is the one that is on its way. The outer error says
    /// that there is no answer yet: call again.
    pub(super) fn advance(
        &mut self,
        offsets: &[(Partition, CommittedOffset)],
        call: impl FnOnce() -> KafkaResult<()> + Send + 'static,
    ) -> Result<KafkaResult<()>, BrokerError> {
        // An earlier commit that nobody asked about again must be done with first.
        if self.0.as_ref().is_some_and(|pending| pending.offsets != offsets) {
            // Its answer is nobody's any more.
            let _ = self.finish()?;
        }
        if self.0.is_none() {
            self.0 = Some(begin(offsets, call)?);
        }
        self.finish()
    }

    /// Waits a slice of time for the commit on its way.
    pub(super) fn finish(&mut self) -> Result<KafkaResult<()>, BrokerError> {
        let Some(pending) = self.0.take() else { return Ok(Ok(())) };
        match pending.answer.recv_timeout(SLICE) {
            Ok(answer) => Ok(answer),
            Err(RecvTimeoutError::Timeout) => {
                self.0 = Some(pending);
                Err(BrokerError::Retriable("the coordinator has not answered the commit yet".to_owned()))
            }
            Err(RecvTimeoutError::Disconnected) => {
                Err(BrokerError::Retriable("the commit ended without an answer".to_owned()))
            }
        }
    }

    /// How long a commit has been on its way.
    pub(super) fn waiting(&self) -> Duration {
        self.0.as_ref().map_or(Duration::ZERO, |pending| pending.since.elapsed())
    }
}

fn begin(
    offsets: &[(Partition, CommittedOffset)],
    call: impl FnOnce() -> KafkaResult<()> + Send + 'static,
) -> Result<Pending, BrokerError> {
    let (sender, answer) = channel();
    let commit = move || {
        // Nobody listens any more when the process gives up: then the answer does not matter.
        let _ = sender.send(call());
    };
    std::thread::Builder::new()
        .name("topo-commit".to_owned())
        .spawn(commit)
        .map_err(|error| BrokerError::Retriable(format!("committing offsets: no thread: {error}")))?;
    Ok(Pending { offsets: offsets.to_vec(), since: Instant::now(), answer })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offsets(offset: i64) -> Vec<(Partition, CommittedOffset)> {
        vec![(Partition::new("t", 0), CommittedOffset { offset, metadata: String::new() })]
    }

    #[test]
    fn a_call_that_does_not_return_is_looked_in_on_and_never_made_twice() {
        let mut commit = PendingCommit::default();
        let (end, told) = channel::<()>();
        let stuck = move || {
            let _ = told.recv();
            Ok(())
        };
        assert!(matches!(commit.advance(&offsets(1), stuck), Err(BrokerError::Retriable(_))));
        let again = || unreachable!("it is on its way");
        assert!(matches!(commit.advance(&offsets(1), again), Err(BrokerError::Retriable(_))));
        assert!(commit.waiting() >= SLICE);
        let other = || unreachable!("the first one is on its way still");
        assert!(matches!(commit.advance(&offsets(2), other), Err(BrokerError::Retriable(_))));
        drop(end);
        assert!(matches!(commit.advance(&offsets(2), || Ok(())), Ok(Ok(()))));
        assert_eq!(commit.waiting(), Duration::ZERO);
    }
}
