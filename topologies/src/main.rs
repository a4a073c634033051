//! The binary `topo`.

// Records cross threads on their way, which glibc's malloc pays dearly for: 12 to 17 % of a count's or a join's CPU time.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> std::process::ExitCode {
    topo::cli::main(&topologies::catalogue())
}
