//! The authority of a group member to commit offsets, as a token.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _, ConsumerContext, ConsumerGroupMetadata};

use super::commit::PendingCommit;
use super::errors::react;
use super::partitions::list_to_commit;
use super::rebalance::MemberContext;
use crate::broker::{BrokerError, CommittedOffset, GroupToken};
use crate::record::Partition;

/// Commits outside a transaction.
pub(super) fn commit<C: ConsumerContext + 'static>(
    pending: &mut PendingCommit,
    client: &Arc<BaseConsumer<C>>,
    offsets: &[(Partition, CommittedOffset)],
) -> Result<(), BrokerError> {
    let (list, client) = (list_to_commit(offsets)?, client.clone());
    let answer = pending.advance(offsets, move || client.commit(&list, CommitMode::Sync))?;
    answer.map_err(|error| react("committing offsets", &error))
}

/// Proof that a process was a member when the token was taken.
pub(super) struct KafkaToken {
    /// For commits inside a transaction.
    pub(super) metadata: Arc<ConsumerGroupMetadata>,
    /// The member: it makes the commits outside of one, and knows whether it is the same still.
    pub(super) member: Arc<BaseConsumer<MemberContext>>,
}

impl KafkaToken {
    /// Reads a token. One of another broker is refused, and one from before the member lost its place: the broker would
    /// refuse it too, unless the library put the member's new place into it meanwhile.
    pub(super) fn of(token: &GroupToken) -> Result<&Self, BrokerError> {
        let own: &Self = token
            .proof
            .downcast_ref()
            .ok_or_else(|| BrokerError::Fatal("the token is of another broker".to_owned()))?;
        if own.member.context().losses.load(Ordering::Acquire) != token.losses {
            return Err(BrokerError::Fenced("the member has lost its place since".to_owned()));
        }
        Ok(own)
    }

    /// Commits outside a transaction: the library does that as the member that it is now. Call again while retriable.
    pub(super) fn commit(&self, offsets: &[(Partition, CommittedOffset)]) -> Result<(), BrokerError> {
        commit(&mut self.member.context().commits(), &self.member, offsets)
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::ClientConfig;

    use super::*;
    use crate::broker::kafka::reporter::{Reachability, Reporter};

    #[test]
    fn a_token_from_before_a_loss_is_refused_whatever_the_library_has_put_into_it() {
        let mut config = ClientConfig::new();
        config.set("group.id", "g").set("bootstrap.servers", "127.0.0.1:1");
        let member: BaseConsumer<MemberContext> = config
            .create_with_context(MemberContext::new(
                Reporter::new("g", Arc::new(Reachability::default())),
                false,
            ))
            .unwrap();
        let member = Arc::new(member);
        let token = |losses| GroupToken {
            proof: Box::new(KafkaToken {
                metadata: Arc::new(member.group_metadata().unwrap()),
                member: member.clone(),
            }),
            losses,
        };
        assert!(KafkaToken::of(&token(0)).is_ok());
        member.context().note_loss();
        let refused = KafkaToken::of(&token(0)).err();
        assert!(matches!(refused, Some(BrokerError::Fenced(_))), "{refused:?}");
        assert!(KafkaToken::of(&token(1)).is_ok());
    }
}
