//! The authority of a group member to commit offsets, as a token.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerGroupMetadata};

use super::rebalance::MemberContext;
use crate::broker::{BrokerError, CommittedOffset, GroupToken};
use crate::record::Partition;

/// Proof that a process was a member when the token was taken.
pub(super) struct KafkaToken {
    /// For commits inside a transaction.
    pub(super) metadata: ConsumerGroupMetadata,
    /// For commits outside of one: only the member itself may make them.
    pub(super) member: Arc<BaseConsumer<MemberContext>>,
    /// How often the member had lost its place when the token was taken.
    pub(super) losses: usize,
}

impl KafkaToken {
    /// Reads a token; one of another broker is refused.
    pub(super) fn of(token: &GroupToken) -> Result<&Self, BrokerError> {
        token.0.downcast_ref().ok_or_else(|| BrokerError::Fatal("the token is of another broker".to_owned()))
    }

    /// Commits outside a transaction. The library knows only the member's present epoch, so a token from before a
    /// loss is refused here. Call again while retriable.
    pub(super) fn commit(&self, offsets: &[(Partition, CommittedOffset)]) -> Result<(), BrokerError> {
        let context = self.member.context();
        if context.losses.load(Ordering::Acquire) != self.losses {
            return Err(BrokerError::Fenced("the member has lost its place since".to_owned()));
        }
        context.commits().advance(&self.member, offsets)
    }
}
