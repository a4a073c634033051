//! Runs a directory of recorded Kafka Streams scenarios: `cargo run --example conformance -- <directory>`.

#[path = "../tests/engine/conformance/mod.rs"]
mod conformance;

use std::path::Path;
use std::process::ExitCode;

#[expect(clippy::print_stdout, reason = "this is a command")]
fn main() -> ExitCode {
    let Some(directory) = std::env::args().nth(1) else {
        println!("usage: conformance <directory of scenario files>");
        return ExitCode::from(2);
    };
    let report = conformance::run_directory(Path::new(&directory));
    for skipped in &report.skipped {
        println!("skipped {skipped}");
    }
    for failed in &report.failed {
        println!("FAILED  {failed}");
    }
    println!("{} passed, {} failed, {} skipped", report.passed, report.failed.len(), report.skipped.len());
    if report.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
