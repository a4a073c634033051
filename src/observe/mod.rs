//! What the outside can see of a running process: metrics, health, and log lines.
//!
//! [`Metrics`] is every metric of the engine as a typed field; [`Health`] tells live from ready and says why not;
//! [`Server`] answers for both on one port, and for the [`Views`] into local stores; [`events`] are the things worth a log line, each with the metrics it moves.
//! Everything is shared by `Arc` and handed in; there is no global registry. Nothing here decides anything: the
//! runtime reports, this room shows.

mod family;
mod health;
mod http;
mod logging;
mod metrics;
pub(crate) mod percent;
mod primitives;
mod process;
mod views;

pub mod events;

pub use family::Family;
pub use health::Health;
pub use http::{ServeError, Server};
pub use logging::{LogError, LogFormat, init_logging};
pub use metrics::{Metrics, TaskState};
pub use primitives::{Counter, Gauge, Histogram};
pub use views::{Access, Answer, Question, View, Views};
