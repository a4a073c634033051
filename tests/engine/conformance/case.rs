//! Feeds the script of a case and compares what comes out.

use serde_json::Value as Json;

use super::mode::{Machine, Mode};
use super::topology::{self, Nature, Unbuilt};
use super::{logs, outputs, record, rows};

/// Runs one case to its end; the error is everything that differs, the first entry that does in front.
pub(super) fn run(scenario: &Json, case: &Json, mode: Mode) -> Result<(), String> {
    let built = topology::build(scenario, mode).map_err(|unbuilt| match unbuilt {
        Unbuilt::Missing(what) | Unbuilt::Refused(what) => what,
    })?;
    let wall_clock = scenario["config"]["wall_clock_start_ms"].as_i64().unwrap_or(0);
    let mut machine = Machine::start(built.topology, mode, wall_clock, false)?;
    let script = case["script"].as_array().expect("a script");
    let end = case["order_sensitive_from"].as_u64().map_or(script.len(), |from| from as usize);
    let mut differences = Vec::new();
    for (nth, entry) in script.iter().take(end).enumerate() {
        let said = if entry["in"].is_null() { entry } else { &entry["in"] };
        let outcome = feed(&mut machine, entry, &built.nature);
        if entry["error"] == "buffer_full" {
            return match outcome {
                Err(Outcome::Refused(_)) => Ok(()),
                _ => Err(format!("entry {nth}, {said}: the full buffer did not stop it")),
            };
        }
        match outcome {
            Ok(()) => {}
            // What follows an error means nothing.
            Err(Outcome::Refused(why)) => return Err(format!("entry {nth}, {said}:\n{why}")),
            Err(Outcome::Differs(what)) if differences.is_empty() => {
                differences.push(format!("entry {nth}, {said}:\n{what}"));
            }
            Err(Outcome::Differs(_)) => {}
        }
    }
    if end == script.len() {
        differences.extend(ending(&mut machine, case, &built.nature));
    }
    if differences.is_empty() { Ok(()) } else { Err(differences.join("\n")) }
}

enum Outcome {
    /// The engine said no.
    Refused(String),
    /// It answered otherwise.
    Differs(String),
}

fn feed(machine: &mut Machine, entry: &Json, nature: &Nature) -> Result<(), Outcome> {
    let driver = &mut machine.driver;
    let before = driver.dropped();
    let fed = if let Some(milliseconds) = entry["advance_wall_clock_ms"].as_i64() {
        driver.advance_wall_clock(milliseconds)
    } else {
        let topic = entry["in"]["topic"].as_str().expect("a topic");
        let fed = driver.pipe_raw(topic, record::input(&entry["in"]));
        // The record itself is no output, also where the topology writes this topic.
        driver.read_raw(topic);
        fed
    };
    let refused = |error: topo::testkit::DriverError| Outcome::Refused(error.to_string());
    fed.map_err(refused)?;
    let compared = outputs::compare(driver, entry, nature);
    let dropped = driver.dropped() - before;
    machine.dropped += dropped;
    let dropped = outputs::dropped(dropped, entry);
    machine.entry_done().map_err(refused)?;
    compared.and(dropped).map_err(Outcome::Differs)
}

/// Totals, stores and internal topics.
fn ending(machine: &mut Machine, case: &Json, nature: &Nature) -> Vec<String> {
    let (driver, dropped) = (&mut machine.driver, machine.dropped);
    let script = case["script"].as_array().expect("a script");
    let exact: u64 = script
        .iter()
        .filter_map(|entry| entry["dropped_exact"].as_u64().or_else(|| entry["dropped"].as_u64()))
        .sum();
    let mut differences = Vec::new();
    let total = &case["dropped_total"];
    if Some(dropped) != total.as_u64() && dropped != exact {
        differences.push(format!("dropped in all:\n- {total}\n+ {dropped}"));
    }
    differences.extend(rows::compare(driver, case, nature).err());
    differences.extend(logs::compare(driver, case, nature).err());
    differences
}
