//! What a record of a Debezium topic can be.

use super::row::Row;
use super::version::Version;

/// A decoded record.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A row was created, updated, deleted or read by a snapshot.
    Change(Box<ChangeEvent>),
    /// A null value. After a delete it says nothing new; alone it is a delete.
    Tombstone {
        /// Table the key belongs to, from the topic name.
        table: String,
        /// The primary key.
        key: Row,
    },
    /// A record that is no row change and no error: to be counted.
    Skipped(SkipKind),
}

/// Records that are skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SkipKind {
    /// A null value without a key: it is about no row.
    Tombstone,
    /// A table was truncated; the rows stay.
    Truncate,
    /// A DDL statement.
    SchemaChange,
    /// A sign of life of the connector.
    Heartbeat,
    /// The begin or end of a transaction.
    Transaction,
    /// A logical decoding message.
    Message,
    /// Progress of a snapshot.
    Notification,
}

impl SkipKind {
    /// Its name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            SkipKind::Tombstone => "tombstone",
            SkipKind::Truncate => "truncate",
            SkipKind::SchemaChange => "schema_change",
            SkipKind::Heartbeat => "heartbeat",
            SkipKind::Transaction => "transaction",
            SkipKind::Message => "message",
            SkipKind::Notification => "notification",
        }
    }
}

/// The operation of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// `c`: inserted.
    Create,
    /// `u`: updated.
    Update,
    /// `d`: deleted.
    Delete,
    /// `r`: read by a snapshot.
    Read,
}

/// A change of one row.
#[derive(Clone, Debug, PartialEq)]
pub struct ChangeEvent {
    /// Database schema of the table.
    pub schema: String,
    /// Name of the table.
    pub table: String,
    /// What happened.
    pub op: Operation,
    /// The primary key.
    pub key: Row,
    /// The row before the change, if the event has it.
    pub before: Option<Row>,
    /// The row after the change; always there unless the row was deleted.
    pub after: Option<Row>,
    /// `source.snapshot`: `false`, `true`, `first`, `last`, `incremental`, ...
    pub snapshot: String,
    /// SCN of the change.
    pub scn: Option<u64>,
    /// SCN of the commit.
    pub commit_scn: Option<u64>,
    /// Transaction of the change.
    pub tx_id: Option<String>,
    /// Position of the change in its transaction, counted from 1.
    pub tx_seq: Option<i64>,
    /// Place of the event in the history of its row.
    pub version: Version,
    /// Time of the change in the database, milliseconds since 1970.
    pub source_ts: Option<i64>,
    /// Time at which the connector handled it, milliseconds since 1970.
    pub event_ts: Option<i64>,
    /// Version of the connector.
    pub connector_version: Option<String>,
}

impl ChangeEvent {
    /// Columns of the image before the change that hold the placeholder for an unchanged large value.
    pub fn unavailable_before(&self) -> Vec<&str> {
        self.before.as_ref().map(Row::unavailable).unwrap_or_default()
    }

    /// Columns of the image after the change that hold the placeholder for an unchanged large value.
    pub fn unavailable_after(&self) -> Vec<&str> {
        self.after.as_ref().map(Row::unavailable).unwrap_or_default()
    }
}

impl Operation {
    /// The letter on the wire.
    pub fn letter(self) -> &'static str {
        match self {
            Operation::Create => "c",
            Operation::Update => "u",
            Operation::Delete => "d",
            Operation::Read => "r",
        }
    }
}
