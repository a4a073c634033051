//! Cases transcribed from Kafka's own tests: the format of lists, with functions in words and several ways to compare.
//!
//! The operator that a case names becomes the steps of a recorded scenario (`topology`, `aggregations`), its words become
//! functions (`words`), its inputs become records; what comes out is compared as strictly as the case says (`compare`). Integer
//! keys travel as decimal texts: no case has keys whose order that changes.

mod aggregations;
mod compare;
mod outputs;
mod topology;
mod words;

use std::collections::BTreeSet;

use serde_json::Value as Json;
use topo::partition_of;

use super::mode::{Machine, Mode};
use super::topology::{Built, Unbuilt, build};
use compare::Answers;
use topology::said;

/// Why a case was not run, or what differs.
pub(super) enum Ended {
    /// The engine has no such operator.
    Missing(String),
    Differs(String),
}

/// Runs one case to its end.
pub(super) fn run(case: &Json, mode: Mode) -> Result<(), Ended> {
    match said(&case["topology"], "op") {
        "murmur2" => return partitions(case).map_err(Ended::Differs),
        "sticky-partitioner" => {
            return Err(Ended::Missing("the producer's choice of partitions for null keys".to_owned()));
        }
        _ => {}
    }
    let scenario = topology::scenario(case).map_err(Ended::Missing)?;
    let built = build(&scenario, mode).map_err(|unbuilt| match unbuilt {
        Unbuilt::Missing(what) => Ended::Missing(what),
        Unbuilt::Refused(what) => Ended::Differs(what),
    })?;
    fed(case, &scenario, built, mode).map_err(Ended::Differs)
}

fn fed(case: &Json, scenario: &Json, built: Built, mode: Mode) -> Result<(), String> {
    let numbers = topology::topics_of_numbers(scenario);
    let Built { topology, nature } = built;
    // Such a case looks at what its cache gives when it is flushed, once, behind all inputs.
    let flushes_once = case["topology"]["caching"] == true
        && case["asserted"]["mode"] == "exact"
        && said(&case["topology"], "notes").contains("flushed once at the end");
    let mut machine = Machine::start(topology, mode, 0, flushes_once)?;
    let mut answers = Answers::new(case, &nature);
    let inputs = case["inputs"].as_array().expect("inputs");
    for (nth, input) in inputs.iter().enumerate() {
        let fed = feed(&mut machine, input, &numbers);
        if case["error"]["after_input"] == nth {
            return match fed {
                Err(_) => Ok(()),
                Ok(()) => Err(format!("input {nth}, {input}: nothing stopped it")),
            };
        }
        fed.map_err(|why| format!("input {nth}, {input}: {why}"))?;
        if flushes_once && nth + 1 == inputs.len() {
            machine.driver.commit().map_err(|error| error.to_string())?;
        }
        answers.collect(&mut machine.driver, nth, said(input, "topic"));
        answers.stores_after(&mut machine.driver, nth)?;
        if !flushes_once {
            machine.entry_done().map_err(|error| error.to_string())?;
        }
    }
    answers.compare(&mut machine)
}

fn feed(machine: &mut Machine, input: &Json, numbers: &BTreeSet<String>) -> Result<(), String> {
    let driver = &mut machine.driver;
    let before = driver.dropped();
    let fed = match said(input, "control") {
        "" => {
            let topic = said(input, "topic");
            driver.pipe_raw(topic, outputs::record(input, numbers.contains(topic)))
        }
        "set_wall_clock" => {
            let ahead = input["ms"].as_i64().unwrap_or(0) - driver.wall_clock();
            driver.advance_wall_clock(ahead)
        }
        "restart_processor" => driver.reopen(),
        "wipe_local_state_and_restart" => driver.restore(),
        other => return Err(format!("control {other}")),
    };
    fed.map_err(|error| error.to_string())?;
    machine.dropped += machine.driver.dropped() - before;
    Ok(())
}

/// The partitions of a key among so many.
fn partitions(case: &Json) -> Result<(), String> {
    let key = said(&case["inputs"][0], "key");
    let none = serde_json::Map::new();
    for (count, partition) in case["derived_partition"].as_object().unwrap_or(&none) {
        let got = partition_of(key.as_bytes(), count.parse().expect("a count"));
        if *partition != got {
            return Err(format!("{key} among {count}:\n- {partition}\n+ {got}"));
        }
    }
    Ok(())
}
