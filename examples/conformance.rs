//! Runs recorded Kafka Streams scenarios: `cargo run --release --example conformance -- DIR [--limit N] [--mode MODE ...]`.

#[path = "../tests/engine/conformance/mod.rs"]
mod conformance;

use std::path::PathBuf;
use std::process::ExitCode;

use conformance::{Mode, Report};

const USAGE: &str = "\
usage: conformance DIR [--limit N] [--mode MODE ...]

DIR   scenarios as recorded (format 1), described topologies, cases transcribed from Kafka's own tests,
      all of them as .json or .json.gz; a file will do
N     how many deviations to print (all unless given)
MODE  memory (unless given), rocksdb, crash:K (stores are lost after every K entries and
      come back from their changelogs), reopen:K (RocksDB is closed and opened again), refill:K (the
      same with stores that are declared in memory)";

/// What the command was asked for.
struct Asked {
    path: PathBuf,
    limit: usize,
    modes: Vec<Mode>,
}

fn asked() -> Result<Asked, String> {
    let (mut path, mut limit, mut modes) = (None, usize::MAX, Vec::new());
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value"));
        match argument.as_str() {
            "--limit" => limit = value()?.parse().map_err(|error| format!("--limit: {error}"))?,
            "--mode" => modes.push(value()?.parse()?),
            other if other.starts_with('-') => return Err(format!("{other} is no option")),
            _ if path.is_some() => return Err("one directory at a time".to_owned()),
            _ => path = Some(PathBuf::from(&argument)),
        }
    }
    if modes.is_empty() {
        modes.push(Mode::Memory);
    }
    Ok(Asked { path: path.ok_or("no directory given")?, limit, modes })
}

#[expect(clippy::print_stdout, reason = "this is a command")]
fn main() -> ExitCode {
    let outcome = asked().and_then(|it| Ok((conformance::run(&it.path, &it.modes)?, it.limit)));
    let (report, limit) = match outcome {
        Ok(done) => done,
        Err(why) => {
            println!("{why}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    print(&report, limit);
    if report.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[expect(clippy::print_stdout, reason = "this is a command")]
fn print(report: &Report, limit: usize) {
    for skipped in &report.skipped {
        println!("skipped {skipped}");
    }
    for failed in report.by_design.iter().take(limit) {
        println!("differs by design {failed}");
    }
    for failed in report.failed.iter().take(limit) {
        println!("FAILED  {failed}");
    }
    if report.failed.len() > limit {
        println!("... and {} more", report.failed.len() - limit);
    }
    println!("{} descriptions equal, {} cases differ by design", report.described, report.by_design.len());
    println!("{} passed, {} failed, {} skipped", report.passed, report.failed.len(), report.skipped_cases());
}
