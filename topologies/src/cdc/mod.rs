//! Change data capture: the records of a Debezium Oracle connector as typed changes.
//!
//! Owns: the envelope, with and without the schema wrapper; the canonical value of every Oracle type in every
//! mode of the connector; the version that orders the events of a row; the typed rows of the SALES tables.
//!
//! Never: keeps rows, compares versions with a store, or decides what a change means. Types come from the
//! schema on the wire or from the catalogue; they are never guessed from the content.

mod catalogue;
mod column;
mod decoder;
mod envelope;
mod error;
mod event;
mod image;
mod row;
mod tables;
mod version;
mod wire;
mod wrapper;

pub use catalogue::{Catalogue, CatalogueError, OracleType, TableTypes};
pub use decoder::{Decoder, DecoderConfig, UNAVAILABLE_VALUE};
pub use error::DecodeError;
pub use event::{ChangeEvent, Event, Operation, SkipKind};
pub use row::{Cell, ColumnNames, Row, Value};
pub use tables::{AuditLog, Customer, Order, OrderItem, Product, TableRow};
pub use version::{Freshness, Ordering, Version};

/// How decimals are written when the wire carries no schema.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DecimalForm {
    /// Base64 of the unscaled integer (`decimal.handling.mode=precise`). JSON numbers are accepted too.
    #[default]
    Base64,
    /// Plain text (`decimal.handling.mode=string`). JSON numbers are accepted too.
    Text,
}

/// How timestamps are written when the wire carries no schema. ISO 8601 text is always accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimeForm {
    /// Milli-, micro- or nanoseconds, by the digits of the column (`time.precision.mode=adaptive`).
    #[default]
    Adaptive,
    /// Milliseconds always (`time.precision.mode=connect`).
    Connect,
}
