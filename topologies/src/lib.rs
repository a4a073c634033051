//! The applications of topo.

pub mod cdc;
pub mod decimal;
pub mod generate;
pub mod model;
pub mod time;
