//! Aggregations in windows: tumbling and hopping, sliding, sessions; updates as they come, or final results.
//!
//! Which windows a record belongs to is arithmetic of `dsl::windows`; here are stores, order and emission. Stream time and
//! the mark up to which final results were given are committed operator times.

mod on_close;
mod row;
mod session;
mod sliding;
mod time;

pub(crate) use on_close::{CloseSessions, CloseWindows};
pub(crate) use row::{Tells, WindowRow};
pub(crate) use session::{SessionAggregate, Told};
pub(crate) use sliding::SlidingAggregate;
pub(crate) use time::WindowAggregate;
