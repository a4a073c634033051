//! What a stream-stream join is told beside names, windows and the function.

use topo_state::CodecRef;

/// How often results without a partner are looked for when nobody says otherwise, as in Kafka Streams.
const EMIT_INTERVAL_MS: i64 = 1_000;

/// The stores of a stream-stream join: the first part of their names, and the codecs of the key and of both values.
///
/// A join called after this with `name` has the logged stores `<name>-this-join-store` and `<name>-other-join-store`
/// (inner); `<name>-this-join-store`, `<name>-outer-other-join-store` and `<name>-left-shared-join-store` (left);
/// `<name>-outer-this-join-store`, `<name>-outer-other-join-store` and `<name>-outer-shared-join-store` (outer).
/// Kafka Streams: `StreamJoined.with(..).withStoreName(..)`.
pub struct StreamJoined<K, V1, V2> {
    pub(crate) name: String,
    pub(crate) key: CodecRef<K>,
    pub(crate) left: CodecRef<V1>,
    pub(crate) right: CodecRef<V2>,
    pub(crate) emit_interval_ms: i64,
    pub(crate) in_memory: bool,
}

impl<K, V1, V2> StreamJoined<K, V1, V2> {
    /// Stores whose names begin with `name`.
    pub fn new(name: impl Into<String>, key: CodecRef<K>, left: CodecRef<V1>, right: CodecRef<V2>) -> Self {
        Self { name: name.into(), key, left, right, emit_interval_ms: EMIT_INTERVAL_MS, in_memory: false }
    }

    /// Looks for results without a partner at most once in this time of the wall clock, instead of once in 1,000 ms; 0
    /// looks with every record. It moves when such results go out, never which.
    /// Kafka Streams: an internal setting, of the same default.
    pub fn emit_interval_ms(mut self, emit_interval_ms: i64) -> Self {
        self.emit_interval_ms = emit_interval_ms;
        self
    }

    /// Keeps the records of both sides in memory instead of on disk; see [`KeyValue::in_memory`](crate::KeyValue::in_memory).
    /// Kafka Streams: `StreamJoined.withThisStoreSupplier` and `withOtherStoreSupplier` with `Stores.inMemoryWindowStore`.
    pub fn in_memory(mut self) -> Self {
        self.in_memory = true;
        self
    }
}

impl<K, V1, V2> Clone for StreamJoined<K, V1, V2> {
    fn clone(&self) -> Self {
        Self {
            name: self.name.clone(),
            key: self.key.clone(),
            left: self.left.clone(),
            right: self.right.clone(),
            emit_interval_ms: self.emit_interval_ms,
            in_memory: self.in_memory,
        }
    }
}
