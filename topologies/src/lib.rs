//! The applications of topo.
//!
//! [`orders`] and [`tazama`] are topologies, written only with the engine's public API; [`ods`] is the exit to
//! PostgreSQL; [`demo`] shows both without any service; [`catalogue()`] is what the binary offers. [`cdc`] reads change
//! events, [`decimal`] and [`time`] are exact numbers and instants; [`generate`] makes up input, and [`model`] says what
//! must come out of it.

pub mod cdc;
pub mod decimal;
pub mod demo;
pub mod generate;
pub mod model;
pub mod ods;
pub mod orders;
pub mod tazama;
pub mod time;

mod catalogue;
mod timers;

pub use catalogue::catalogue;
