//! Composite keys whose bytes are compatible with Kafka Streams' stores and changelogs.

mod window;

pub(crate) use window::{WINDOW_SUFFIX, split_window_key};
pub use window::{Window, WindowSize, Windowed};
