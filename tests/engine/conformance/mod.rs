//! Runs the recorded Kafka Streams scenarios against this engine, through its public API only.
//!
//! A topology is built from its list of steps (`topology`), fed entry by entry, and compared (`check`) with what Kafka
//! Streams answered: outputs in order, dropped counts, stores, changelogs, repartition topics, and the text of `describe`. A topology with a step
//! this engine does not have yet is skipped by name. Shared by the test and by `examples/conformance.rs`.

mod check;
mod functions;
mod joins;
mod processors;
mod steps;
mod topology;
mod value;

use std::path::Path;

use serde_json::Value as Json;

/// What came of a directory or file of scenarios.
#[derive(Default)]
pub(crate) struct Report {
    /// Cases that matched in everything.
    pub(crate) passed: usize,
    /// Case ids with the first difference.
    pub(crate) failed: Vec<String>,
    /// Topologies that were not run, with the missing operator.
    pub(crate) skipped: Vec<String>,
}

/// Runs all topologies of one file.
pub(crate) fn run_file(path: &Path, report: &mut Report) {
    let text = std::fs::read_to_string(path).expect("the scenario file is readable");
    let file: Json = serde_json::from_str(&text).expect("the scenario file is JSON");
    for topology in file["topologies"].as_array().expect("a list of topologies") {
        let id = topology["id"].as_str().expect("an id");
        let built = match topology::build(topology) {
            Ok(built) => built,
            Err(missing) => {
                report.skipped.push(format!("{id}: {missing}"));
                continue;
            }
        };
        let described = built.topology.describe();
        if topology["config"]["optimization"] == "none" && topology["describe"].as_str() != Some(&described) {
            report.failed.push(format!("{id}: is described as\n{described}"));
        }
        for case in topology["cases"].as_array().expect("a list of cases") {
            match check::case(topology, case) {
                Ok(()) => report.passed += 1,
                Err(difference) => report.failed.push(format!("{}: {difference}", case["id"])),
            }
        }
    }
}

/// Runs all files of a directory in the order of their names.
pub(crate) fn run_directory(directory: &Path) -> Report {
    let mut files: Vec<_> = std::fs::read_dir(directory)
        .expect("the directory of scenarios")
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|it| it == "json"))
        .collect();
    files.sort();
    let mut report = Report::default();
    for file in files {
        run_file(&file, &mut report);
    }
    report
}
