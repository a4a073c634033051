//! Joins of two streams within a span of time.
//!
//! Each side keeps its records in a window store (`window`) and looks its partners up in the other side's (`side`). A left
//! or outer join keeps records that have found no partner in a third store until the span is over (`waiting`, with the
//! bytes of its rows in `row`). A join of a stream with itself may do with one store (`self_join`).

mod row;
mod self_join;
mod side;
mod sides;
mod waiting;
mod window;

pub(crate) use row::row_codec;
pub(crate) use self_join::SelfJoin;
pub(crate) use side::{JoinSide, SideParts};
pub(crate) use sides::{Left, Right, Side};
pub(crate) use waiting::{Waiting, WaitingStore, WaitingTimes};
pub(crate) use window::JoinWindow;
