//! The binary `topo`.

fn main() -> std::process::ExitCode {
<<<<<<< HEAD
    topo::cli::main(&topologies::catalogue())
=======
    topo::cli::main(&topologies::catalogue::catalogue())
>>>>>>> apps
}
