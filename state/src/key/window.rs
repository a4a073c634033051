//! Windows in time, and keys that belong to one.

use std::fmt;

/// A span of time, milliseconds since the epoch. `start` belongs to it; `end` belongs to sliding windows and sessions, not to
/// tumbling and hopping windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Window {
    /// First millisecond of the window.
    pub start: i64,
    /// First millisecond after a tumbling or hopping window; last millisecond of a sliding window or session.
    pub end: i64,
}

/// The length of a window, milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WindowSize(i64);

/// A key within a window.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Windowed<K> {
    /// The key itself.
    pub key: K,
    /// Its window.
    pub window: Window,
}

impl WindowSize {
    /// A length in milliseconds.
    pub const fn millis(ms: i64) -> Self {
        Self(ms)
    }

    /// The length in milliseconds.
    pub const fn as_millis(self) -> i64 {
        self.0
    }
}

impl Window {
    /// The window of a length that begins at `start`. The end of a window at the edge of time stays at that edge.
    pub const fn starting_at(start: i64, size: WindowSize) -> Self {
        Self { start, end: start.saturating_add(size.0) }
    }
}

/// As Kafka Streams prints it: `[key@start/end]`.
impl<K: fmt::Display> fmt::Display for Windowed<K> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "[{}@{}/{}]", self.key, self.window.start, self.window.end)
    }
}

/// Bytes behind the key in a window key: start in 8 bytes, sequence number in 4, both big endian.
pub(crate) const WINDOW_SUFFIX: usize = 12;

/// Takes a window key apart: key bytes, start, sequence number. `None` when it is too short to be one.
pub(crate) fn split_window_key(bytes: &[u8]) -> Option<(&[u8], i64, u32)> {
    let (rest, sequence) = bytes.split_last_chunk::<4>()?;
    let (key, start) = rest.split_last_chunk::<8>()?;
    Some((key, i64::from_be_bytes(*start), u32::from_be_bytes(*sequence)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_windowed_key_prints_like_kafka_streams() {
        let window = Window::starting_at(5, WindowSize::millis(10));
        assert_eq!(Windowed { key: "k", window }.to_string(), "[k@5/15]");
    }

    #[test]
    fn a_window_key_comes_apart_and_a_short_one_does_not() {
        let mut bytes = b"key".to_vec();
        bytes.extend_from_slice(&(-7_i64).to_be_bytes());
        bytes.extend_from_slice(&3_u32.to_be_bytes());
        assert_eq!(split_window_key(&bytes), Some((&b"key"[..], -7, 3)));
        assert_eq!(split_window_key(&bytes[4..]), None);
    }
}
