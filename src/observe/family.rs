//! One metric name with its labels: a handle per combination of label values.

use super::primitives::Metric;
use std::{
    collections::BTreeMap,
    fmt::Write,
    sync::{Arc, PoisonError, RwLock},
};

/// All series of one metric. Ask for a handle once and keep it: looking one up takes a lock, moving it does not.
#[derive(Debug)]
pub struct Family<M> {
    name: &'static str,
    help: &'static str,
    labels: &'static [&'static str],
    series: RwLock<BTreeMap<Vec<String>, Arc<M>>>,
}

impl<M: Metric> Family<M> {
    pub(super) fn new(name: &'static str, help: &'static str, labels: &'static [&'static str]) -> Self {
        Self { name, help, labels, series: RwLock::default() }
    }

    /// The series with these label values, in the order of the label names; made when it is new.
    #[must_use]
    pub fn with(&self, values: &[&str]) -> Arc<M> {
        debug_assert_eq!(values.len(), self.labels.len(), "labels of {}", self.name);
        let key: Vec<String> = values.iter().map(|value| (*value).to_owned()).collect();
        if let Some(known) = self.series.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return known.clone();
        }
        let mut series = self.series.write().unwrap_or_else(PoisonError::into_inner);
        series.entry(key).or_default().clone()
    }

    /// Forgets the series whose first label values are these: a task that moved away must not be reported for ever.
    pub fn forget(&self, first_values: &[&str]) {
        let mut series = self.series.write().unwrap_or_else(PoisonError::into_inner);
        series.retain(|key, _| !key.iter().zip(first_values).all(|(a, b)| a == b));
    }

    pub(super) fn write(&self, out: &mut String) {
        let series = self.series.read().unwrap_or_else(PoisonError::into_inner);
        if series.is_empty() {
            return;
        }
        let _ = write!(out, "# HELP {} {}\n# TYPE {} {}\n", self.name, self.help, self.name, M::TYPE);
        for (values, metric) in series.iter() {
            let pairs = self.labels.iter().zip(values);
            let labels: Vec<String> =
                pairs.map(|(label, value)| format!("{label}=\"{}\"", escape(value))).collect();
            metric.write(self.name, &labels.join(","), out);
        }
    }
}

fn escape(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::Counter;

    #[test]
    fn a_label_value_cannot_break_out_of_its_quotes() {
        let family: Family<Counter> = Family::new("x_total", "X.", &["topic"]);
        family.with(&["a\"b\\c\nd"]).add(2);
        let mut out = String::new();
        family.write(&mut out);
        assert_eq!(out, "# HELP x_total X.\n# TYPE x_total counter\nx_total{topic=\"a\\\"b\\\\c\\nd\"} 2\n");
    }

    #[test]
    fn a_task_that_moved_away_is_forgotten_and_its_neighbour_is_not() {
        let family: Family<Counter> = Family::new("x_total", "X.", &["application", "task"]);
        family.with(&["orders", "0_1"]).add(1);
        family.with(&["orders", "0_2"]).add(1);
        family.forget(&["orders", "0_1"]);
        let mut out = String::new();
        family.write(&mut out);
        assert!(!out.contains("0_1") && out.contains("0_2"), "{out}");
    }
}
