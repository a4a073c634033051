//! What the client library has to say, in our log: a change is said once, not every second.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

/// Whether the cluster answers, as seen by all clients of this process together.
#[derive(Default)]
pub(super) struct Reachability {
    down: AtomicBool,
}

impl Reachability {
    pub(super) fn is_up(&self) -> bool {
        !self.down.load(Ordering::Relaxed)
    }

    /// A broker answered.
    pub(super) fn answered(&self) {
        if self.down.load(Ordering::Relaxed) && self.down.swap(false, Ordering::Relaxed) {
            tracing::info!("the broker answers again");
        }
    }

    /// No broker can be reached.
    fn silent(&self, reason: &str) {
        if !self.down.swap(true, Ordering::Relaxed) {
            tracing::warn!(reason, "no broker can be reached: waiting until one answers");
        }
    }
}

/// The voice of one client.
pub(super) struct Reporter {
    client_id: String,
    reachability: Arc<Reachability>,
    /// The last error that was logged, so that the same one is not logged again and again.
    last: Mutex<String>,
    /// The topic that a broker would not let this client write. An error of a transaction does not name it.
    denied: Mutex<Option<String>>,
}

impl Reporter {
    pub(super) fn new(client_id: &str, reachability: Arc<Reachability>) -> Self {
        Self {
            client_id: client_id.to_owned(),
            reachability,
            last: Mutex::default(),
            denied: Mutex::default(),
        }
    }

    /// A broker answered this client.
    pub(super) fn answered(&self) {
        self.reachability.answered();
    }

    /// The topic that this client may not write, as far as it was told.
    pub(super) fn denied(&self) -> Option<String> {
        self.denied.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn is_news(&self, text: &str) -> bool {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let news = *last != text;
        if news {
            text.clone_into(&mut last);
        }
        news
    }
}

impl ClientContext for Reporter {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        if let Some(topic) = topic_denied(text) {
            *self.denied.lock().unwrap_or_else(PoisonError::into_inner) = Some(topic.to_owned());
        }
        // Connection trouble has its own, counted voice in `error`.
        let of_connection =
            matches!(facility, "FAIL" | "ERROR" | "CONNECT" | "RECONNECT" | "REQTMOUT" | "TERM");
        match level {
            RDKafkaLogLevel::Debug | RDKafkaLogLevel::Info | RDKafkaLogLevel::Notice => {
                tracing::debug!(client = %self.client_id, facility, "{text}");
            }
            _ if of_connection || !self.is_news(&format!("{facility} {text}")) => {
                tracing::debug!(client = %self.client_id, facility, "{text}");
            }
            _ => tracing::warn!(client = %self.client_id, facility, "{text}"),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::AllBrokersDown) => self.reachability.silent(reason),
            Some(RDKafkaErrorCode::BrokerTransportFailure | RDKafkaErrorCode::Resolve) => {
                tracing::debug!(client = %self.client_id, "{reason}");
            }
            // These come back as the result of the call they belong to.
            Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::UnknownTopicOrPartition) => {
                tracing::debug!(client = %self.client_id, "{reason}");
            }
            code if self.is_news(&format!("{code:?}")) => {
                tracing::warn!(client = %self.client_id, "{error}: {reason}")
            }
            _ => tracing::debug!(client = %self.client_id, "{error}: {reason}"),
        }
    }
}

/// The topic in the library's line about a partition that could not join a transaction for want of a right.
fn topic_denied(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("Failed to add partition \"")?;
    let (topic, rest) = rest.split_once('"')?;
    rest.contains("Topic authorization failed").then_some(topic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_topic_that_may_not_be_written_is_read_from_the_librarys_words() {
        let line = |why| {
            format!(
                "[thrd:main]: TxnCoordinator/1: Failed to add partition \"a.b\" [0] to transaction: {why}"
            )
        };
        assert_eq!(topic_denied(&line("Broker: Topic authorization failed")), Some("a.b"));
        assert_eq!(topic_denied(&line("Broker: Operation not attempted")), None);
        assert_eq!(topic_denied("Topic authorization failed"), None);
    }

    #[test]
    fn an_unreachable_broker_is_news_once_until_it_answers_again() {
        let reachability = Arc::new(Reachability::default());
        let reporter = Reporter::new("c", reachability.clone());
        reporter.error(KafkaError::Global(RDKafkaErrorCode::AllBrokersDown), "1/1 brokers are down");
        assert!(!reachability.is_up());
        reporter.answered();
        assert!(reachability.is_up());
        assert!(reporter.is_news("a"));
        assert!(!reporter.is_news("a"));
        assert!(reporter.is_news("b"));
    }
}
