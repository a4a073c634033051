//! `suppress`: updates wait in a store until they are due.

mod buffer;
mod node;
mod row;

pub(crate) use buffer::{Buffer, BufferedRows, Most};
pub(crate) use node::{Hold, SuppressNode};
pub(crate) use row::{Reader, write_headers};
