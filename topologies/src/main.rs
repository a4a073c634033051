//! The `topo` binary.
fn main() {}
