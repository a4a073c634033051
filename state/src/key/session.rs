//! Keys of sessions: the end comes first, so that the sessions of a key lie in the order in which they end.

use super::window::Window;

/// Bytes behind the key in a session key: end and start in 8 bytes each, big endian.
pub(crate) const SESSION_SUFFIX: usize = 16;

/// Takes a session key apart: key bytes and session. `None` when it is too short to be one.
pub(crate) fn split_session_key(bytes: &[u8]) -> Option<(&[u8], Window)> {
    let (rest, start) = bytes.split_last_chunk::<8>()?;
    let (key, end) = rest.split_last_chunk::<8>()?;
    Some((key, Window { start: i64::from_be_bytes(*start), end: i64::from_be_bytes(*end) }))
}

/// Puts end and start behind the bytes of a key.
pub(crate) fn push_session(window: Window, out: &mut Vec<u8>) {
    out.extend_from_slice(&window.end.to_be_bytes());
    out.extend_from_slice(&window.start.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_key_comes_apart_and_a_short_one_does_not() {
        let window = Window { start: -7, end: 258 };
        let mut bytes = b"key".to_vec();
        push_session(window, &mut bytes);
        assert_eq!(bytes[3..11], [0, 0, 0, 0, 0, 0, 1, 2], "the end comes first");
        assert_eq!(split_session_key(&bytes), Some((&b"key"[..], window)));
        assert_eq!(split_session_key(&bytes[4..]), None);
    }
}
