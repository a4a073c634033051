//! The `topo` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    topo::cli::main(&topologies::catalogue())
}
