//! Files to cases, on all processors.

use std::collections::BTreeSet;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use flate2::read::GzDecoder;
use serde_json::Value as Json;

use super::mode::Mode;
use super::report::{Failure, Report, Skip};
use super::topology::{self, Unbuilt};
use super::transcribed::{self, Ended};
use super::{case, described, differences};

/// A topology of a file, or a described one.
enum Job {
    Scenario(Json),
    /// A case that was transcribed from one of Kafka's own tests.
    Transcribed(Json),
    Description(PathBuf),
}

/// Runs everything below a directory (or one file), each case in each mode.
pub(crate) fn run(path: &Path, modes: &[Mode]) -> Result<Report, String> {
    let mut files = Vec::new();
    collect(path, &mut files)?;
    files.sort();
    let mut jobs = Vec::new();
    for file in files {
        jobs.extend(read(&file)?);
    }
    if jobs.is_empty() {
        return Err(format!("{} holds no recorded scenarios", path.display()));
    }
    let listed = differences::listed();
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let nth = next.fetch_add(1, Ordering::Relaxed);
                    let Some(job) = jobs.get(nth) else { break };
                    let report = work(job, modes, &listed);
                    done.lock().expect("no worker panics").push((nth, report));
                }
            });
        }
    });
    let mut done = done.into_inner().expect("no worker panics");
    done.sort_by_key(|(nth, _)| *nth);
    let mut report = Report::default();
    done.into_iter().for_each(|(_, part)| report.append(part));
    Ok(report)
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in std::fs::read_dir(path).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.to_string_lossy();
        if path.is_dir() || name.ends_with(".json") || name.ends_with(".json.gz") {
            collect(&path, files)?;
        }
    }
    Ok(())
}

fn read(file: &Path) -> Result<Vec<Job>, String> {
    let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
    let bytes = std::fs::read(file).map_err(|error| failed(&error))?;
    let mut text = String::new();
    if file.extension().is_some_and(|it| it == "gz") {
        GzDecoder::new(&*bytes).read_to_string(&mut text).map_err(|error| failed(&error))?;
    } else {
        text = String::from_utf8(bytes).map_err(|error| failed(&error))?;
    }
    let mut content: Json = serde_json::from_str(&text).map_err(|error| failed(&error))?;
    if let Json::Array(cases) = content {
        return Ok(cases.into_iter().map(Job::Transcribed).collect());
    }
    if content["steps"].is_array() {
        return Ok(vec![Job::Description(file.to_owned())]);
    }
    let recorded = content["format"] == 1;
    match content.get_mut("topologies").map(Json::take) {
        Some(Json::Array(topologies)) if recorded => Ok(topologies.into_iter().map(Job::Scenario).collect()),
        _ => Err(failed(&"neither scenarios of format 1, nor transcribed cases, nor a described topology")),
    }
}

fn work(job: &Job, modes: &[Mode], listed: &BTreeSet<String>) -> Report {
    let mut report = Report::default();
    match job {
        Job::Scenario(scenario) => scenario_in(scenario, modes, listed, &mut report),
        Job::Transcribed(case) => transcribed_in(case, modes, listed, &mut report),
        Job::Description(file) => match guarded(|| described::pair(file)) {
            Ok(()) => report.described += 1,
            Err(what) => {
                let id = file.file_stem().unwrap_or_default().display().to_string();
                report.failed.push(Failure { id, mode: "describe".to_owned(), what });
            }
        },
    }
    report
}

fn scenario_in(scenario: &Json, modes: &[Mode], listed: &BTreeSet<String>, report: &mut Report) {
    let id = scenario["id"].as_str().unwrap_or("without an id").to_owned();
    let cases = scenario["cases"].as_array().map(Vec::as_slice).unwrap_or_default();
    match guarded(|| Ok(topology::build(scenario, Mode::Memory))) {
        Ok(Err(Unbuilt::Missing(missing))) => {
            report.skipped.push(Skip { id, missing, cases: cases.len() * modes.len() });
            return;
        }
        Ok(Ok(built)) => match described::matches(&built.topology, &scenario["describe"]) {
            Ok(()) => report.described += 1,
            Err(what) => report.failed.push(Failure { id, mode: "describe".to_owned(), what }),
        },
        // Every case will say why.
        Ok(Err(Unbuilt::Refused(_))) | Err(_) => {}
    }
    for case in cases {
        let id = case["id"].as_str().unwrap_or("without an id");
        for mode in modes {
            let outcome = guarded(|| case::run(scenario, case, *mode));
            report.add(id, *mode, outcome, listed);
        }
    }
}

fn transcribed_in(case: &Json, modes: &[Mode], listed: &BTreeSet<String>, report: &mut Report) {
    let id = case["id"].as_str().unwrap_or("without an id");
    for mode in modes {
        let mut missing = None;
        let outcome = guarded(|| match transcribed::run(case, *mode) {
            Ok(()) => Ok(()),
            Err(Ended::Differs(what)) => Err(what),
            Err(Ended::Missing(what)) => {
                missing = Some(what.clone());
                Err(format!("not run: {what}"))
            }
        });
        match missing {
            Some(missing) if !listed.contains(id) => {
                report.skipped.push(Skip { id: id.to_owned(), missing, cases: 1 });
            }
            _ => report.add(id, *mode, outcome, listed),
        }
    }
}

/// A panic is a failure of its case, not of the run.
fn guarded<T>(work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        Err(format!("panicked: {}", text.unwrap_or("without a message")))
    })
}
