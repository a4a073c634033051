//! A commit of offsets outside a transaction, cut into slices.
//!
//! The client library has a waiting form of this call without a time limit, and another that never says how it ended.
//! So the waiting form runs on a thread of its own, one at a time, and the caller looks in on it.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _, ConsumerContext};
use rdkafka::error::KafkaResult;

use super::SLICE;
use super::errors::react;
use super::partitions::list_to_commit;
use crate::broker::{BrokerError, CommittedOffset};
use crate::record::Partition;

/// The commit on its way, if any.
#[derive(Default)]
pub(super) struct PendingCommit(Option<Pending>);

struct Pending {
    offsets: Vec<(Partition, CommittedOffset)>,
    answer: Receiver<KafkaResult<()>>,
}

impl PendingCommit {
    /// Begins the commit, or goes on waiting for it when it is the one that is on its way. Call again while retriable.
    pub(super) fn advance<C: ConsumerContext + 'static>(
        &mut self,
        client: &Arc<BaseConsumer<C>>,
        offsets: &[(Partition, CommittedOffset)],
    ) -> Result<(), BrokerError> {
        let pending = match self.0.take() {
            Some(pending) => pending,
            None => begin(client, offsets)?,
        };
        match pending.answer.recv_timeout(SLICE) {
            // An earlier commit that nobody asked about again is done with: now this one.
            Ok(_) if pending.offsets != offsets => self.advance(client, offsets),
            Ok(answer) => answer.map_err(|error| react("committing offsets", &error)),
            Err(RecvTimeoutError::Timeout) => {
                self.0 = Some(pending);
                Err(BrokerError::Retriable("the coordinator has not answered the commit yet".to_owned()))
            }
            Err(RecvTimeoutError::Disconnected) => {
                Err(BrokerError::Retriable("the commit ended without an answer".to_owned()))
            }
        }
    }
}

fn begin<C: ConsumerContext + 'static>(
    client: &Arc<BaseConsumer<C>>,
    offsets: &[(Partition, CommittedOffset)],
) -> Result<Pending, BrokerError> {
    let list = list_to_commit(offsets)?;
    let client = client.clone();
    let (sender, answer) = channel();
    let commit = move || {
        // Nobody listens any more when the process gives up: then the answer does not matter.
        let _ = sender.send(client.commit(&list, CommitMode::Sync));
    };
    std::thread::Builder::new()
        .name("topo-commit".to_owned())
        .spawn(commit)
        .map_err(|error| BrokerError::Retriable(format!("committing offsets: no thread: {error}")))?;
    Ok(Pending { offsets: offsets.to_vec(), answer })
}
