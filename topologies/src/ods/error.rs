//! What the exit cannot do, named after the reaction.

use topo::broker::BrokerError;

/// Why the exit waits or ends.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OdsError {
    /// The database cannot be reached or asks to try again: back off, keep the batch, try again.
    #[error("the database does not answer: {0}; the exit goes on as soon as it does")]
    DatabaseAway(String),
    /// The database refuses what it is asked: nothing will get better by itself.
    #[error(
        "the database refuses: {0}; check the URL, the rights of its user and the schema, then start again"
    )]
    DatabaseRefuses(String),
    /// The table is ahead of the topic, or the topic has lost what the table needs.
    #[error(
        "offset {offset} of {topic}-{partition} is not in the topic any more, or not yet: the topic was made anew or \
         its records expired before they were applied; to read it from the beginning, delete the rows of group \
         {group} from cdc_exit_offsets"
    )]
    OffsetGone {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// The offset the database asks for.
        offset: i64,
        /// The exit's group.
        group: String,
    },
    /// The broker refused for good, or the exit was expelled.
    #[error(transparent)]
    Broker(#[from] BrokerError),
}

impl OdsError {
    /// Whether trying again may help.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::DatabaseAway(_) => true,
            Self::Broker(error) => {
                matches!(
                    error,
                    BrokerError::Retriable(_) | BrokerError::QueueFull | BrokerError::UnknownTopic { .. }
                )
            }
            Self::DatabaseRefuses(_) | Self::OffsetGone { .. } => false,
        }
    }
}
