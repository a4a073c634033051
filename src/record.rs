//! Records: what flows between operators ([`Record`]), and what lies in a topic ([`RawRecord`]).

use std::sync::Arc;

use bytes::Bytes;

/// One header of a record. Names may repeat; a value may be null.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The header's name.
    pub name: String,
    /// The header's bytes, or null.
    pub value: Option<Bytes>,
}

/// A record's headers, in order. Cloning is cheap: operators share them until one writes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(Option<Arc<Vec<Header>>>);

impl Headers {
    /// No headers.
    pub const fn new() -> Self {
        Self(None)
    }

    /// Appends a header; earlier ones of the same name stay.
    pub fn push(&mut self, name: impl Into<String>, value: Option<impl Into<Bytes>>) {
        let header = Header { name: name.into(), value: value.map(Into::into) };
        Arc::make_mut(self.0.get_or_insert_default()).push(header);
    }

    /// Appends a header of text.
    pub fn push_text(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.push(name, Some(value.into().into_bytes()));
    }

    /// Keeps the headers for which `keep` holds.
    pub fn retain(&mut self, keep: impl FnMut(&Header) -> bool) {
        if let Some(headers) = &mut self.0 {
            Arc::make_mut(headers).retain(keep);
        }
    }

    /// The value of the last header of this name, if there is one and it is not null.
    pub fn last(&self, name: &str) -> Option<&[u8]> {
        self.iter().rev().find(|header| header.name == name).and_then(|header| header.value.as_deref())
    }

    /// All headers in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Header> {
        self.0.as_deref().map(Vec::as_slice).unwrap_or_default().iter()
    }

    /// How many headers there are.
    pub fn len(&self) -> usize {
        self.iter().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<'a> IntoIterator for &'a Headers {
    type Item = &'a Header;
    type IntoIter = std::slice::Iter<'a, Header>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl FromIterator<Header> for Headers {
    fn from_iter<I: IntoIterator<Item = Header>>(headers: I) -> Self {
        let headers: Vec<Header> = headers.into_iter().collect();
        Self((!headers.is_empty()).then(|| Arc::new(headers)))
    }
}

/// A typed record between two operators.
#[derive(Clone, Debug, PartialEq)]
pub struct Record<K, V> {
    /// The key; its type says whether it may be null.
    pub key: K,
    /// The value; its type says whether it may be null.
    pub value: V,
    /// Event time, milliseconds since the epoch.
    pub timestamp: i64,
    /// Headers of the record that caused this one.
    pub headers: Headers,
}

impl<K, V> Record<K, V> {
    /// The same record with another value.
    pub fn with_value<V2>(self, value: V2) -> Record<K, V2> {
        Record { key: self.key, value, timestamp: self.timestamp, headers: self.headers }
    }

    /// The same record with another key.
    pub fn with_key<K2>(self, key: K2) -> Record<K2, V> {
        Record { key, value: self.value, timestamp: self.timestamp, headers: self.headers }
    }
}

/// A record as a broker keeps it. Cloning shares the bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RawRecord {
    /// Key bytes, or null.
    pub key: Option<Bytes>,
    /// Value bytes, or null (a tombstone).
    pub value: Option<Bytes>,
    /// Milliseconds since the epoch.
    pub timestamp: i64,
    /// Headers in order.
    pub headers: Headers,
}

/// Where a record goes among the partitions of its topic. Kafka Streams: what a `StreamPartitioner` answers (KIP-837).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Placement {
    /// Where the hash of its key says; a record without a key goes anywhere.
    #[default]
    ByKey,
    /// To this partition.
    One(i32),
    /// To each of these.
    Each(Vec<i32>),
    /// To every partition.
    All,
    /// It is dropped and counted.
    Nowhere,
}

/// One partition of one topic.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Partition {
    /// The topic's name as the broker knows it.
    pub topic: Arc<str>,
    /// The partition's number.
    pub number: i32,
}

impl Partition {
    /// Names a partition.
    pub fn new(topic: impl Into<Arc<str>>, number: i32) -> Self {
        Self { topic: topic.into(), number }
    }
}

impl std::fmt::Display for Partition {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}-{}", self.topic, self.number)
    }
}
