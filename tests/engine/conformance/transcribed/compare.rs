//! How strictly a case compares.

use std::collections::BTreeMap;

use serde_json::Value as Json;
use topo::testkit::Driver;

use super::super::mode::Machine;
use super::super::record::difference;
use super::super::rows::found_rows;
use super::super::topology::{Nature, Sink};
use super::outputs::{self, Output};
use super::topology::said;

/// What came out so far.
pub(super) struct Answers<'c> {
    case: &'c Json,
    sinks: &'c BTreeMap<String, Sink>,
    kept_ms: &'c BTreeMap<String, i64>,
    /// By input.
    got: Vec<Vec<Output>>,
}

type Shown = Result<(), String>;

impl<'c> Answers<'c> {
    pub(super) fn new(case: &'c Json, nature: &'c Nature) -> Self {
        Self { case, sinks: &nature.sinks, kept_ms: &nature.kept_ms, got: Vec::new() }
    }

    /// Takes what an input made appear.
    pub(super) fn collect(&mut self, driver: &mut Driver, nth: usize, fed: &str) {
        self.got.resize_with(nth + 1, Vec::new);
        for (topic, sink) in self.sinks {
            let mut records = driver.read_raw(topic);
            if topic == fed {
                // The record that was fed is no output.
                records.drain(..1.min(records.len()));
            }
            self.got[nth].extend(records.iter().map(|record| outputs::found(topic, sink, record)));
        }
    }

    /// Compares stores that the case looks into behind an input.
    pub(super) fn stores_after(&self, driver: &mut Driver, nth: usize) -> Shown {
        let looks = self.case["store_after"].as_array().map(Vec::as_slice).unwrap_or_default();
        for look in looks.iter().filter(|look| look["after_input"] == nth) {
            self.store(driver, look["store"].as_str(), &look["entries"])?;
        }
        Ok(())
    }

    /// Compares everything that is told at the end.
    pub(super) fn compare(&self, machine: &mut Machine) -> Shown {
        let (driver, got) = (&mut machine.driver, machine.dropped);
        if let Some(dropped) = self.case["dropped"].as_u64().filter(|dropped| *dropped != got) {
            return Err(format!("dropped:\n- {dropped}\n+ {got}"));
        }
        if self.case["store"].is_array() {
            self.store(driver, None, &self.case["store"])?;
        }
        let asserted = &self.case["asserted"];
        match said(asserted, "mode") {
            "exact" | "exact-kv" => self.exact(),
            "values-per-topic" => {
                same(&self.values(&self.wanted(), self.all()), self.values(&self.got, self.all()))
            }
            "count" => {
                let count = |list: &[Vec<Output>]| list.iter().map(Vec::len).sum::<usize>();
                same(&[count(&self.wanted())], [count(&self.got)].to_vec())
            }
            "map" => self.maps(),
            "last-per-key" => self.last_per_key(),
            "set-per-window" => {
                let set = |list: &[Vec<Output>]| {
                    let mut set: Vec<_> = list.iter().flatten().cloned().collect();
                    set.sort();
                    set.dedup();
                    set
                };
                same(&set(&self.wanted()), set(&self.got))
            }
            "store" | "dropped" => Ok(()),
            "dropped-log" => same(&[], self.got.concat()),
            other => Err(format!("cannot compare by {other}")),
        }
    }

    fn all(&self) -> std::ops::Range<usize> {
        0..self.got.len()
    }

    /// What is expected, by input.
    fn wanted(&self) -> Vec<Vec<Output>> {
        let mut wanted = vec![Vec::new(); self.got.len()];
        for entry in self.case["expected"].as_array().into_iter().flatten() {
            let nth = entry["after_input"].as_u64().expect("an input") as usize;
            wanted[nth] = entry["outputs"].as_array().into_iter().flatten().map(outputs::expected).collect();
        }
        wanted
    }

    /// Order, key, value, window and time, as far as the case tells them; several topics each by itself.
    fn exact(&self) -> Shown {
        let timed = self.case["asserted"]["ts"] != false;
        // Suppression of changes that are fed directly does without the windows of keys.
        let windowed =
            self.case["asserted"]["window"] != false && self.sinks.values().any(|sink| sink.keys.is_some());
        let told = |list: &[Output]| {
            let mut told: Vec<Output> = list.to_vec();
            for output in &mut told {
                output.ts = output.ts.filter(|_| timed);
                output.window = output.window.filter(|_| windowed);
            }
            told.sort_by(|a, b| a.topic.cmp(&b.topic));
            told
        };
        if let Some(last) = self.case["final"].as_array() {
            let last: Vec<Output> = last.iter().map(outputs::expected).collect();
            return same(&told(&last), told(&self.got.concat()));
        }
        for (nth, (wanted, got)) in self.wanted().iter().zip(&self.got).enumerate() {
            same(&told(wanted), told(got)).map_err(|what| format!("input {nth}:\n{what}"))?;
        }
        Ok(())
    }

    fn values(&self, list: &[Vec<Output>], inputs: std::ops::Range<usize>) -> Vec<(String, Option<String>)> {
        let mut values: Vec<_> =
            list[inputs].iter().flatten().map(|it| (it.topic.clone(), it.value.clone())).collect();
        values.sort_by(|a, b| a.0.cmp(&b.0));
        values
    }

    /// The last value of each key between two checkpoints.
    fn maps(&self) -> Shown {
        let last = |list: &[Vec<Output>]| {
            let pairs = list.iter().flatten();
            let by_key: BTreeMap<_, _> =
                pairs.map(|it| ((it.topic.clone(), it.key.clone()), it.value.clone())).collect();
            by_key.into_iter().collect::<Vec<_>>()
        };
        if let Some(ending) = self.case["final"].as_array() {
            let ending: Vec<Output> = ending.iter().map(outputs::expected).collect();
            return same(&last(&[ending]), last(&self.got));
        }
        let wanted = self.wanted();
        let ends = self.case["asserted"]["checkpoints"].as_array().into_iter().flatten();
        let ends = ends.filter_map(Json::as_u64).map(|end| end as usize + 1).chain([self.got.len()]);
        let mut from = 0;
        for end in ends {
            same(&last(&wanted[from..end]), last(&self.got[from..end]))
                .map_err(|what| format!("inputs {from} to {}:\n{what}", end.saturating_sub(1)))?;
            from = end;
        }
        Ok(())
    }

    /// The last value and time of each key and window.
    fn last_per_key(&self) -> Shown {
        let last = |list: &[Vec<Output>]| {
            let by_key: BTreeMap<_, _> =
                list.iter().flatten().map(|it| ((it.key.clone(), it.window), it.clone())).collect();
            by_key.into_values().collect::<Vec<_>>()
        };
        match self.case["final"].as_array() {
            Some(ending) => {
                let ending: Vec<Output> = ending.iter().map(outputs::expected).collect();
                same(&last(&[ending]), last(&self.got))
            }
            None => same(&last(&self.wanted()), last(&self.got)),
        }
    }

    /// The whole content of a store. Behind a cache Kafka Streams still shows rows that have expired; nobody else does.
    fn store(&self, driver: &mut Driver, name: Option<&str>, entries: &Json) -> Shown {
        let op = said(&self.case["topology"], "op");
        let kind = match op {
            _ if op.contains("session") => "session",
            _ if op.contains("window") || op.contains("sliding") => "window",
            _ => "kv",
        };
        let name = name.unwrap_or(if op == "table-source-view" { "input-store" } else { "store" });
        let entries = entries.as_array().map(Vec::as_slice).unwrap_or_default();
        let timed = kind != "session" && entries.iter().all(|entry| entry["ts"].is_number());
        let mut wanted: Vec<Output> = entries.iter().map(outputs::expected).collect();
        let rows = found_rows(driver, name, kind, &[])?;
        let mut got: Vec<Output> = rows
            .into_iter()
            .map(|(key, start, end, value, ts)| {
                let window = (kind != "kv").then_some((start, end));
                Output { topic: "out".to_owned(), key: Some(key), window, value: Some(value), ts: Some(ts) }
            })
            .collect();
        for row in wanted.iter_mut().chain(&mut got) {
            row.ts = row.ts.filter(|_| timed);
            if kind == "window" {
                // The store knows the start.
                row.window = row.window.map(|(start, _)| (start, 0));
            }
        }
        if self.case["topology"]["caching"] == true && kind == "window" {
            let newest = got.iter().filter_map(|row| row.window).max().unwrap_or_default().0;
            let kept = self.kept_ms.get(name).copied().unwrap_or(i64::MAX);
            let shown =
                |row: &Output| row.window.is_none_or(|(start, _)| start > newest.saturating_sub(kept));
            wanted.retain(shown);
            got.retain(shown);
        }
        wanted.sort();
        got.sort();
        same(&wanted, got).map_err(|what| format!("store {name}:\n{what}"))
    }
}

fn same<T: PartialEq + std::fmt::Debug>(wanted: &[T], got: Vec<T>) -> Shown {
    if wanted == got.as_slice() {
        return Ok(());
    }
    Err(difference(&got, wanted, |it| format!("{it:?}")))
}
