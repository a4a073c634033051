//! Bytes <-> values. One file per family; null never reaches a codec.
//!
//! A codec's id is recorded in state directories: a store whose codec changed is refused instead of misread.

mod bincode;
mod json;
mod number;
mod raw;
mod windowed;

use std::fmt::Display;
use std::sync::Arc;

use crate::show::show_by_id;

pub use bincode::bincode;
pub use json::json;
pub use number::{f64_be, i32_be, i64_be, u64_be};
pub use raw::{bytes, utf8};
pub use windowed::{session_windowed, windowed};

/// Turns values of one type into bytes and back.
pub trait Codec<T>: Send + Sync + 'static {
    /// Appends the bytes of `value` to `out`.
    ///
    /// # Errors
    /// The value has no form in this codec; `out` may hold part of it.
    fn encode(&self, value: &T, out: &mut Vec<u8>) -> Result<(), CodecError>;

    /// Reads a value back from exactly these bytes.
    ///
    /// # Errors
    /// The bytes were not written by this codec, or for another type.
    fn decode(&self, bytes: &[u8]) -> Result<T, CodecError>;

    /// What these bytes say, for people and tools; bytes that were not written by this codec are shown as they are.
    fn show(&self, bytes: &[u8]) -> serde_json::Value {
        show_by_id(self.id(), bytes)
    }

    /// How many of the last bytes name a window: two keys that differ only there belong to one partition of a topic.
    fn window_bytes(&self) -> usize {
        0
    }

    /// The version of the format, for values whose changelog in Kafka Streams says it in the header `v`.
    fn version(&self) -> Option<u8> {
        None
    }

    /// Stable name of the format, e.g. `json` or `i64-be`.
    fn id(&self) -> &str;
}

/// A shared codec, as stores and topics carry it.
pub type CodecRef<T> = Arc<dyn Codec<T>>;

/// Why bytes and value do not fit together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{codec}: {reason} ({length} bytes)")]
pub struct CodecError {
    codec: String,
    reason: String,
    length: usize,
}

impl CodecError {
    /// An error of the codec `codec` about `length` bytes (on encoding: those written so far).
    pub fn new(codec: impl Into<String>, length: usize, reason: impl Display) -> Self {
        Self { codec: codec.into(), reason: reason.to_string(), length }
    }

    /// Id of the codec that failed.
    pub fn codec(&self) -> &str {
        &self.codec
    }
}
