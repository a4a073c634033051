//! Why a record is not a change event. Every variant has a stable name for dead letters and metrics.

/// A record that cannot be decoded; it belongs into the dead letter topic.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The value is not JSON.
    #[error("the value is not valid JSON: {0}")]
    MalformedJson(String),
    /// The value is in a serialisation that is not supported (Avro, CloudEvents).
    #[error("the value is {0}; configure the connector to write Debezium JSON")]
    UnsupportedFormat(&'static str),
    /// The value is JSON but not the expected envelope, schema or table.
    #[error("{0}")]
    SchemaMismatch(String),
    /// A key column or a column that is joined is not in the row.
    #[error("{table}: column {column} is missing from the row")]
    MissingColumn {
        /// Table of the row.
        table: String,
        /// Column that is missing.
        column: String,
    },
    /// A field holds something its type does not allow.
    #[error("field {field}: expected {expected}, found {found}")]
    WrongType {
        /// Column, or path of the envelope field.
        field: String,
        /// What the type asks for.
        expected: String,
        /// What was there, shortened.
        found: String,
    },
    /// The operation is none of c, u, d, r, t, m.
    #[error("field op: `{0}` is not an operation; expected one of c, u, d, r, t, m")]
    UnknownOp(String),
    /// A record that needs a key has none.
    #[error("the record has no key; rows without a primary key have no order")]
    NullKey,
    /// A create, update or read without a row.
    #[error("{table}: field after is null in an event with op `{op}`")]
    MissingAfter {
        /// Table of the row.
        table: String,
        /// The operation.
        op: &'static str,
    },
    /// The key is not JSON or does not hold the primary key.
    #[error("the key cannot be decoded: {0}")]
    UndecodableKey(String),
}

impl DecodeError {
    /// The stable name that goes into the header `dlq.error.type`.
    pub fn error_type(&self) -> &'static str {
        match self {
            DecodeError::MalformedJson(_) => "MALFORMED_JSON",
            DecodeError::UnsupportedFormat(_) => "UNSUPPORTED_FORMAT",
            DecodeError::SchemaMismatch(_) => "SCHEMA_MISMATCH",
            DecodeError::MissingColumn { .. } => "MISSING_COLUMN",
            DecodeError::WrongType { .. } => "WRONG_TYPE",
            DecodeError::UnknownOp(_) => "UNKNOWN_OP",
            DecodeError::NullKey => "NULL_KEY",
            DecodeError::MissingAfter { .. } => "MISSING_AFTER",
            DecodeError::UndecodableKey(_) => "UNDECODABLE_KEY",
        }
    }

    pub(super) fn wrong_type(field: &str, expected: impl Into<String>, found: &str) -> DecodeError {
        DecodeError::WrongType { field: field.to_owned(), expected: expected.into(), found: shortened(found) }
    }

    /// An error of the JSON reader: of syntax, or of a field with an unexpected type.
    pub(super) fn from_json(place: &str, error: &serde_json::Error) -> DecodeError {
        if error.is_data() {
            DecodeError::SchemaMismatch(format!("{place}: {error}"))
        } else {
            DecodeError::MalformedJson(error.to_string())
        }
    }
}

/// At most 60 characters of a text that may be a whole document.
pub(super) fn shortened(text: &str) -> String {
    let mut short: String = text.chars().take(60).collect();
    if short.len() < text.len() {
        short.push_str("...");
    }
    short
}
