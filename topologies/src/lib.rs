//! The applications of topo.

pub mod cdc;
pub mod decimal;
pub mod time;
