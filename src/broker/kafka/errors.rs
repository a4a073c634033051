//! Errors of the client library, named after the reaction they ask for.

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use crate::broker::BrokerError;

/// What an error of a call asks for. `doing` says what was tried, for people.
pub(super) fn react(doing: &str, error: &KafkaError) -> BrokerError {
    let text = format!("{doing}: {error}");
    if let KafkaError::Transaction(inner) = error {
        let code = inner.code();
        return match code {
            _ if is_refusal_of_member(code) => BrokerError::Fenced(text),
            _ if is_unauthorized(code) => BrokerError::Unauthorized(text),
            _ if inner.is_fatal() => fatal(code, text),
            _ if inner.txn_requires_abort() => BrokerError::AbortRequired(text),
            _ if inner.is_retriable() || is_passing(code) => BrokerError::Retriable(text),
            // The library is in a state from which only an abort leads on.
            Code::State => BrokerError::AbortRequired(text),
            _ => fatal(code, text),
        };
    }
    match code_of(error) {
        Some(code) => react_to_code(code, text),
        None => BrokerError::Fatal(text),
    }
}

/// The code behind an error; the wrapper forgets some.
fn code_of(error: &KafkaError) -> Option<Code> {
    match error {
        KafkaError::AdminOp(code)
        | KafkaError::ConsumerQueueClose(code)
        | KafkaError::Flush(code)
        | KafkaError::GroupListFetch(code) => Some(*code),
        // A client that is closing answers nothing any more.
        KafkaError::Canceled => Some(Code::OperationTimedOut),
        other => other.rdkafka_error_code(),
    }
}

/// The same for a bare code.
pub(super) fn react_to_code(code: Code, text: String) -> BrokerError {
    match code {
        _ if is_passing(code) => BrokerError::Retriable(text),
        _ if is_unauthorized(code) => BrokerError::Unauthorized(text),
        _ if is_refusal_of_member(code) => BrokerError::Fenced(text),
        Code::IllegalGeneration | Code::StaleMemberEpoch | Code::RebalanceInProgress | Code::State => {
            BrokerError::AbortRequired(text)
        }
        _ => fatal(code, text),
    }
}

/// Errors that mean "somebody else has this client's place".
fn is_refusal_of_member(code: Code) -> bool {
    matches!(
        code,
        Code::UnknownMemberId
            | Code::FencedInstanceId
            | Code::UnreleasedInstanceId
            | Code::FencedMemberEpoch
            | Code::AssignmentLost
    )
}

/// Errors that a person with the right to give rights has to mend.
pub(super) fn is_unauthorized(code: Code) -> bool {
    matches!(
        code,
        Code::TopicAuthorizationFailed
            | Code::GroupAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::TransactionalIdAuthorizationFailed
            | Code::SaslAuthenticationFailed
            | Code::Authentication
    )
}

/// Errors that go away by themselves.
fn is_passing(code: Code) -> bool {
    matches!(
        code,
        Code::OperationTimedOut
            | Code::RequestTimedOut
            | Code::TimedOutQueue
            | Code::MessageTimedOut
            | Code::AllBrokersDown
            | Code::BrokerTransportFailure
            | Code::Resolve
            | Code::WaitingForCoordinator
            | Code::WaitCache
            | Code::InProgress
            | Code::PreviousInProgress
            | Code::Conflict
            | Code::Retry
            | Code::CoordinatorNotAvailable
            | Code::CoordinatorLoadInProgress
            | Code::NotCoordinator
            | Code::NotController
            | Code::LeaderNotAvailable
            | Code::NotLeaderForPartition
            | Code::BrokerNotAvailable
            // A broker left the cluster, or came back as another one, while it was asked.
            | Code::BrokerDestroy
            | Code::DestroyBroker
            | Code::NodeUpdate
            | Code::UnknownBroker
            | Code::RebootstrapRequired
            | Code::ListenerNotFound
            | Code::ReplicaNotAvailable
            | Code::PreferredLeaderNotAvailable
            | Code::EligibleLeadersNotAvailable
            | Code::FencedLeaderEpoch
            | Code::UnknownLeaderEpoch
            | Code::FetchSessionIdNotFound
            | Code::InvalidFetchSessionEpoch
            | Code::KafkaStorageError
            | Code::ISRInsufficient
            | Code::NotEnoughReplicas
            | Code::NotEnoughReplicasAfterAppend
            | Code::NetworkException
            | Code::UnstableOffsetCommit
            | Code::ConcurrentTransactions
            | Code::ThrottlingQuotaExceeded
            | Code::OffsetNotAvailable
    )
}

fn fatal(code: Code, text: String) -> BrokerError {
    match code {
        Code::Fenced | Code::ProducerFenced | Code::InvalidProducerEpoch | Code::InvalidProducerIdMapping => {
            BrokerError::Fenced(text)
        }
        _ => BrokerError::Fatal(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_family_of_codes_names_its_reaction() {
        let react = |code| react_to_code(code, "x".to_owned());
        assert!(matches!(react(Code::OperationTimedOut), BrokerError::Retriable(_)));
        assert!(matches!(react(Code::DestroyBroker), BrokerError::Retriable(_)));
        assert!(matches!(react(Code::TopicAuthorizationFailed), BrokerError::Unauthorized(_)));
        assert!(matches!(react(Code::UnknownMemberId), BrokerError::Fenced(_)));
        assert!(matches!(react(Code::ProducerFenced), BrokerError::Fenced(_)));
        assert!(matches!(react(Code::IllegalGeneration), BrokerError::AbortRequired(_)));
        assert!(matches!(react(Code::InvalidTopic), BrokerError::Fatal(_)));
    }
}
