//! Payments of one account and input partition that wait for their decision, in the order they were read.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use topo::Headers;
use topo::state::{KeyValueStore, StateError};

use super::accounts::{AccountKey, Feed};
use super::payment::{Origin, Payment};

type WaitingStore = KeyValueStore<Vec<u8>, Waiting>;

/// A payment, a decision, or both.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Waiting {
    arrived: Option<Arrived>,
    counts: Option<bool>,
    /// Offset of the payment behind this one.
    next: Option<i64>,
}

topo::data!(Waiting);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Arrived {
    payment: Payment,
    timestamp: i64,
    headers: StoredHeaders,
}

/// Headers in a form that can be stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct StoredHeaders(Vec<(String, Option<Vec<u8>>)>);

impl StoredHeaders {
    fn of(headers: &Headers) -> Self {
        let stored =
            |header: &topo::Header| (header.name.clone(), header.value.as_ref().map(|value| value.to_vec()));
        Self(headers.iter().map(stored).collect())
    }

    /// Back to headers.
    pub(crate) fn into_headers(self) -> Headers {
        let mut headers = Headers::new();
        for (name, value) in self.0 {
            headers.push(name, value.map(Bytes::from));
        }
        headers
    }
}

/// A payment whose turn it is.
pub(crate) struct Decided {
    /// The payment.
    pub payment: Payment,
    /// False for a duplicate.
    pub counts: bool,
    /// Timestamp of the record that brought it.
    pub timestamp: i64,
    /// Headers of that record.
    pub headers: StoredHeaders,
}

impl Feed {
    /// Whether a payment waits.
    pub(super) fn waits(&self) -> bool {
        self.waiting.is_some_and(|(first, last)| first <= last)
    }

    /// Whether the payment of this offset was here and is gone.
    fn is_done(&self, offset: i64) -> bool {
        self.waiting.is_some_and(|(first, _)| offset < first)
    }
}

/// Appends a payment to the queue of its partition. One that was here before is let go: at-least-once processing says
/// things again after a crash, and the queue must neither lose its links for it nor wait for a second decision.
pub(crate) fn arrive(
    store: &mut WaitingStore,
    account: &AccountKey,
    feed: &mut Feed,
    payment: Payment,
    timestamp: i64,
    headers: &Headers,
) -> Result<(), StateError> {
    let offset = payment.origin.offset;
    if feed.waiting.is_some_and(|(_, last)| offset <= last) {
        return Ok(());
    }
    let place = place(account, payment.origin);
    let counts = store.get(&place)?.and_then(|early| early.value.counts);
    let arrived = Some(Arrived { payment, timestamp, headers: StoredHeaders::of(headers) });
    store.put(&place, Waiting { arrived, counts, next: None }, timestamp)?;
    let first = match feed.waiting {
        Some((first, last)) if first <= last => {
            let last = self::place(account, Origin { partition: feed.partition, offset: last });
            if let Some(mut before) = store.get(&last)?.map(|found| found.value.clone()) {
                before.next = Some(offset);
                store.put(&last, before, timestamp)?;
            }
            first
        }
        _ => offset,
    };
    feed.waiting = Some((first, offset));
    Ok(())
}

/// Notes a decision, also of a payment that has not arrived yet; one that was said before is let go.
pub(crate) fn decide(
    store: &mut WaitingStore,
    account: &AccountKey,
    feed: &Feed,
    (origin, counts): (Origin, bool),
    timestamp: i64,
) -> Result<(), StateError> {
    if feed.is_done(origin.offset) {
        return Ok(());
    }
    let place = place(account, origin);
    let mut waiting = match store.get(&place)? {
        Some(found) => found.value.clone(),
        None => Waiting { arrived: None, counts: None, next: None },
    };
    waiting.counts = Some(counts);
    store.put(&place, waiting, timestamp)
}

/// Takes the payment at the head of a queue if it is decided.
pub(crate) fn take_decided(
    store: &mut WaitingStore,
    account: &AccountKey,
    feed: &mut Feed,
) -> Result<Option<Decided>, StateError> {
    let Some((first, last)) = feed.waiting.filter(|_| feed.waits()) else { return Ok(None) };
    let place = place(account, Origin { partition: feed.partition, offset: first });
    let Some(head) = store.get(&place)? else { return Ok(None) };
    let (Some(counts), Some(arrived)) = (head.value.counts, head.value.arrived.clone()) else {
        return Ok(None);
    };
    feed.waiting = Some((head.value.next.unwrap_or(last.saturating_add(1)), last));
    store.delete(&place, arrived.timestamp)?;
    let Arrived { payment, timestamp, headers } = arrived;
    Ok(Some(Decided { payment, counts, timestamp, headers }))
}

fn place(account: &AccountKey, origin: Origin) -> Vec<u8> {
    let mut key = Vec::with_capacity(account.len() + 12);
    key.extend_from_slice(account.as_bytes());
    key.extend_from_slice(&origin.partition.to_be_bytes());
    key.extend_from_slice(&origin.offset.to_be_bytes());
    key
}
