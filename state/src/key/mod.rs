//! Composite keys whose bytes are compatible with Kafka Streams' stores and changelogs.

mod session;
mod window;

pub(crate) use session::{SESSION_SUFFIX, push_session, split_session_key};
pub(crate) use window::{WINDOW_SUFFIX, split_window_key};
pub use window::{Window, WindowSize, Windowed};
