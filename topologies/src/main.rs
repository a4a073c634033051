//! The binary `topo`.

fn main() -> std::process::ExitCode {
    topo::cli::main(&topologies::catalogue())
}
