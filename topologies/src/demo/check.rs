//! Compares what came out with what the model says.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::input::Input;
use super::outputs::Outputs;

/// What is not as it must be. Every line names one record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Should be there and is not.
    pub(super) lost: Vec<String>,
    /// Is there twice.
    pub(super) duplicated: Vec<String>,
    /// Is something else, or should not be there.
    pub(super) wrong: Vec<String>,
}

impl Found {
    pub(super) fn is_right(&self) -> bool {
        self.lost.is_empty() && self.duplicated.is_empty() && self.wrong.is_empty()
    }

    fn compare(&mut self, what: &str, expected: &BTreeMap<String, Value>, actual: &BTreeMap<String, Value>) {
        for (key, value) in expected {
            match actual.get(key) {
                None => self.lost.push(format!("{what} {key}: expected {value}")),
                Some(found) if found != value => {
                    self.wrong.push(format!("{what} {key}: expected {value}, found {found}"));
                }
                Some(_) => {}
            }
        }
        for (key, value) in actual.iter().filter(|(key, _)| !expected.contains_key(*key)) {
            self.wrong.push(format!("{what} {key}: expected nothing, found {value}"));
        }
    }
}

/// Everything that differs.
pub(super) fn check(input: &Input, outputs: &Outputs) -> Found {
    let mut found = Found {
        duplicated: outputs.duplicates.clone(),
        wrong: outputs.unreadable.clone(),
        ..Found::default()
    };
    for line in input.orders.differences_enriched(&outputs.enriched) {
        if line.ends_with("found nothing") { found.lost.push(line) } else { found.wrong.push(line) }
    }
    found.compare("revenue", &input.orders.expected_revenue(), &outputs.revenue);
    let alerts = input.orders.expected_alerts();
    for id in alerts.required.difference(&outputs.alerts) {
        found.lost.push(format!("alert for order {id}"));
    }
    for id in outputs.alerts.difference(&alerts.permitted) {
        found.wrong.push(format!("alert for order {id}"));
    }
    check_verdicts(input, outputs, &mut found);
    check_dead_letters(input, outputs, &mut found);
    found
}

fn check_verdicts(input: &Input, outputs: &Outputs, found: &mut Found) {
    let (mut expected, mut actual) = (BTreeMap::new(), outputs.verdicts.clone());
    for (id, verdict) in input.payments.expected_verdicts() {
        if verdict.determined {
            expected.insert(id, verdict.value);
        } else if actual.remove(&id).is_none() {
            found.lost.push(format!("verdict {id}"));
        }
    }
    found.compare("verdict", &expected, &actual);
}

fn check_dead_letters(input: &Input, outputs: &Outputs, found: &mut Found) {
    let letters = input.orders.expected_dead_letters().iter().chain(input.payments.expected_dead_letters());
    let expected: BTreeSet<(String, i32, i64)> =
        letters.map(|letter| (letter.topic.clone(), letter.partition, letter.offset)).collect();
    for place in expected.difference(&outputs.dead_letters) {
        found.lost.push(format!("dead letter {place:?}"));
    }
    for place in outputs.dead_letters.difference(&expected) {
        found.wrong.push(format!("dead letter {place:?}"));
    }
}
