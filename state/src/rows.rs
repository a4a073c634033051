//! Typed values by encoded row key: the one place where codecs, buffer and backend meet.
//!
//! A stored value of a timestamped store is `timestamp (8 bytes) ++ value`, of a plain one the bare value.

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::backend::Backend;
use crate::batch::WriteBatch;
use crate::buffer::{Buffer, DEFAULT_CACHE_BYTES};
use crate::codec::{CodecError, CodecRef};
use crate::error::StateError;
use crate::merge::{self, Range, Row};
use crate::spec::StoreSpec;
use crate::store::{Change, Timestamped};

/// The rows of one store.
pub(crate) struct Rows<V> {
    pub(crate) spec: StoreSpec,
    pub(crate) index: usize,
    backend: Arc<dyn Backend>,
    codec: CodecRef<V>,
    buffer: Buffer<V>,
    timestamped: bool,
    /// Encoded value in the making.
    scratch: Vec<u8>,
    /// Moving average of encoded value sizes: what an entry is taken to cost before it is encoded.
    typical_bytes: usize,
    /// Another store writes the same rows, so committed entries must not be remembered.
    read_through: bool,
}

/// What a drain shows: row key, encoded value, timestamp of the write.
type EachEncoded<'a> = dyn FnMut(&[u8], Option<&[u8]>, i64) + 'a;

impl<V: 'static> Rows<V> {
    pub(crate) fn new(spec: StoreSpec, index: usize, backend: Arc<dyn Backend>, codec: CodecRef<V>) -> Self {
        let timestamped = spec.kind.is_timestamped();
        let buffer = Buffer::new(DEFAULT_CACHE_BYTES);
        let scratch = Vec::new();
        Self {
            spec,
            index,
            backend,
            codec,
            buffer,
            timestamped,
            scratch,
            typical_bytes: 0,
            read_through: false,
        }
    }

    pub(crate) fn show(&self, value: &[u8]) -> serde_json::Value {
        self.codec.show(value)
    }

    pub(crate) fn get(&mut self, row: &[u8]) -> Result<Option<&Timestamped<V>>, StateError> {
        if self.read_through {
            self.buffer.forget_clean(row);
        }
        let at = match self.buffer.find(row) {
            Some(at) => at,
            None => self.load(row)?,
        };
        Ok(self.buffer.value(at))
    }

    /// Committed rows, estimated.
    pub(crate) fn approximate_len(&self) -> Result<u64, StateError> {
        self.backend.approximate_len(self.index)
    }

    pub(crate) fn put(&mut self, row: &[u8], value: Option<V>, timestamp: i64) {
        self.put_row(row, value, timestamp, false);
    }

    /// The same; `new` = a search would not have found the row.
    pub(crate) fn put_row(&mut self, row: &[u8], value: Option<V>, timestamp: i64, new: bool) {
        self.buffer.write(row, value, timestamp, self.typical_bytes, new);
    }

    /// Removes a row. One that came in this very interval leaves nothing behind, as if it had never been.
    pub(crate) fn remove(&mut self, row: &[u8], timestamp: i64) -> Result<(), StateError> {
        if let Some(at) = self.buffer.find(row)
            && self.buffer.is_unseen(at)
            && (self.buffer.is_absent(at) || !self.backend.get(self.index, row, &mut |_| {})?)
        {
            self.buffer.forget_unseen(at);
            return Ok(());
        }
        self.put(row, None, timestamp);
        Ok(())
    }

    pub(crate) fn update(
        &mut self,
        row: &[u8],
        timestamp: i64,
        change: impl FnOnce(Option<V>) -> Option<V>,
    ) -> Result<(), StateError> {
        let at = match self.buffer.find(row) {
            Some(at) => at,
            None => self.load(row)?,
        };
        let value = change(self.buffer.take(at));
        self.put(row, value, timestamp);
        Ok(())
    }

    /// Hands out uncommitted entries. The changelog key is what follows the first `prefix` bytes of a row key.
    pub(crate) fn drain(
        &mut self,
        prefix: usize,
        batch: &mut WriteBatch,
        changelog: &mut dyn FnMut(Change<'_>),
    ) -> Result<(), StateError> {
        let (index, timestamped) = (self.index, self.timestamped);
        self.encoded(&mut |row, value, timestamp| {
            let key = row.get(prefix..).unwrap_or_default();
            changelog(Change { key, value, timestamp });
            let stamp = timestamp.to_be_bytes();
            let stamp = if timestamped { &stamp[..] } else { &[] };
            match value {
                Some(value) => batch.put_parts(index, [row, &[]], [stamp, value]),
                None => batch.delete(index, row),
            }
        })
    }

    /// Shows every uncommitted entry encoded; for a store that lays its rows out by itself this is the drain.
    pub(crate) fn encoded(&mut self, each: &mut EachEncoded<'_>) -> Result<(), StateError> {
        let Self { spec, codec, buffer, scratch, typical_bytes, .. } = self;
        buffer.drain(|slot| {
            let Some(value) = &slot.value else {
                each(&slot.key, None, slot.written_at);
                return Ok(0);
            };
            scratch.clear();
            codec.encode(&value.value, scratch).map_err(|source| codec_error(spec, source))?;
            each(&slot.key, Some(scratch), slot.written_at);
            learn(typical_bytes, scratch.len());
            Ok(scratch.len())
        })
    }

    /// The version of the values' format, if their changelog records carry it.
    pub(crate) fn value_version(&self) -> Option<u8> {
        self.codec.version()
    }

    pub(crate) fn committed(&mut self) {
        self.buffer.committed(self.timestamped);
    }

    pub(crate) fn discard(&mut self) {
        self.buffer.discard();
    }

    pub(crate) fn dirty_bytes(&self) -> usize {
        self.buffer.dirty_bytes()
    }

    pub(crate) fn read_through(&mut self) {
        self.read_through = true;
        self.buffer.set_cache_bytes(0);
    }

    /// Deleted rows are not remembered behind their commit.
    pub(crate) fn forget_deleted(&mut self) {
        self.buffer.forget_deleted();
    }

    pub(crate) fn set_cache_bytes(&mut self, bytes: usize) {
        self.buffer.set_cache_bytes(bytes);
    }

    /// Shows the merged rows whose key passes `wanted`; values of the others are not decoded.
    pub(crate) fn scan(
        &mut self,
        range: Range<'_>,
        wanted: &mut dyn FnMut(&[u8]) -> bool,
        visit: &mut dyn FnMut(&[u8], &Timestamped<V>) -> merge::Step,
    ) -> Result<(), StateError> {
        let Self { spec, index, backend, codec, buffer, timestamped, .. } = self;
        merge::scan(buffer, backend.as_ref(), *index, range, &mut |row| match row {
            Row::Buffered(slot) => match &slot.value {
                Some(value) if wanted(&slot.key) => visit(&slot.key, value),
                _ => Ok(ControlFlow::Continue(())),
            },
            Row::Stored(key, stored) if wanted(key) => {
                let value =
                    decode(codec, *timestamped, stored).map_err(|source| codec_error(spec, source))?;
                visit(key, &value)
            }
            Row::Stored(..) => Ok(ControlFlow::Continue(())),
        })
    }

    /// Shows the merged row keys alone.
    pub(crate) fn scan_keys(
        &mut self,
        range: Range<'_>,
        visit: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<(), StateError> {
        merge::scan(&mut self.buffer, self.backend.as_ref(), self.index, range, &mut |row| match row {
            Row::Buffered(slot) => Ok(visit(&slot.key)),
            Row::Stored(key, _) => Ok(visit(key)),
        })
    }

    /// Names this store in a codec's error.
    pub(crate) fn error(&self, source: CodecError) -> StateError {
        codec_error(&self.spec, source)
    }

    fn load(&mut self, row: &[u8]) -> Result<usize, StateError> {
        let Self { spec, index, backend, codec, timestamped, .. } = self;
        let mut found = Ok(None);
        let mut length = 0;
        backend.get(*index, row, &mut |stored| {
            length = stored.len();
            found = decode(codec, *timestamped, stored).map(Some);
        })?;
        let value = found.map_err(|source| codec_error(spec, source))?;
        if value.is_some() {
            learn(&mut self.typical_bytes, length);
        }
        Ok(self.buffer.load(row, value, length))
    }
}

fn learn(typical_bytes: &mut usize, bytes: usize) {
    *typical_bytes = (*typical_bytes * 15 + bytes) / 16;
}

fn decode<V: 'static>(
    codec: &CodecRef<V>,
    timestamped: bool,
    stored: &[u8],
) -> Result<Timestamped<V>, CodecError> {
    if !timestamped {
        return Ok(Timestamped { value: codec.decode(stored)?, timestamp: -1 });
    }
    let Some((timestamp, value)) = stored.split_first_chunk::<8>() else {
        return Err(CodecError::new(codec.id(), stored.len(), "too short to begin with a timestamp"));
    };
    Ok(Timestamped { value: codec.decode(value)?, timestamp: i64::from_be_bytes(*timestamp) })
}

fn codec_error(spec: &StoreSpec, source: CodecError) -> StateError {
    StateError::Codec { store: spec.name.clone(), source }
}
