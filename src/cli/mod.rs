//! The commands of the binary `topo`, generic over a [`Catalogue`].
//!
//! Another team builds its own `topo` from its own catalogue: `fn main() -> ExitCode { topo::cli::main(&catalogue()) }`.
//! One command per file; each takes settings and a console and returns or fails with a [`Failure`] that knows its exit
//! code. Only this room prints, reads the environment, handles signals and ends the process.

mod app_config;
mod args;
mod catalogue;
mod config;
mod console;
mod demo;
mod describe;
mod exit;
mod generate;
mod invoke;
mod lag;
mod look;
mod operate;
mod reset;
mod restore;
mod run;
mod state;
mod table;
mod tasks;
mod topology;

pub use app_config::app_config;
pub use args::{DescribeFormat, Target};
pub use catalogue::{
    Application, Catalogue, Demo, DemoOptions, DemoOutcome, Entry, Generate, GenerateOptions, Generator,
    MakeApplication, ResetPlan, Running,
};
pub use console::Console;
pub use exit::{Exit, Failure};
pub use invoke::{Invocation, execute, main};
pub use look::{
    lag::LagRow,
    stores::StoreRow,
    tasks::{StandbyRow, TaskRow},
    verify::VerifyRow,
};
pub use restore::{RestoreOptions, RestoreProgress};
pub use state::StateQuery;
pub use topology::TopologyApplication;
