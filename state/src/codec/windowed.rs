//! Windowed keys as they stand on ordinary topics, compatible with Kafka Streams' time-windowed and session-windowed
//! serializers.

use std::sync::Arc;

use super::{Codec, CodecError, CodecRef};
use crate::key::{SESSION_SUFFIX, Window, WindowSize, Windowed, push_session, split_session_key};

/// A key of a tumbling, hopping or sliding window: the inner key, then the window's start in eight bytes. The end is not
/// written; it is start + `size`.
pub fn windowed<K: 'static>(inner: CodecRef<K>, size: WindowSize) -> CodecRef<Windowed<K>> {
    let id = format!("windowed({})", inner.id());
    Arc::new(WindowedCodec { inner, size, id })
}

/// A key of a session: the inner key, then the session's end and its start in eight bytes each.
pub fn session_windowed<K: 'static>(inner: CodecRef<K>) -> CodecRef<Windowed<K>> {
    let id = format!("session-windowed({})", inner.id());
    Arc::new(SessionWindowedCodec { inner, id })
}

struct WindowedCodec<K> {
    inner: CodecRef<K>,
    size: WindowSize,
    id: String,
}

impl<K: 'static> Codec<Windowed<K>> for WindowedCodec<K> {
    fn encode(&self, value: &Windowed<K>, out: &mut Vec<u8>) -> Result<(), CodecError> {
        self.inner.encode(&value.key, out)?;
        out.extend_from_slice(&value.window.start.to_be_bytes());
        Ok(())
    }

    fn decode(&self, bytes: &[u8]) -> Result<Windowed<K>, CodecError> {
        let Some((key, start)) = bytes.split_last_chunk::<8>() else {
            return Err(CodecError::new(&self.id, bytes.len(), "too short to end in a window start"));
        };
        let window = Window::starting_at(i64::from_be_bytes(*start), self.size);
        Ok(Windowed { key: self.inner.decode(key)?, window })
    }

    fn window_bytes(&self) -> usize {
        size_of::<i64>()
    }

    fn id(&self) -> &str {
        &self.id
    }
}

struct SessionWindowedCodec<K> {
    inner: CodecRef<K>,
    id: String,
}

impl<K: 'static> Codec<Windowed<K>> for SessionWindowedCodec<K> {
    fn encode(&self, value: &Windowed<K>, out: &mut Vec<u8>) -> Result<(), CodecError> {
        self.inner.encode(&value.key, out)?;
        push_session(value.window, out);
        Ok(())
    }

    fn decode(&self, bytes: &[u8]) -> Result<Windowed<K>, CodecError> {
        let Some((key, window)) = split_session_key(bytes) else {
            return Err(CodecError::new(&self.id, bytes.len(), "too short to end in a session"));
        };
        Ok(Windowed { key: self.inner.decode(key)?, window })
    }

    fn window_bytes(&self) -> usize {
        SESSION_SUFFIX
    }

    fn id(&self) -> &str {
        &self.id
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::utf8;

    #[test]
    fn a_windowed_key_is_the_key_and_its_start() {
        let codec = windowed(utf8(), WindowSize::millis(300));
        let key = Windowed { key: "k".to_owned(), window: Window { start: 600, end: 900 } };
        let mut out = Vec::new();
        codec.encode(&key, &mut out).unwrap();
        assert_eq!(out, [b'k', 0, 0, 0, 0, 0, 0, 2, 88]);
        assert_eq!(codec.decode(&out), Ok(key));
        assert_eq!((codec.id(), codec.window_bytes()), ("windowed(utf8)", 8));
        assert!(codec.decode(&out[2..]).is_err());
    }

    #[test]
    fn a_session_key_is_the_key_its_end_and_its_start() {
        let codec = session_windowed(utf8());
        let key = Windowed { key: "k".to_owned(), window: Window { start: 600, end: 258 } };
        let mut out = Vec::new();
        codec.encode(&key, &mut out).unwrap();
        assert_eq!(out, [b'k', 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 2, 88]);
        assert_eq!(codec.decode(&out), Ok(key));
        assert_eq!((codec.id(), codec.window_bytes()), ("session-windowed(utf8)", 16));
        assert!(codec.decode(&out[2..]).is_err());
    }
}
