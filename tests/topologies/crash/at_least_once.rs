//! At-least-once processing under kills: nothing is lost. What may double is a repetition of what was said before, and
//! a count is never below the truth.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rand::Rng;
use serde_json::Value;

use crate::flow::{Flow, PATIENCE};
use crate::form::{chance, pick};
use crate::system::{Expected, PAUSE, System};

#[test]
fn at_least_once_loses_nothing_under_kills_and_counts_no_less_than_there_is() {
    let (mut rng, seed) = chance("at least once");
    let mut flow = Flow::payments(System::shared("at-least-once"), seed);
    let settings = [("processing", "at_least_once"), ("commit.interval.ms", "300ms")];
    flow.start_ready(2, &settings);
    for _ in 0..pick(4, 40) {
        flow.pump_for(Duration::from_millis(rng.random_range(500..pick(1_500, 4_000))));
        let victim = rng.random_range(0..flow.workers.len());
        flow.workers[victim].kill_and_restart();
    }
    flow.input.flush();
    let expected = Expected::read_back(&flow.system, &flow.input);
    let deadline = Instant::now() + 2 * PATIENCE;
    let mut wrong = vec!["nothing was compared yet".to_owned()];
    while !wrong.is_empty() {
        assert!(
            Instant::now() < deadline,
            "{} differences:\n{}",
            wrong.len(),
            wrong[..wrong.len().min(10)].join("\n")
        );
        flow.outputs.read(Duration::from_millis(200));
        flow.workers.iter_mut().for_each(crate::system::Worker::must_live);
        assert_eq!(flow.outputs.anomalies, Vec::<String>::new());
        if flow.outputs.quiet_for() > PAUSE {
            wrong = less_than_there_is(&flow, &expected);
        }
    }
    let said = flow.outputs.verdicts.len();
    eprintln!(
        "{} payments, {said} with a verdict, {} verdicts said again",
        flow.input.written(),
        flow.outputs.repeats.len()
    );
    flow.stop();
}

/// Payments without a verdict, and verdicts (repeated ones too) with a count below that of the model.
fn less_than_there_is(flow: &Flow, expected: &Expected) -> Vec<String> {
    let mut said: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for (id, verdict) in &flow.outputs.verdicts {
        said.entry(id).or_default().push(verdict);
    }
    for repeat in &flow.outputs.repeats {
        said.entry(&repeat.key).or_default().extend(&repeat.value);
    }
    let mut wrong = Vec::new();
    for (id, right) in expected.payments.expected_verdicts() {
        let Some(verdicts) = said.remove(id.as_str()) else {
            wrong.push(format!("payment {id} has no verdict"));
            continue;
        };
        let wanted = counts(&right.value);
        for verdict in verdicts {
            let found = counts(verdict);
            if wanted.iter().any(|(rule, count)| found.get(rule).is_none_or(|found| found < count)) {
                wrong.push(format!("payment {id}: {found:?}, at least {wanted:?} is right"));
            }
        }
    }
    wrong.extend(said.keys().map(|id| format!("nobody paid {id}")));
    wrong
}

/// The counts of a verdict by rule. Rule 903 is about an amount, not a count.
fn counts(verdict: &Value) -> BTreeMap<String, u64> {
    let rules = verdict["verdicts"].as_array().unwrap().iter();
    let counted = rules.filter(|rule| !rule["id"].as_str().unwrap().starts_with("903"));
    counted
        .map(|rule| (rule["id"].as_str().unwrap().to_owned(), rule["indpdntVarbl"].as_u64().unwrap()))
        .collect()
}
