//! Ways to test a topology without a broker.
//!
//! [`sim`] runs several production processes against each other under faults; [`Driver`] is for everything else.
//!
//! [`Driver`] runs one topology in the calling thread: records and time go in, records come out, stores can be looked
//! into, and crashes happen when a test says so. It runs the same task code as production; only the logs are its own.
//! It never starts a thread, reads a clock or opens a socket.
//!
//! - `driver`: what tests call; `builder`: its options; `looking`: into stores; `recovery`: commits, crashes, restores;
//! - `logs`: topics of one partition, with open and aborted records; `placing`: where records would go; `error`.

mod builder;
mod driver;
mod error;
mod logs;
mod looking;
mod placing;
mod recovery;
pub mod sim;

#[cfg(test)]
mod tests;

pub use builder::DriverBuilder;
pub use driver::Driver;
pub use error::DriverError;
pub use looking::RawRow;
