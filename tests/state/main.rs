//! Tests of the room `state`: what it promises through its public face.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::print_stderr, reason = "what a run did is part of its result")]

/// Codecs and the order of their bytes, on random values.
mod codecs;
/// The promises of every store and backend, written once, run over both backends.
mod contract;
/// Processes killed while they write.
mod crash;
/// Directories that are damaged, foreign, locked or from another declaration.
mod directory;
/// A directory of an older version of the format, opened by this one.
mod fixture;
/// Stores that are declared in memory, beside others in a directory.
mod in_memory;
/// The manifest of a database loses its end.
mod manifest;
/// Random operations beside plain maps.
mod model;
/// Random sessions beside a plain map.
mod session_model;
/// Scratch directories, and the engine's part of a commit.
mod support;
/// The order in which versions lie.
mod version_order;
