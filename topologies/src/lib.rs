//! The applications of topo.

pub mod decimal;
pub mod time;
